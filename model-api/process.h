#ifndef MODEL_API_PROCESS_H
#define MODEL_API_PROCESS_H

/* The process_* metrics that every Prometheus client exports, read from /proc/self. What cannot be read is left out. */

#include "common/text.h"

void process_write(struct text *text);

/* When the machine was started, from a file as /proc/stat; 0: it does not say. */
double process_boot_time_s(const char *path);

#endif
