#ifndef COMMON_LOG_H
#define COMMON_LOG_H

/*
 * One logfmt line per event on stderr:
 *	time=2023-11-14T09:00:00Z level=info program=data-fetch msg="load done" load_id=3 rows=100000
 * Levels inform, they never change what a program does. No secrets, no request bodies.
 *
 *	log_info("load done", "load_id", "%d", id, "rows", "%ld", rows, NULL);
 *
 * After msg come triples of key, format and exactly one value per format, ended by NULL. Values are quoted when needed
 * and cut after 2 KiB, a line ends before the pair that makes it longer than 16 KiB. Thread-safe: a line is written
 * with one write().
 */

#include <stdbool.h>

#include "common/attr.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Called once by main() before anything else; the name is kept by pointer. Reads LOG_LEVEL from the environment
 * (error, warning, info, debug; default info; anything else is a warning and info). */
void log_init(const char *program);
void log_set_level(enum log_level level);
const char *log_program(void);

/* Formats allowed in a triple: %s %d %ld %lld %u %lu %llu %zu %f-family. */
void log_event(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
