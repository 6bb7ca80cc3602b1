#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/meter.h"

/* A kernel made of files, in a folder of its own per test. */
static char root[64], proc[80], cgroup[80], powercap[80];
static const struct meter_files files = {proc, cgroup, powercap};

static int make(void **state UNUSED)
{
	snprintf(root, sizeof(root), "/tmp/green-ml-meter.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", root);
	snprintf(powercap, sizeof(powercap), "%s/powercap", root);
	return 0;
}

static int clean(void **state UNUSED)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void put(const char *name, const char *content)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0700);
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void put_stat(int pid, int parent)
{
	char name[64], line[128];

	snprintf(name, sizeof(name), "proc/%d/stat", pid);
	snprintf(line, sizeof(line), "%d (a ) b) S %d 1 1", pid, parent);
	put(name, line);
}

static const char *procs(const char *others)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s%d\n", others, (int)getpid());
	return text;
}

static void a_container_of_version_2(void **state UNUSED)
{
	struct meter meter;
	double cpu_s = 0;

	put("proc/self/cgroup", "0::/\n");
	put_stat(getpid(), 1);
	put("cgroup/cgroup.procs", procs("1\n"));
	put("cgroup/cpu.stat", "usage_usec 2500000\nuser_usec 2000000\n");
	meter_open(&meter, &files);
	assert_string_equal(meter_cpu_method(&meter), "cgroup-v2");
	assert_true(meter_cpu_s(&meter, &cpu_s));
	assert_float_equal(cpu_s, 2.5, 1e-9);
	put("cgroup/cpu.stat", "nothing\n");
	assert_false(meter_cpu_s(&meter, &cpu_s));
}

static void a_container_of_version_1(void **state UNUSED)
{
	struct meter meter;
	double cpu_s = 0;

	/* The path is the node's; in the container the group itself is mounted. */
	put("proc/self/cgroup", "3:cpu,cpuacct:/kubepods/pod1/abc\n2:memory:/kubepods/pod1/abc\n0::/\n");
	put_stat(getpid(), 7);
	put_stat(7, 1);
	put("cgroup/cpu,cpuacct/cgroup.procs", procs("7\n"));
	put("cgroup/cpu,cpuacct/cpuacct.usage", "1500000000\n");
	meter_open(&meter, &files);
	assert_string_equal(meter_cpu_method(&meter), "cgroup-v1");
	assert_true(meter_cpu_s(&meter, &cpu_s));
	assert_float_equal(cpu_s, 1.5, 1e-9);
}

static void a_group_of_its_own_below_the_root(void **state UNUSED)
{
	struct meter meter;
	double cpu_s = 0;

	put("proc/self/cgroup", "0::/user.slice/run-1.scope\n");
	put("cgroup/cgroup.procs", procs("99\n"));
	put("cgroup/cpu.stat", "usage_usec 1\n");
	put("cgroup/user.slice/run-1.scope/cgroup.procs", procs(""));
	put("cgroup/user.slice/run-1.scope/cpu.stat", "usage_usec 3000000\n");
	meter_open(&meter, &files);
	assert_true(meter_cpu_s(&meter, &cpu_s));
	assert_float_equal(cpu_s, 3, 1e-9);
}

static void a_shared_group_does_not_count(void **state UNUSED)
{
	static const char *const others[] = {"99\n", "0\n"}; /* a stranger; a process of another container */
	struct meter meter;
	double cpu_s;

	for (int i = 0; i < 2; i++) {
		put("proc/self/cgroup", "0::/\n");
		put_stat(getpid(), 1);
		put_stat(99, 1);
		put("cgroup/cgroup.procs", procs(others[i]));
		put("cgroup/cpu.stat", "usage_usec 2500000\n");
		meter_open(&meter, &files);
		assert_string_equal(meter_cpu_method(&meter), "getrusage");
		assert_false(meter_cpu_s(&meter, &cpu_s));
	}
}

static void nothing_is_known_without_files(void **state UNUSED)
{
	struct meter meter;
	double value;

	meter_open(&meter, &files);
	assert_string_equal(meter_cpu_method(&meter), "getrusage");
	assert_false(meter_cpu_s(&meter, &value));
	assert_false(meter_energy_j(&meter, 1, &value));
}

/* The counters at the beginning, and then. */
static void put_energy(const char *package_0, const char *package_1, const char *stat)
{
	put("powercap/intel-rapl:0/name", "package-0\n");
	put("powercap/intel-rapl:0/energy_uj", package_0);
	put("powercap/intel-rapl:0/max_energy_range_uj", "1000000000\n");
	put("powercap/intel-rapl:1/name", "package-1\n");
	put("powercap/intel-rapl:1/energy_uj", package_1);
	put("powercap/intel-rapl:1/max_energy_range_uj", "1000000000\n");
	put("powercap/intel-rapl:0:0/name", "core\n");
	put("powercap/intel-rapl:0:0/energy_uj", package_0);
	put("powercap/intel-rapl-mmio:0/name", "package-0\n");
	put("powercap/intel-rapl-mmio:0/energy_uj", package_0);
	put("proc/stat", stat);
}

static void packages_are_shared_out_by_cpu_time(void **state UNUSED)
{
	struct meter meter;
	double energy_j = 0;

	put_energy("100000000\n", "990000000\n", "cpu 1000 0 500 9000 0 0 0 0 0 0\n");
	meter_open(&meter, &files);
	assert_int_equal(meter.package_count, 2);
	put_energy("160000000\n", "30000000\n", "cpu 1600 0 700 9900 0 0 0 0 0 0\n");
	/* 60 J and, over the end of the range, 40 J; the machine was busy for 8 s, we for 2. */
	assert_true(meter_energy_j(&meter, 2, &energy_j));
	assert_float_equal(energy_j, 25, 1e-9);
	/* The machine's ticks are coarse: never more than all of it. */
	assert_true(meter_energy_j(&meter, 8.01, &energy_j));
	assert_float_equal(energy_j, 100, 1e-9);
}

static void a_counter_that_goes_away_makes_it_unknown(void **state UNUSED)
{
	struct meter meter;
	double energy_j;
	char path[160];

	put_energy("100000000\n", "200000000\n", "cpu 1000 0 500 9000 0 0 0 0 0 0\n");
	meter_open(&meter, &files);
	snprintf(path, sizeof(path), "%s/intel-rapl:1/energy_uj", powercap);
	assert_int_equal(unlink(path), 0);
	meter_sample(&meter);
	put_energy("160000000\n", "300000000\n", "cpu 1600 0 700 9900 0 0 0 0 0 0\n");
	assert_false(meter_energy_j(&meter, 2, &energy_j));
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_A_FOLDER(a_container_of_version_2),
	    IN_A_FOLDER(a_container_of_version_1),
	    IN_A_FOLDER(a_group_of_its_own_below_the_root),
	    IN_A_FOLDER(a_shared_group_does_not_count),
	    IN_A_FOLDER(nothing_is_known_without_files),
	    IN_A_FOLDER(packages_are_shared_out_by_cpu_time),
	    IN_A_FOLDER(a_counter_that_goes_away_makes_it_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
