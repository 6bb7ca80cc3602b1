#include "model-training/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/db.h"
#include "common/registry.h"
#include "common/xalloc.h"
#include "model-training/onnx.h"

static bool write_all(int file, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	while (size > 0) {
		ssize_t written = write(file, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

static bool write_file(const char *path, const void *bytes, size_t size, struct fail *fail)
{
	char *temporary = xasprintf("%s.%ld.new", path, (long)getpid());
	int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool done = file >= 0 && write_all(file, bytes, size) && fsync(file) == 0;

	if (file >= 0 && close(file) != 0)
		done = false;
	if (!done || rename(temporary, path) != 0) {
		done =
		    fail_set(fail, EXIT_FAILED, "could not write the model to file \"%s\": %s", path, strerror(errno));
		if (file >= 0)
			unlink(temporary);
	}
	free(temporary);
	return done;
}

/* "-": stdout. */
static bool write_to(const char *path, const void *bytes, size_t size, struct fail *fail)
{
	if (strcmp(path, "-") != 0)
		return write_file(path, bytes, size, fail);
	return write_all(STDOUT_FILENO, bytes, size) ||
	       fail_set(fail, EXIT_FAILED, "could not write the model to stdout: %s", strerror(errno));
}

static bool write_onnx(const struct forest *forest, const char *path, struct fail *fail)
{
	struct text bytes;
	bool done;

	text_init(&bytes, ONNX_MAX_SIZE);
	done = onnx_write(forest, &bytes, fail) && write_to(path, bytes.data, bytes.size, fail);
	text_release(&bytes);
	return done;
}

/* format NULL: what the path ends with. */
static bool is_onnx(const char *path, const char *format)
{
	static const char end[] = ".onnx";
	size_t size = strlen(path);

	if (format)
		return strcmp(format, "onnx") == 0;
	return size >= sizeof(end) && strcmp(path + size + 1 - sizeof(end), end) == 0;
}

static bool find_model(PGconn *db, const char *pipeline, const char *wanted, int *model_id, struct fail *fail)
{
	PGresult *row;

	if (wanted)
		row = db_queryf(db, fail, "ss",
				"SELECT m.model_id FROM green_ml.model m JOIN green_ml.pipeline p USING (pipeline_id) "
				"WHERE p.name = $1 AND m.model_id = $2::int",
				pipeline, wanted);
	else
		row = db_queryf(db, fail, "s", "SELECT model_id FROM green_ml.champion WHERE pipeline = $1", pipeline);
	if (!row)
		return fail_prefix(fail, "could not look up the model of pipeline \"%s\"", pipeline);
	*model_id = PQntuples(row) == 1 ? (int)db_int(row, 0, 0) : 0;
	db_free(row);
	if (*model_id == 0 && wanted)
		return fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no model %s: see green_ml.model", pipeline,
				wanted);
	return *model_id != 0 ||
	       fail_set(fail, EXIT_WRONG_USE,
			"pipeline \"%s\" has no champion yet: train it, or name a model with --model", pipeline);
}

bool export_model(PGconn *db, const char *pipeline, const char *model_id, const char *path, const char *format,
		  int *exported, struct fail *fail)
{
	unsigned char *bytes = NULL;
	struct forest *forest;
	size_t size = 0;
	bool done;

	if (!find_model(db, pipeline, model_id, exported, fail))
		return false;
	forest = registry_model(db, *exported, &bytes, &size, fail);
	if (!forest)
		return false;
	done = is_onnx(path, format) ? write_onnx(forest, path, fail) : write_to(path, bytes, size, fail);
	forest_free(forest);
	PQfreemem(bytes);
	return done;
}
