#include "model-api/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "model-api/metrics.h"

static void write_value(struct text *text, const char *name, const char *type, const char *help, double value)
{
	metrics_head(text, name, type, help);
	text_printf(text, "%s %.15g\n", name, value);
}

static bool read_file(const char *path, char *content, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t used;

	if (!file)
		return false;
	used = fread(content, 1, size - 1, file);
	content[used] = '\0';
	fclose(file);
	return used > 0;
}

/* Behind a line "intr" that grows with the machine, so line by line. */
double process_boot_time_s(const char *path)
{
	static const char name[] = "btime ";
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	double boot_s = 0;

	while (file && boot_s == 0 && getline(&line, &room, file) >= 0)
		if (strncmp(line, name, strlen(name)) == 0)
			boot_s = strtod(line + strlen(name), NULL);
	free(line);
	if (file)
		fclose(file);
	return boot_s;
}

static void write_stat(struct text *text)
{
	char content[1024], *field;
	double ticks = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE),
	       boot_s = process_boot_time_s("/proc/stat");
	unsigned long long user, system, start, threads, size, resident;

	if (!read_file("/proc/self/stat", content, sizeof(content)))
		return;
	field = strrchr(content, ')'); /* the program's name may hold anything */
	if (!field || sscanf(field,
			     ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %llu %*d %llu "
			     "%llu %llu",
			     &user, &system, &threads, &start, &size, &resident) != 6)
		return;
	write_value(text, "process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.",
		    (double)(user + system) / ticks);
	write_value(text, "process_virtual_memory_bytes", "gauge", "Virtual memory size, in bytes.", (double)size);
	write_value(text, "process_resident_memory_bytes", "gauge", "Resident memory size, in bytes.",
		    (double)resident * page);
	write_value(text, "process_threads", "gauge", "Number of threads.", (double)threads);
	if (boot_s > 0)
		write_value(text, "process_start_time_seconds", "gauge", "Start time since the Unix epoch, in seconds.",
			    boot_s + (double)start / ticks);
}

static void write_descriptors(struct text *text)
{
	struct rlimit limit;
	DIR *directory = opendir("/proc/self/fd");
	int count = -1; /* the directory's own */

	if (directory) {
		for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
			count += entry->d_name[0] != '.';
		closedir(directory);
		write_value(text, "process_open_fds", "gauge", "Number of open file descriptors.", count);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		write_value(text, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
			    (double)limit.rlim_cur);
}

void process_write(struct text *text)
{
	write_stat(text);
	write_descriptors(text);
}
