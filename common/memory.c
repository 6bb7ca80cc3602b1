#include "common/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/banned.h"
#include "common/container.h"
#include "common/log.h"
#include "common/xalloc.h"

/* Pages of the process: all, and those in memory. */
static void read_usage(uint64_t *virtual, uint64_t *resident)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, virtual, resident) != 2)
		*virtual = *resident = 0;
	if (file)
		fclose(file);
	*virtual *= page;
	*resident *= page;
}

static void consider(struct memory_left *left, uint64_t limit, uint64_t used, const char *name)
{
	uint64_t bytes = limit > used ? limit - used : 0;

	if (bytes < left->bytes)
		*left = (struct memory_left){.bytes = bytes, .limit = name};
}

struct memory_left memory_left(void)
{
	struct memory_left left = {.bytes = UINT64_MAX, .limit = "nothing"};
	uint64_t virtual, resident;
	struct rlimit address;
	struct sysinfo machine;

	read_usage(&virtual, &resident);
	if (sysinfo(&machine) == 0)
		consider(&left, ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit, resident,
			 "the machine's memory");
	consider(&left, container_memory_bytes(), resident, "the container's limit");
	if (getrlimit(RLIMIT_AS, &address) == 0 && address.rlim_cur != RLIM_INFINITY)
		consider(&left, address.rlim_cur, virtual, "ulimit -v");
	return left;
}

void memory_foresee(uint64_t bytes)
{
	struct memory_left left = memory_left();
	char text[256];

	if (bytes <= left.bytes)
		return;
	snprintf(text, sizeof(text),
		 "out of memory: about %" PRIu64 " MB more are needed, %s leaves %" PRIu64 " MB: " XALLOC_ADVICE,
		 bytes / 1000000 + 1, left.limit, left.bytes / 1000000);
	log_error(text, NULL);
	_exit(EXIT_FAILURE);
}
