#include "model-api/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/text.h"
#include "common/xalloc.h"

static const char ending[] = ".model";

enum { MAX_COPY = 1 << 30 };

/* ------------------------------------------------------------------ writing */

static char *header_line(const struct model_address *address, const struct model_parts *parts)
{
	json_t *header = json_pack(
	    "{s:s, s:i, s:i, s:i, s:i, s:s, s:f, s:f, s:I, s:I, s:s, s:s*}", "pipeline", address->pipeline,
	    "pipeline_id", address->pipeline_id, "promotion_id", address->promotion_id, "model_id", address->model_id,
	    "feature_set_id", address->feature_set_id, "sha256", address->sha256, "promoted_at_s",
	    address->promoted_at_s, "trained_at_s", address->trained_at_s, "holdout_n", (json_int_t)address->holdout_n,
	    "holdout_k", (json_int_t)address->holdout_k, "columns", parts->columns, "smoke", parts->smoke);
	char *line = header ? json_dumps(header, JSON_COMPACT) : NULL;

	json_decref(header);
	return line;
}

static bool write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		at += written;
		size -= (size_t)written;
	}
	return true;
}

bool copy_write(const char *folder, const struct model_address *address, const struct model_parts *parts,
		struct fail *fail)
{
	char *line = header_line(address, parts), hex[DIGEST_HEX_SIZE];
	char *path = xasprintf("%s/%s%s", folder, address->pipeline, ending), *draft = xasprintf("%s.new", path);
	unsigned char hash[DIGEST_SIZE];
	struct digest *digest = digest_new();
	int fd = line ? open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	bool good = fd >= 0;

	if (good) {
		digest_add(digest, line, strlen(line));
		digest_add(digest, "\n", 1);
		digest_add(digest, parts->bytes, parts->size);
		digest_finish(digest, hash);
		digest = NULL;
		digest_hex(hash, hex);
		good = write_all(fd, hex, strlen(hex)) && write_all(fd, "\n", 1) && write_all(fd, line, strlen(line)) &&
		       write_all(fd, "\n", 1) && write_all(fd, parts->bytes, parts->size) && fsync(fd) == 0;
	}
	if (fd >= 0 && close(fd) != 0)
		good = false;
	good = good && rename(draft, path) == 0;
	if (!good)
		fail_set(fail, EXIT_FAILED, "could not write the copy \"%s\": %s", path, strerror(errno));
	digest_free(digest);
	free(line);
	free(draft);
	free(path);
	return good;
}

/* ------------------------------------------------------------------ reading */

static bool read_file(const char *path, struct text *text, struct fail *fail)
{
	FILE *file = fopen(path, "re");
	char block[65536];
	size_t size;
	bool good = file != NULL;

	while (good && (size = fread(block, 1, sizeof(block), file)) > 0)
		good = text_add(text, block, size);
	if (file && (ferror(file) || text->overflow))
		good = false;
	if (!good)
		fail_set(fail, EXIT_FAILED, "could not read the copy \"%s\": %s", path,
			 text->overflow ? "it is too long" : strerror(errno));
	if (file)
		fclose(file);
	return good;
}

/* The byte behind the line's end, or NULL. */
static const char *next_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline + 1 : NULL;
}

static bool check_sum(const char *text, const char *rest, const char *end)
{
	unsigned char hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	digest_bytes(rest, (size_t)(end - rest), hash);
	digest_hex(hash, hex);
	return rest - text == DIGEST_HEX_SIZE && memcmp(text, hex, DIGEST_HEX_SIZE - 1) == 0;
}

static bool take_header(struct copy *copy, const char *line, size_t size)
{
	struct model_address *address = &copy->address;
	const char *columns = NULL, *smoke = NULL;
	json_int_t n, k;

	copy->header = json_loadb(line, size, 0, NULL);
	if (!copy->header ||
	    json_unpack(copy->header, "{s:s, s:i, s:i, s:i, s:i, s:s, s:F, s:F, s:I, s:I, s:s, s?s}", "pipeline",
			&address->pipeline, "pipeline_id", &address->pipeline_id, "promotion_id",
			&address->promotion_id, "model_id", &address->model_id, "feature_set_id",
			&address->feature_set_id, "sha256", &address->sha256, "promoted_at_s", &address->promoted_at_s,
			"trained_at_s", &address->trained_at_s, "holdout_n", &n, "holdout_k", &k, "columns", &columns,
			"smoke", &smoke) != 0)
		return false;
	address->holdout_n = n;
	address->holdout_k = k;
	copy->parts.columns = xstrdup(columns);
	copy->parts.smoke = smoke ? xstrdup(smoke) : NULL;
	return true;
}

static bool take_text(struct copy *copy, const struct text *text, const char *pipeline, struct fail *fail)
{
	const char *end = text->data + text->size;
	const char *header = next_line(text->data, end), *bytes = header ? next_line(header, end) : NULL;

	if (!bytes || !check_sum(text->data, header, end) || !take_header(copy, header, (size_t)(bytes - header)) ||
	    strcmp(copy->address.pipeline, pipeline) != 0)
		return fail_set(fail, EXIT_FAILED, "the copy of pipeline \"%s\" is damaged: its checksum does not fit",
				pipeline);
	copy->parts.size = (size_t)(end - bytes);
	copy->parts.forest = forest_read(bytes, copy->parts.size, NULL, fail);
	return copy->parts.forest != NULL;
}

bool copy_exists(const char *folder, const char *pipeline)
{
	char *path = xasprintf("%s/%s%s", folder, pipeline, ending);
	bool exists = access(path, F_OK) == 0;

	free(path);
	return exists;
}

bool copy_read(const char *folder, const char *pipeline, struct copy *copy, struct fail *fail)
{
	char *path = xasprintf("%s/%s%s", folder, pipeline, ending);
	struct text text;
	bool good;

	memset(copy, 0, sizeof(*copy));
	text_init(&text, MAX_COPY);
	good = read_file(path, &text, fail) && take_text(copy, &text, pipeline, fail);
	text_release(&text);
	free(path);
	return good;
}

void copy_release(struct copy *copy)
{
	model_parts_release(&copy->parts);
	json_decref(copy->header);
	memset(copy, 0, sizeof(*copy));
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

char **copy_list(const char *folder, int *count)
{
	DIR *directory = opendir(folder);
	char **names = NULL;

	*count = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
		size_t length = strlen(entry->d_name), tail = strlen(ending);

		if (length <= tail || length - tail > SPEC_MAX_NAME ||
		    strcmp(entry->d_name + length - tail, ending) != 0)
			continue;
		names = xreallocarray(names, (size_t)*count + 1, sizeof(*names));
		names[(*count)++] = xstrndup(entry->d_name, length - tail);
	}
	if (directory)
		closedir(directory);
	if (names)
		qsort(names, (size_t)*count, sizeof(*names), by_name);
	return names;
}
