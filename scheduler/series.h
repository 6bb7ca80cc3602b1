#ifndef SCHEDULER_SERIES_H
#define SCHEDULER_SERIES_H

/* The points of one reply; struct series and what fills it stand in scheduler/provider.h. */

#include "scheduler/provider.h"

/* Sorts the points, leaves out those that contradict each other and those not in [from_s, until_s), and makes one of
 * those that agree. */
void series_close(struct series *series, double from_s, double until_s);

#endif
