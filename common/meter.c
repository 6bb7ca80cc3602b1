#include "common/meter.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/banned.h"

const struct meter_files meter_of_this_machine = {"/proc", "/sys/fs/cgroup", "/sys/class/powercap"};

/* A path that does not fit names no file. */
static FILE *open_file(const char *folder, const char *name)
{
	char path[METER_PATH_SIZE];
	int size = snprintf(path, sizeof(path), "%s/%s", folder, name);

	return size < (int)sizeof(path) ? fopen(path, "re") : NULL;
}

static bool read_uint64(const char *folder, const char *name, uint64_t *value)
{
	FILE *file = open_file(folder, name);
	bool found;

	if (!file)
		return false;
	found = fscanf(file, "%" SCNu64, value) == 1;
	fclose(file);
	return found;
}

/* ------------------------------------------------------------------ the control group */

/* The parent of a process, 0 when it is not known. */
static int parent_of(const struct meter_files *files, int pid)
{
	char name[32], line[1024], *end;
	int parent = 0;
	FILE *file;

	snprintf(name, sizeof(name), "%d/stat", pid);
	file = open_file(files->proc, name);
	if (!file)
		return 0;
	/* pid (name) state parent: the name may hold anything but ends with the last parenthesis. */
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')) && sscanf(end, ") %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

static bool is_ancestor(const struct meter_files *files, int ancestor, int pid)
{
	for (int depth = 0; pid > 0 && depth < 64; depth++, pid = parent_of(files, pid))
		if (pid == ancestor)
			return true;
	return false;
}

/* A process of another container reads 0. */
static bool holds_only_us(const struct meter_files *files, const char *folder)
{
	FILE *list = open_file(folder, "cgroup.procs");
	int self = getpid(), pid, count = 0;
	bool ours = true;

	if (!list)
		return false;
	for (; ours && fscanf(list, "%d", &pid) == 1; count++)
		ours = pid > 0 && (is_ancestor(files, pid, self) || is_ancestor(files, self, pid));
	fclose(list);
	return ours && count > 0;
}

/* The path behind "N:...cpuacct...:" (version 1) or "0::" (version 2); version 1 where its controller is in use. */
static int own_cgroup(const struct meter_files *files, char *path, size_t size)
{
	char line[METER_PATH_SIZE];
	FILE *file = open_file(files->proc, "self/cgroup");
	int version = 0;

	while (file && version != 1 && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *found = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!found)
			continue;
		*found++ = '\0';
		found[strcspn(found, "\n")] = '\0';
		if (strstr(controllers, "cpuacct"))
			version = 1;
		else if (controllers[1] == '\0')
			version = 2;
		else
			continue;
		snprintf(path, size, "%s", found);
	}
	if (file)
		fclose(file);
	return version;
}

/* In a container the path may be the one outside of it, while its group is mounted as the root. */
static void find_cgroup(struct meter *meter)
{
	static const char *const mounts[] = {"", "/cpuacct", "/cpu,cpuacct"};
	const char *file = "cpu.stat";
	char own[METER_PATH_SIZE], folder[3 * METER_PATH_SIZE];
	int version = own_cgroup(meter->files, own, sizeof(own));

	if (version == 1)
		file = "cpuacct.usage";
	for (int i = version == 1; version && i < (version == 1 ? 3 : 1); i++)
		for (int inside = 0; inside < 2; inside++) {
			snprintf(folder, sizeof(folder), "%s%s%s", meter->files->cgroup, mounts[i], inside ? "" : own);
			if (!holds_only_us(meter->files, folder) ||
			    snprintf(meter->cpu_file, sizeof(meter->cpu_file), "%s/%s", folder, file) >=
				(int)sizeof(meter->cpu_file) ||
			    access(meter->cpu_file, R_OK))
				continue;
			meter->cgroup_version = version;
			return;
		}
}

bool meter_cpu_s(const struct meter *meter, double *cpu_s)
{
	unsigned long long count;
	FILE *file = meter->cgroup_version ? fopen(meter->cpu_file, "re") : NULL;
	bool found;

	if (!file)
		return false;
	found = fscanf(file, meter->cgroup_version == 1 ? "%llu" : "usage_usec %llu", &count) == 1;
	fclose(file);
	*cpu_s = (double)count / (meter->cgroup_version == 1 ? 1e9 : 1e6);
	return found;
}

const char *meter_cpu_method(const struct meter *meter)
{
	static const char *const names[] = {"getrusage", "cgroup-v1", "cgroup-v2"};

	return names[meter->cgroup_version];
}

/* ------------------------------------------------------------------ energy */

static bool busy_s(const struct meter_files *files, double *value)
{
	FILE *file = open_file(files->proc, "stat");
	double user, nice, system, irq, softirq, steal;
	bool found;

	if (!file)
		return false;
	found = fscanf(file, "cpu %lf %lf %lf %*f %*f %lf %lf %lf", &user, &nice, &system, &irq, &softirq, &steal) == 6;
	fclose(file);
	*value = (user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
	return found;
}

static bool is_package(const char *folder)
{
	char name[32] = "";
	FILE *file = open_file(folder, "name");

	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		*name = '\0';
	fclose(file);
	return strncmp(name, "package", 7) == 0;
}

static void find_packages(struct meter *meter)
{
	DIR *folder = opendir(meter->files->powercap);
	const struct dirent *entry;

	while (folder && meter->package_count < METER_MAX_PACKAGES && (entry = readdir(folder))) {
		char *path = meter->package_folder[meter->package_count];

		if (strncmp(entry->d_name, "intel-rapl:", 11) != 0 ||
		    snprintf(path, METER_PATH_SIZE, "%s/%s", meter->files->powercap, entry->d_name) >=
			METER_PATH_SIZE ||
		    !is_package(path))
			continue;
		if (!read_uint64(path, "energy_uj", &meter->package_last_uj[meter->package_count]))
			meter->energy_known = false;
		meter->package_count++;
	}
	if (folder)
		closedir(folder);
}

void meter_open(struct meter *meter, const struct meter_files *files)
{
	*meter = (struct meter){.files = files};
	find_cgroup(meter);
	meter->energy_known = busy_s(files, &meter->busy_start_s);
	find_packages(meter);
	meter->energy_known = meter->energy_known && meter->package_count > 0;
}

void meter_sample(struct meter *meter)
{
	for (int i = 0; i < meter->package_count; i++) {
		uint64_t now_uj, range_uj = 0, last_uj = meter->package_last_uj[i];

		if (!read_uint64(meter->package_folder[i], "energy_uj", &now_uj) ||
		    (now_uj < last_uj && !read_uint64(meter->package_folder[i], "max_energy_range_uj", &range_uj))) {
			meter->energy_known = false;
			return;
		}
		meter->packages_j += (double)(now_uj + (now_uj < last_uj ? range_uj : 0) - last_uj) / 1e6;
		meter->package_last_uj[i] = now_uj;
	}
}

bool meter_energy_j(struct meter *meter, double cpu_s, double *energy_j)
{
	double now_s;

	if (!meter->energy_known)
		return false;
	meter_sample(meter);
	if (!meter->energy_known || !busy_s(meter->files, &now_s))
		return false;
	/* The machine's count goes in clock ticks: it cannot have been less busy than we were. */
	now_s -= meter->busy_start_s;
	if (now_s < cpu_s)
		now_s = cpu_s;
	*energy_j = now_s > 0 ? meter->packages_j * cpu_s / now_s : 0;
	return true;
}
