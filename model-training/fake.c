#include "model-training/fake.h"

#include <time.h>

#include "common/banned.h"

enum { SIDE = 50 };

static double thread_cpu_s(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void multiply(const double (*a)[SIDE], const double (*b)[SIDE], double (*product)[SIDE])
{
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			double sum = 0;

			for (int k = 0; k < SIDE; k++)
				sum += a[i][k] * b[k][j];
			product[i][j] = sum / SIDE;
		}
}

double fake_compute(double cpu_s)
{
	static double a[SIDE][SIDE], b[SIDE][SIDE], product[SIDE][SIDE];
	volatile double sink = 0;
	double start_s = thread_cpu_s();

	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			a[i][j] = (i * 7 + j * 3) % 11 / 11.0;
			b[i][j] = (i * 5 + j * 2) % 13 / 13.0;
		}
	while (thread_cpu_s() - start_s < cpu_s) {
		multiply(a, b, product);
		sink = sink + product[SIDE / 2][SIDE / 2];
	}
	return thread_cpu_s() - start_s;
}
