#include "data-fetch/copy.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

enum { SEND_SIZE = 1 << 16, FIRST_CAPACITY = 2 * SEND_SIZE };

/* What follows the backslash for a byte that COPY's text format cannot take as it is. */
static const char escaped[256] = {['\\'] = '\\', ['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r'};

bool copy_begin(struct copy *copy, PGconn *db, const char *sql, struct fail *fail)
{
	memset(copy, 0, sizeof(*copy));
	if (!db_copy_start(db, fail, sql))
		return false;
	copy->db = db;
	copy->going = true;
	copy->first = true;
	copy->capacity = FIRST_CAPACITY;
	copy->buffer = xmalloc(FIRST_CAPACITY);
	return true;
}

static char *make_room(struct copy *copy, size_t size)
{
	if (copy->capacity - copy->size < size) {
		copy->capacity = 2 * copy->capacity + size;
		copy->buffer = xreallocarray(copy->buffer, copy->capacity, 1);
	}
	return copy->buffer + copy->size;
}

void copy_field(struct copy *copy, const char *data, size_t size)
{
	char *to = make_room(copy, 2 * size + 3), *begin = to;

	if (!copy->first)
		*to++ = '\t';
	copy->first = false;
	if (!data) {
		*to++ = '\\';
		*to++ = 'N';
	}
	for (size_t i = 0; data && i < size; i++) {
		char code = escaped[(unsigned char)data[i]];

		if (code)
			*to++ = '\\';
		*to++ = code ? code : data[i];
	}
	copy->size += (size_t)(to - begin);
}

void copy_number(struct copy *copy, int64_t number)
{
	char text[24], *at = text + sizeof(text);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		*--at = (char)('0' + rest % 10);
	} while ((rest /= 10) != 0);
	if (number < 0)
		*--at = '-';
	copy_field(copy, at, (size_t)(text + sizeof(text) - at));
}

static bool flush(struct copy *copy, struct fail *fail)
{
	struct pollfd server = {PQsocket(copy->db), POLLIN, 0};

	if (!db_copy_put(copy->db, fail, copy->buffer, (int)copy->size)) {
		copy->going = false;
		return false;
	}
	copy->size = 0;
	/* During a COPY the server is silent unless it has failed: no need to send it the rest of the file. */
	if (poll(&server, 1, 0) > 0)
		copy->interrupted = true;
	return true;
}

bool copy_row_end(struct copy *copy, struct fail *fail)
{
	*make_room(copy, 1) = '\n';
	copy->size++;
	copy->first = true;
	return copy->size < SEND_SIZE || flush(copy, fail);
}

bool copy_end(struct copy *copy, int64_t *rows, struct fail *fail)
{
	if (copy->size && !copy->interrupted && !flush(copy, fail))
		return false;
	copy->going = false;
	return db_copy_end(copy->db, fail, NULL, rows);
}

void copy_release(struct copy *copy)
{
	struct fail ignored = {0};

	if (copy->going && !db_copy_end(copy->db, &ignored, "the load was given up", NULL))
		copy->going = false;
	free(copy->buffer);
	memset(copy, 0, sizeof(*copy));
}
