#ifndef SCHEDULER_OUTLOOK_H
#define SCHEDULER_OUTLOOK_H

/*
 * What is known of the grid at one moment: readings up to then, forecasts published by then, and a view of the future
 * made from the two. Time is counted in slots of equal length; slot n holds from n * slot_s seconds since 1970 on.
 * Pure.
 *
 *	struct outlook outlook;
 *	outlook_init(&outlook, 3600, 0);
 *	outlook_readings(&outlook, points, count, end_s, 1);
 *	outlook_forecasts(&outlook, forecast_points, count);	none: published nowhere
 *	outlook_at(&outlook, now_s, slots);			may be called again for any other moment
 *	... outlook.view[0..slots) ...
 *	outlook_release(&outlook);
 *
 * Nothing later than now - lag is read from the readings, and no forecast issued after now: whatever lies behind may be
 * in there (a backtest loads the whole trace), but is not looked at.
 *
 * The view of a slot is the published value of the newest issue that covers it, else the value 24 h earlier, again and
 * again; what lands before now is the reading of that slot. A reading that is not known is replaced by what was
 * published for it, else by the one 24 h earlier. NAN where nothing is known at all.
 */

#include <stdbool.h>
#include <stddef.h>

#include "scheduler/points.h"

/* One published value of one slot. */
struct version {
	long slot;
	double issued_s;
	double gco2_per_kwh;
};

struct outlook {
	double slot_s;
	long day; /* slots of 24 h */
	long lag; /* the newest reading is that of slot now - lag */
	long first, count;
	double *readings;	  /* of the slots first .. first + count - 1; NAN: not known */
	struct version *versions; /* by slot, then issue */
	size_t version_count;
	double now_s;
	long now, slots;
	double *view;
	long published; /* how many slots of the view, from the first on, are published */
};

void outlook_init(struct outlook *outlook, double slot_s, long lag);
void outlook_release(struct outlook *outlook);

/* The shortest distance of two points, at most an hour, at least five minutes, and a whole part of a day. */
double outlook_slot_s(const struct carbon_point *points, size_t count, const struct forecast_point *forecast,
		      size_t forecast_count);

/* Points in ascending order. Each holds until the next one, the last until end_s, but at most so many times the usual
 * distance. */
void outlook_readings(struct outlook *outlook, const struct carbon_point *points, size_t count, double end_s,
		      double times);

/* Points in any order. */
void outlook_forecasts(struct outlook *outlook, const struct forecast_point *points, size_t count);

void outlook_at(struct outlook *outlook, double now_s, long slots);

/* NAN: not known at `now`. */
double outlook_reading(const struct outlook *outlook, long slot);
double outlook_published(const struct outlook *outlook, long slot, double known_at_s);

/* The value of a slot before now, or what stands for it in the view. */
double outlook_known(const struct outlook *outlook, long slot);

/* What the view of that slot, at most now, would have been at `now`. */
double outlook_past_view(const struct outlook *outlook, long slot);

#endif
