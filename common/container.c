#include "common/container.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "common/banned.h"

/* How many of the numbers that a file begins with were read. */
static int read_numbers(const char *path, long long *first, long long *second)
{
	FILE *file = fopen(path, "re");
	int count = file ? fscanf(file, "%lld %lld", first, second) : 0;

	if (file)
		fclose(file);
	return count;
}

/* Of version 2 "max" or a number of bytes, of version 1 a number. */
uint64_t container_memory_bytes(void)
{
	long long limit = -1, none;

	if (read_numbers("/sys/fs/cgroup/memory.max", &limit, &none) < 1)
		read_numbers("/sys/fs/cgroup/memory/memory.limit_in_bytes", &limit, &none);
	return limit < 0 ? UINT64_MAX : (uint64_t)limit;
}

/* Of version 2 "QUOTA PERIOD" in microseconds, or "max PERIOD"; of version 1 a file for each, and a quota of -1 for
 * none. */
static int quota_processors(void)
{
	long long quota = -1, period = -1, none;

	if (read_numbers("/sys/fs/cgroup/cpu.max", &quota, &period) < 2 &&
	    read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &none) == 1)
		read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &none);
	if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
		return INT_MAX;
	return (int)((quota + period - 1) / period);
}

int container_processors(void)
{
	int allowed = quota_processors(), present;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	present = CPU_COUNT(&set);
	return present < allowed ? present : allowed;
}
