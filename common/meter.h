#ifndef COMMON_METER_H
#define COMMON_METER_H

/*
 * What the kernel has counted for this process, beside getrusage(): the CPU seconds of its control group, and the
 * energy of the machine's processors.
 *
 *	struct meter meter;
 *	meter_open(&meter, &meter_of_this_machine);	at the beginning of what is measured
 *	... meter_sample(&meter) now and then, at least every ten minutes: the energy counters wrap ...
 *	if (meter_cpu_s(&meter, &cpu_s)) ...		of the control group, since it was made
 *	if (meter_energy_j(&meter, own_cpu_s, &energy_j)) ...
 *
 * The control group counts only where it is ours: every process in it is this one, an ancestor or a descendant, as in a
 * container. It then holds what getrusage() does not: children that are not waited for. Version 1 (cpuacct.usage) and
 * version 2 (cpu.stat) are known.
 *
 * Energy: the powercap counters intel-rapl:N whose name begins with "package"; core, uncore and dram lie inside or
 * beside them and are left out, so is the copy intel-rapl-mmio. Root may read them, few clouds have them. Of the joules
 * that the packages took, ours are the part that our CPU seconds have in all that the machine was busy for
 * (/proc/stat).
 *
 * No errors: what cannot be read is not known, and then the caller has getrusage() and a model.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"

struct meter_files { /* folders; others than the kernel's only in tests */
	const char *proc, *cgroup, *powercap;
};
extern const struct meter_files meter_of_this_machine;

enum { METER_MAX_PACKAGES = 8, METER_PATH_SIZE = 512 };

struct meter {
	const struct meter_files *files;
	int cgroup_version; /* 1 or 2 where the control group is ours, else 0 */
	char cpu_file[METER_PATH_SIZE];
	int package_count;
	char package_folder[METER_MAX_PACKAGES][METER_PATH_SIZE];
	uint64_t package_last_uj[METER_MAX_PACKAGES];
	double packages_j;   /* since meter_open */
	double busy_start_s; /* of all processors */
	bool energy_known;   /* every counter was readable every time */
};

void meter_open(struct meter *meter, const struct meter_files *files);
void meter_sample(struct meter *meter);
bool meter_cpu_s(const struct meter *meter, double *cpu_s) MUST_USE;
/* Samples, then shares out. cpu_s: of this process since meter_open. */
bool meter_energy_j(struct meter *meter, double cpu_s, double *energy_j) MUST_USE;
const char *meter_cpu_method(const struct meter *meter); /* "getrusage", "cgroup-v1" or "cgroup-v2" */

#endif
