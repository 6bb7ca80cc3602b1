#ifndef SCHEDULER_PROVIDER_H
#define SCHEDULER_PROVIDER_H

/*
 * Who is asked for carbon intensities, over HTTP. A provider is one constant, in a file of its own.
 *
 *	const struct provider *provider = provider_find("uk-neso");	NULL: there is none
 *	struct provider_request request = {.zone = "GB", .signal = "average", .factors = "direct", .now_s = now_s, ...};
 *	struct series series;
 *	provider_ask(provider, WANT_NEWEST, &request, &series);
 *	... series.points[0..count) ascending; none: series.reason says why ...
 *	series_release(&series);
 *
 * Replies are not trusted. A series is empty when the server cannot be reached, answers anything but 200, more than
 * 4 MiB, no JSON, or for another zone, signal or kind of factors than asked for. A point that is null, no number, below
 *0 or above 2000, or whose time cannot be read, is left out; of two that contradict each other both are. Points that
 * are not of the time asked for are left out. A token is never in a reason.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

enum { PROVIDER_MAX_INTENSITY = 2000 };

enum want {
	WANT_NEWEST,   /* actual values, the newest one among them */
	WANT_HISTORY,  /* actual values from request->from_s on */
	WANT_FORECAST, /* published values */
};

struct series_point {
	double start_s, gco2_per_kwh;
	bool estimated;
};

struct series {
	struct series_point *points;
	size_t count;
	double issued_s;   /* of a forecast: when it was made, as far as it says, else now */
	double retry_at_s; /* the provider asked not to be asked before; 0: it did not */
	bool answered;	   /* the reply was what was asked for, though maybe without a value */
	char reason[256];  /* why there is nothing */
};

struct provider_request {
	const char *zone, *signal, *factors;
	const char *url;	     /* NULL or "": the provider's own */
	const char *token;	     /* of those that have one */
	const char *user, *password; /* of those that log in */
	double now_s, from_s;
};

struct provider {
	const char *name;    /* as specs and --carbon have it */
	const char *title;   /* for messages */
	const char *url;     /* NULL: it has to be given */
	const char *signal;  /* NULL: both, as its set-up says */
	const char *factors; /* NULL: both, as asked for */
	double refresh_s;    /* how often something new comes */
	double reach_s;	     /* how far back one request for history goes */
	/* The URL of that question; NULL: it has no answer to it. free() */
	char *(*address)(const struct provider_request *request, enum want want);
	/* A header with the token, free(); NULL: none can be made, and series->reason says why. Left out: none is
	 * needed. */
	char *(*authorize)(const struct provider_request *request, struct series *series);
	/* Fills the series from a reply; nothing, and a reason, when the reply is not what was asked for. */
	void (*read)(const struct provider_request *request, enum want want, const json_t *reply,
		     struct series *series);
};

extern const struct provider electricity_maps, energy_charts, uk_neso, watttime, carbon_aware_sdk;

const struct provider *provider_find(const char *name);
const char *provider_names(void); /* "electricity-maps, energy-charts, ..." */

void provider_ask(const struct provider *provider, enum want want, const struct provider_request *request,
		  struct series *series);

/* What a reply with status 200 says. */
void provider_read(const struct provider *provider, enum want want, const struct provider_request *request,
		   const char *body, size_t size, struct series *series);

/* One GET, for provider_ask() and for those that log in first: the body as JSON, or NULL with a reason. header may be
 * NULL. */
json_t *provider_get(const struct provider *provider, const char *url, const char *header, double now_s,
		     struct series *series);

void series_add(struct series *series, double start_s, const json_t *value, double factor, bool estimated);
/* The same with the time as text. */
void series_add_text(struct series *series, const json_t *moment, const json_t *value, double factor, bool estimated);
/* Nothing is left of the series but this reason; the first one stays. */
void series_refuse(struct series *series, const char *format, ...) PRINTF_LIKE(2, 3);
void series_release(struct series *series);

#endif
