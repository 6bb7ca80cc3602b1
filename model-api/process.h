#ifndef MODEL_API_PROCESS_H
#define MODEL_API_PROCESS_H

/* The process_* metrics that every Prometheus client exports, read from /proc/self. What cannot be read is left out. */

#include "common/text.h"

void process_write(struct text *text);

#endif
