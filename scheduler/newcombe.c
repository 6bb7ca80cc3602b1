#include "scheduler/newcombe.h"

#include <math.h>

static double polynomial(const double *coefficients, int count, double x)
{
	double value = 0;

	for (int i = 0; i < count; i++)
		value = value * x + coefficients[i];
	return value;
}

/* P. J. Acklam's rational approximation (relative error below 1.2e-9), made exact by one step of Newton's method. */
double normal_quantile(double p)
{
	static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
				   1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
	static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
				   6.680131188771972e+01,  -1.328068155288572e+01, 1};
	static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
				   -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
	static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
				   3.754408661907416e+00, 1};
	static const double low = 0.02425;
	double x;

	if (p > 0.5)
		return -normal_quantile(1 - p);
	if (p < low) {
		double q = sqrt(-2 * log(p));

		x = polynomial(c, 6, q) / polynomial(d, 5, q);
	} else {
		double q = p - 0.5, r = q * q;

		x = polynomial(a, 6, r) * q / polynomial(b, 6, r);
	}
	return x - (erfc(-x * M_SQRT1_2) / 2 - p) * sqrt(2 * M_PI) * exp(x * x / 2);
}

struct interval wilson_interval(int64_t k, int64_t n, double z)
{
	double p = (double)k / (double)n, zz = z * z, count = (double)n;
	double middle = (2 * count * p + zz) / (2 * (count + zz));
	double half = z * sqrt(zz + 4 * count * p * (1 - p)) / (2 * (count + zz));

	return (struct interval){k == 0 ? 0 : middle - half, k == n ? 1 : middle + half};
}

struct interval newcombe_interval(int64_t reference_k, int64_t reference_n, int64_t new_k, int64_t new_n, double level)
{
	double z = normal_quantile(1 - (1 - level) / 2);
	struct interval reference = wilson_interval(reference_k, reference_n, z);
	struct interval now = wilson_interval(new_k, new_n, z);
	double p = (double)reference_k / (double)reference_n, q = (double)new_k / (double)new_n;
	double below_p = p - reference.low, above_p = reference.high - p, below_q = q - now.low, above_q = now.high - q;

	return (struct interval){p - q - sqrt(below_p * below_p + above_q * above_q),
				 p - q + sqrt(above_p * above_p + below_q * below_q)};
}

double look_alpha(int look)
{
	return 0.05 * 6 / (M_PI * M_PI * look * look);
}
