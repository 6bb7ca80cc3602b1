#ifndef DATA_FETCH_INPUT_H
#define DATA_FETCH_INPUT_H

/*
 * Where the CSV comes from: a file below the data root or an http(s) URL, either gzipped or not. It can be read any
 * number of times; each reading is a stream of plain bytes in pieces, so memory does not grow with its size.
 *
 *	struct input input;
 *	if (!input_open(&settings, &input, &fail)) ...	finds and checks it, reads nothing
 *	input_read(&input, sink, context, &fail)
 *	input_release(&input);
 *
 * A relative path counts from the data root. Symbolic links are followed and must end below the data root; other than
 * ordinary files are refused. EXIT_WRONG_USE: no such place; EXIT_FAILED: not there or not allowed (4xx);
 * EXIT_TRY_AGAIN: connection, timeout, 408, 425, 429 and 5xx; EXIT_BAD_DATA: damaged or beyond a limit (gunzip.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"
#include "data-fetch/gunzip.h"

struct input_settings {
	const char *path;      /* file or URL */
	const char *data_root; /* "" or NULL: /data where it exists, else the current folder */
	const char *ca_file;   /* "" or NULL: the system's */
	double timeout_s;      /* of a whole download */
	struct gunzip_limits limits;
};

struct input {
	struct input_settings settings;
	char *location; /* as stored in green_ml.load: the path below the data root or the URL without credentials */
	char *file;	/* the resolved path; NULL: a URL */
	int64_t size;	/* of the file, compressed or not; 0: a URL */
	int64_t taken;	/* bytes of the file read so far in this reading */
};

/* The settings' texts must live as long as the input. */
bool input_open(const struct input_settings *settings, struct input *input, struct fail *fail) MUST_USE;

/* True also when the sink stopped without an error. */
bool input_read(struct input *input, byte_sink *sink, void *context, struct fail *fail) MUST_USE;
void input_release(struct input *input);

#endif
