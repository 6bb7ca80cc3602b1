#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

/*
 * The wall clock of decisions and stored rows, in seconds since 1970-01-01T00:00:00Z. It can be simulated (--now or
 * GREEN_ML_NOW) for replays and experiments; everything stored then is marked simulated. Durations are always
 * measured with clock_monotonic_s(), which is never simulated.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

/* Stops the clock at this time for the whole process. */
void clock_simulate(double unix_s);
bool clock_is_simulated(void);
double clock_now_s(void);
double clock_monotonic_s(void);

/* ISO 8601 with zone: 2023-11-14T09:00:00Z, fractions and +01:00 offsets allowed, date alone = midnight UTC. False
 * when it is anything else (no zone, 31 February, year outside 1970..9999, text behind it). */
bool clock_parse(const char *text, double *unix_s) MUST_USE;

enum { CLOCK_TEXT_SIZE = 32 };
/* "2023-11-14T09:00:00Z"; milliseconds are added when they are not zero. */
const char *clock_format(double unix_s, char text[CLOCK_TEXT_SIZE]);

#endif
