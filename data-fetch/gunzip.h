#ifndef DATA_FETCH_GUNZIP_H
#define DATA_FETCH_GUNZIP_H

/*
 * Plain bytes out of a stream that may be gzip: its first two bytes tell, not its name. Several gzip members behind
 * each other are one stream (RFC 1952), zero bytes behind the last are padding.
 *
 *	struct gunzip *gunzip = gunzip_new(name, &limits, sink, context);
 *	while (... data ...)
 *		if (!gunzip_feed(gunzip, data, size, &fail)) ...
 *	gunzip_finish(gunzip, &fail)		complains when the last member is not whole
 *	gunzip_free(gunzip);
 *
 * The limits protect against archives made to fill a disk or a day: max_bytes of output, compressed or not; and once
 * GUNZIP_RATIO_FROM bytes of output are reached, at most max_ratio times the input. Errors are EXIT_BAD_DATA.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"

enum { GUNZIP_RATIO_FROM = 100 << 20 };

struct gunzip_limits {
	int64_t max_bytes;
	double max_ratio;
};

/* Takes a piece; returns false to stop: with fail set it is an error, without it there is enough. */
typedef bool byte_sink(void *context, const char *data, size_t size, struct fail *fail);

struct gunzip;

/* The name is for messages and must live as long. */
struct gunzip *gunzip_new(const char *name, const struct gunzip_limits *limits, byte_sink *sink, void *context);
bool gunzip_feed(struct gunzip *gunzip, const char *data, size_t size, struct fail *fail) MUST_USE;
bool gunzip_finish(struct gunzip *gunzip, struct fail *fail) MUST_USE;
void gunzip_free(struct gunzip *gunzip); /* NULL is fine */

#endif
