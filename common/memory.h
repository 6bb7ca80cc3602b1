#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

/* How much memory this process may still take: what is left of the tightest of ulimit -v, the container's limit (cgroup
 * v2) and the machine's memory. Whoever goes past the second is killed without a word, so a large need is compared with
 * it beforehand. */

#include <stdint.h>

struct memory_left {
	uint64_t bytes;
	const char *limit; /* "the container's limit" and the like, for messages */
};

struct memory_left memory_left(void);

/* Ends the program as xalloc.h does when memory runs out, if about so many bytes more cannot be had. */
void memory_foresee(uint64_t bytes);

#endif
