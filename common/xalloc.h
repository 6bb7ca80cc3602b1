#ifndef COMMON_XALLOC_H
#define COMMON_XALLOC_H

/* Allocation that ends the program (exit 1, one line) when memory runs out; the one exception to "modules never exit".
 * Multiplications are overflow-checked. Everything is released with free(). */

#include <stddef.h>

/* What can be done about it, for whoever says that there is none left. */
#define XALLOC_ADVICE "allow more of it, or give less to do at once: fewer rows, fewer threads"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* For some megabytes that will be filled soon: in large pages where the kernel has them, which saves most of the page
 * faults. */
void *xmalloc_large(size_t size);
void *xreallocarray(void *pointer, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t max);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
