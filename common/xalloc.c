#include "common/xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *checked(void *pointer)
{
	static const char text[] = "level=error msg=\"out of memory: " XALLOC_ADVICE "\"\n";

	if (pointer)
		return pointer;
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	_exit(1);
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xmalloc_large(size_t size)
{
	const size_t page = (size_t)2 << 20;
	void *pointer;

	if (size < page)
		return xmalloc(size);
	pointer = checked(aligned_alloc(page, (size + page - 1) & ~(page - 1)));
	/* Where the kernel has none, small pages do. */
	(void)madvise(pointer, size, MADV_HUGEPAGE);
	return pointer;
}

void *xreallocarray(void *pointer, size_t count, size_t size)
{
	return checked(reallocarray(pointer, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *xstrndup(const char *text, size_t max)
{
	return checked(strndup(text, max));
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int size;

	va_start(arguments, format);
	size = vasprintf(&text, format, arguments);
	va_end(arguments);
	return checked(size < 0 ? NULL : text);
}
