#ifndef SCHEDULER_ELECTRICITY_MAPS_H
#define SCHEDULER_ELECTRICITY_MAPS_H

/*
 * Electricity Maps, GET {url}/carbon-intensity/latest?zone=DE&emissionFactorType=lifecycle with the header auth-token.
 *
 * The reply is not trusted. There is no reading when the server cannot be reached, the status is not 200, the body is
 * longer than 64 KiB, no JSON, or of another zone or factor type than asked for; when the value is null, no number,
 * below 0 or above 2000; when its hour is more than two hours ago or in the future; or when the words of a sandbox key
 * are found (its numbers are made up). A question without a token or for a marginal signal is not asked.
 */

#include "scheduler/carbon.h"

/* Fills the reading, or its reason; a 429's Retry-After becomes reading->retry_at_s. */
void electricity_maps_read(const struct carbon_source *source, double now_s, struct reading *reading);

/* What a reply with status 200 says. */
void electricity_maps_parse(const char *body, size_t size, const char *zone, const char *factors, double now_s,
			    struct reading *reading);

#endif
