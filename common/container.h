#ifndef COMMON_CONTAINER_H
#define COMMON_CONTAINER_H

/* What this process's container allows it: by control groups of version 2, else of version 1. Outside of one, or
 * without a limit, it is what the machine has. */

#include <stdint.h>

uint64_t container_memory_bytes(void); /* UINT64_MAX: no limit */
/* The processors it may use, at least 1: its affinity, and the container's limit rounded up. */
int container_processors(void);

#endif
