#ifndef SCHEDULER_EXPERIENCE_H
#define SCHEDULER_EXPERIENCE_H

/*
 * What the last 30 days teach about the view of the future: how wrong it was, and what a day offers. Pure; all of it is
 * estimated from what was known at the last midnight (UTC), so that it changes once a day. docs/CARBON.md explains it.
 *
 *	struct experience experience;
 *	experience_learn(&experience, &outlook, job_slots);	after outlook_at(); does nothing when nothing changed
 *	experience_correct(&experience, &outlook, expected);
 *	v = experience_value(&experience, days);
 *	experience_release(&experience);
 *
 * Errors. e(t) = reading - what was expected of t: the published value that was known as t began where the view begins
 * with published ones, else the reading 24 h earlier. e = bias of its time of day + x + noise. x decays as the
 * autocovariance of the past errors says; the noise is what is not correlated from slot to slot, spread over the times
 * of the day by how much their errors vary more than x does. x is followed by a Kalman filter over the last three days.
 * With fewer than 48 h of errors the newest one counts, and decays over 12 h.
 *
 * Offers. An offer is what a job would have cost at the best start of a past day, as the view saw it. Whoever can wait
 * for n more days takes an offer below the value of n - 1 days: value(1) = mean(offers), value(n) = mean(min(offer,
 * value(n - 1))).
 */

#include "scheduler/outlook.h"

enum { EXPERIENCE_DAYS = 30, EXPERIENCE_LEAST_OFFERS = 7 };

struct experience {
	long day; /* what it was learnt for */
	bool published;
	double job_slots;
	long lags;			   /* autocovariance[0..lags] is known */
	double *autocovariance;		   /* of the errors without bias; 0 behind the first that is not positive */
	double level_variance, decay;	   /* of x; decay from slot to slot */
	double *bias, *noise;		   /* by slot of the day; noise as a variance */
	double value[EXPERIENCE_DAYS + 2]; /* of so many more days; INFINITY with too few offers */
};

void experience_learn(struct experience *experience, const struct outlook *outlook, double job_slots);

/* Adds to the view of each slot what is expected of its error; the current slot is its reading, where that is known.
 * Without the newest reading nothing is corrected. */
void experience_correct(const struct experience *experience, const struct outlook *outlook, double *expected);

/* What waiting is worth: the mean intensity that whoever can wait so many more days may expect for the job. INFINITY
 * for less than one day and with too few offers. */
double experience_value(const struct experience *experience, double days);

void experience_release(struct experience *experience);

#endif
