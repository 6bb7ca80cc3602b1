#ifndef SCHEDULER_TRAILING_H
#define SCHEDULER_TRAILING_H

/*
 * The readings of the 30 days before a moment: their percentile and how complete they are. Pure.
 */

#include "scheduler/outlook.h"

enum {
	TRAILING_HOURS = 720,
	TRAILING_LEAST_HOURS = 336, /* a percentile to go by wants at least 14 days, */
	TRAILING_LEAST_PERCENT = 80 /* of which so many slots are known */
};

struct trailing {
	bool enough;
	double known_h, span_h; /* known hours of how many since the first known one */
	double lowest;		/* NAN without any */
};

/* Of the slots before `end`. */
struct trailing trailing_readings(const struct outlook *outlook, long end);

/* The p-th percentile (0..100) of them, with linear interpolation between neighbours; NAN without any. */
double trailing_percentile(const struct outlook *outlook, long end, double p);

/* The same of an array, count > 0; it is reordered. */
double percentile(double *values, size_t count, double p);

#endif
