#include "scheduler/experience.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "scheduler/rule.h"

enum {
	LAG_HOURS = 48,	     /* errors are not carried further than that */
	FIT_HOURS = 12,	     /* the decay of x is fitted to these lags */
	LEAST_HOURS = 48,    /* of errors, for an error model */
	FOLLOWED_HOURS = 72, /* by the filter */
	USUAL_COUNT = 5,     /* the errors of all times of the day count like so many of its own */
};

static const double first_decay_s = 12 * 3600; /* without an error model; see docs/CARBON.md */

/* What was expected of a slot, as it began. */
static double expected_of(const struct experience *experience, const struct outlook *outlook, long slot)
{
	return experience->published ? outlook_published(outlook, slot, (double)slot * outlook->slot_s)
				     : outlook_reading(outlook, slot - outlook->day);
}

static long slot_of_day(const struct outlook *outlook, long slot)
{
	return (slot % outlook->day + outlook->day) % outlook->day; /* of slots before 1970, too */
}

static long hours(const struct outlook *outlook, double count)
{
	return lround(count * 3600 / outlook->slot_s);
}

/* ------------------------------------------------------------------ errors */

struct errors {
	long first, count; /* slots */
	double *values;	   /* NAN: not known */
	long known;
};

static struct errors past_errors(const struct experience *experience, const struct outlook *outlook, long end)
{
	struct errors errors = {.count = EXPERIENCE_DAYS * outlook->day};

	errors.first = end - errors.count;
	errors.values = xcalloc((size_t)errors.count, sizeof(double));
	for (long i = 0; i < errors.count; i++) {
		long slot = errors.first + i;

		errors.values[i] = outlook_reading(outlook, slot) - expected_of(experience, outlook, slot);
		errors.known += !isnan(errors.values[i]);
	}
	return errors;
}

static double autocovariance(const struct errors *errors, long lag)
{
	double sum = 0;
	long count = 0;

	for (long i = 0; i + lag < errors->count; i++) {
		double product = errors->values[i] * errors->values[i + lag];

		if (isnan(product))
			continue;
		sum += product;
		count++;
	}
	return count ? sum / (double)count : 0;
}

/* x: its decay from the ratios of neighbouring autocovariances, its variance from their size, both by least squares. */
static void fit_level(struct experience *experience, const struct outlook *outlook)
{
	const double *c = experience->autocovariance;
	long fitted = hours(outlook, FIT_HOURS);
	double above = 0, below = 0, power = 1;

	for (long lag = 1; lag < fitted; lag++) {
		above += c[lag + 1] * c[lag];
		below += c[lag] * c[lag];
	}
	experience->decay = below > 0 ? fmin(above / below, 0.999) : 0;
	above = below = 0;
	for (long lag = 1; lag <= fitted; lag++) {
		power *= experience->decay;
		above += c[lag] * power;
		below += power * power;
	}
	experience->level_variance = below > 0 ? fmin(above / below, c[0]) : 0;
}

/* Bias and noise of each time of the day. A bias counts as much as it stands out of its own uncertainty. */
static void fit_times(struct experience *experience, const struct outlook *outlook, const struct errors *errors)
{
	double *square = xcalloc((size_t)outlook->day, sizeof(double)), excess = 0;
	long *count = xcalloc((size_t)outlook->day, sizeof(long));
	double usual = experience->autocovariance[0], all_noise = usual - experience->level_variance;

	for (long i = 0; i < errors->count; i++) {
		long time = slot_of_day(outlook, errors->first + i);

		if (isnan(errors->values[i]))
			continue;
		experience->bias[time] += errors->values[i];
		square[time] += errors->values[i] * errors->values[i];
		count[time]++;
	}
	for (long time = 0; time < outlook->day; time++) {
		double variance = (square[time] + USUAL_COUNT * usual) / (double)(count[time] + USUAL_COUNT);
		double mean = count[time] ? experience->bias[time] / (double)count[time] : 0;
		double doubt = count[time] ? variance / (double)count[time] : INFINITY;

		experience->bias[time] = doubt < mean * mean ? mean * (1 - doubt / (mean * mean)) : 0;
		experience->noise[time] = fmax(0, variance - experience->level_variance);
		excess += experience->noise[time] / (double)outlook->day;
	}
	for (long time = 0; time < outlook->day; time++)
		experience->noise[time] = excess > 0 ? all_noise * experience->noise[time] / excess : all_noise;
	free(square);
	free(count);
}

static void learn_errors(struct experience *experience, const struct outlook *outlook, long end)
{
	struct errors errors = past_errors(experience, outlook, end);
	double *c = experience->autocovariance;
	bool positive = true;

	memset(experience->bias, 0, (size_t)outlook->day * sizeof(double));
	memset(experience->noise, 0, (size_t)outlook->day * sizeof(double));
	if (errors.known >= hours(outlook, LEAST_HOURS)) {
		for (long lag = 0; lag <= experience->lags; lag++) {
			c[lag] = positive ? autocovariance(&errors, lag) : 0;
			positive = positive && c[lag] > 0;
			c[lag] = fmax(0, c[lag]);
		}
		fit_level(experience, outlook);
		fit_times(experience, outlook, &errors);
	} else {
		experience->decay = exp(-outlook->slot_s / first_decay_s);
		experience->level_variance = 1;
		for (long lag = 0; lag <= experience->lags; lag++)
			c[lag] = pow(experience->decay, (double)lag);
	}
	free(errors.values);
}

/* x as it was at the newest reading. */
static double follow_level(const struct experience *experience, const struct outlook *outlook)
{
	long newest = outlook->now - outlook->lag;
	double a = experience->decay, level = 0, variance = experience->level_variance;

	for (long slot = newest - hours(outlook, FOLLOWED_HOURS); slot <= newest; slot++) {
		long time = slot_of_day(outlook, slot);
		double error =
		    outlook_reading(outlook, slot) - expected_of(experience, outlook, slot) - experience->bias[time];
		double gain;

		level *= a;
		variance = a * a * variance + (1 - a * a) * experience->level_variance;
		if (isnan(error) || variance <= 0)
			continue;
		gain = variance / (variance + experience->noise[time]);
		level += gain * (error - level);
		variance *= 1 - gain;
	}
	return level;
}

void experience_correct(const struct experience *experience, const struct outlook *outlook, double *expected)
{
	double level = follow_level(experience, outlook), variance = experience->level_variance;
	double reading = outlook_reading(outlook, outlook->now);

	if (isnan(outlook_reading(outlook, outlook->now - outlook->lag)))
		return;
	for (long i = 0; i < outlook->slots; i++) {
		long lag = i + outlook->lag;
		double share = lag == 0 ? 1
			       : lag > experience->lags || variance <= 0
				   ? 0
				   : fmin(1, experience->autocovariance[lag] / variance);

		expected[i] += share * level + experience->bias[slot_of_day(outlook, outlook->now + i)];
		if (expected[i] < 0) /* one that is not known stays so */
			expected[i] = 0;
	}
	if (!isnan(reading) && outlook->slots > 0)
		expected[0] = reading;
}

/* ------------------------------------------------------------------ offers */

/* What the job cost at the start of that day which looked best; NAN where nothing is known. */
static double day_offer(const struct outlook *outlook, const double *seen, const double *real, double job_slots)
{
	double best = INFINITY, offer = NAN;

	for (long start = 0; start < outlook->day; start++) {
		double looks = mean_over(seen + start, job_slots), cost = mean_over(real + start, job_slots);

		if (!isnan(cost) && looks < best - TIE_GCO2_PER_KWH) {
			best = looks;
			offer = cost;
		}
	}
	return offer;
}

static void learn_values(struct experience *experience, const double *offers, int count)
{
	experience->value[0] = INFINITY;
	for (int day = 1; day <= EXPERIENCE_DAYS + 1; day++) {
		double sum = 0;

		for (int i = 0; i < count; i++)
			sum += fmin(offers[i], experience->value[day - 1]);
		experience->value[day] = count >= EXPERIENCE_LEAST_OFFERS ? sum / count : INFINITY;
	}
}

static void learn_offers(struct experience *experience, const struct outlook *outlook, long end)
{
	long length = outlook->day + (long)ceil(experience->job_slots);
	double *seen = xcalloc((size_t)length, sizeof(double)), *real = xcalloc((size_t)length, sizeof(double));
	double offers[EXPERIENCE_DAYS];
	int count = 0;

	for (int day = EXPERIENCE_DAYS; day > 0; day--) {
		long first = end - day * outlook->day;

		for (long i = 0; i < length; i++) {
			seen[i] = expected_of(experience, outlook, first + i);
			real[i] = first + i < end ? outlook_reading(outlook, first + i) : NAN;
		}
		offers[count] = day_offer(outlook, seen, real, experience->job_slots);
		count += !isnan(offers[count]);
	}
	learn_values(experience, offers, count);
	free(seen);
	free(real);
}

double experience_value(const struct experience *experience, double days)
{
	int whole = (int)fmin(days, EXPERIENCE_DAYS);
	const double *value = &experience->value[whole];

	if (whole < 1 || isinf(value[0]))
		return INFINITY;
	return value[0] + fmin(days - whole, 1) * (value[1] - value[0]);
}

/* ------------------------------------------------------------------ all of it */

void experience_learn(struct experience *experience, const struct outlook *outlook, double job_slots)
{
	long day = outlook->now / outlook->day;
	bool published = outlook->published > 0;

	if (experience->bias && experience->day == day && experience->published == published &&
	    experience->job_slots == job_slots)
		return;
	if (!experience->bias) {
		experience->lags = hours(outlook, LAG_HOURS);
		experience->autocovariance = xcalloc((size_t)experience->lags + 1, sizeof(double));
		experience->bias = xcalloc((size_t)outlook->day, sizeof(double));
		experience->noise = xcalloc((size_t)outlook->day, sizeof(double));
	}
	experience->day = day;
	experience->published = published;
	experience->job_slots = job_slots;
	learn_errors(experience, outlook, day * outlook->day - outlook->lag);
	learn_offers(experience, outlook, day * outlook->day - outlook->lag);
}

void experience_release(struct experience *experience)
{
	free(experience->autocovariance);
	free(experience->bias);
	free(experience->noise);
	*experience = (struct experience){.bias = NULL};
}
