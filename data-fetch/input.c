#include "data-fetch/input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/http.h"
#include "common/xalloc.h"

enum { PIECE = 1 << 17 };

static const char default_root[] = "/data";

/* ------------------------------------------------------------------ finding it */

static bool is_below(const char *path, const char *root)
{
	size_t size = strlen(root);

	if (strcmp(root, "/") == 0)
		return true;
	return strncmp(path, root, size) == 0 && path[size] == '/';
}

static bool find_root(const struct input_settings *settings, char root[PATH_MAX], struct fail *fail)
{
	const char *wanted = settings->data_root;
	struct stat facts;

	if (!wanted || !*wanted)
		wanted = stat(default_root, &facts) == 0 && S_ISDIR(facts.st_mode) ? default_root : ".";
	if (!realpath(wanted, root))
		return fail_set(fail, EXIT_WRONG_USE,
				"could not find the folder \"%s\" given by --data-root or DATA_ROOT: %s", wanted,
				strerror(errno));
	return true;
}

/* The location leaves the root out, so that a file keeps it when the folder is mounted elsewhere. */
static const char *below_root(const char *path, const char *root, const char *wanted_root)
{
	if (*path != '/') {
		while (strncmp(path, "./", 2) == 0)
			path += 2;
		return path;
	}
	if (is_below(path, root))
		return path + strlen(root) + (root[1] != '\0');
	if (wanted_root && *wanted_root && is_below(path, wanted_root))
		return path + strlen(wanted_root) + 1;
	return path;
}

static bool find_file(struct input *input, struct fail *fail)
{
	const char *path = input->settings.path;
	char root[PATH_MAX], resolved[PATH_MAX], *full;
	struct stat facts;
	bool found;

	if (!find_root(&input->settings, root, fail))
		return false;
	full = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", root, path);
	found = realpath(full, resolved) != NULL && stat(resolved, &facts) == 0;
	free(full);
	if (!found)
		return fail_set(fail, EXIT_FAILED, "could not find file \"%s\" (data root \"%s\"): %s", path, root,
				strerror(errno));
	if (!is_below(resolved, root))
		return fail_set(
		    fail, EXIT_WRONG_USE,
		    "cannot read file \"%s\": it lies outside of the data root \"%s\" (--data-root, DATA_ROOT)", path,
		    root);
	if (!S_ISREG(facts.st_mode))
		return fail_set(fail, EXIT_WRONG_USE, "cannot read \"%s\": it is no ordinary file", path);
	input->file = xstrdup(resolved);
	input->size = facts.st_size;
	input->location = xstrdup(below_root(path, root, input->settings.data_root));
	return true;
}

bool input_open(const struct input_settings *settings, struct input *input, struct fail *fail)
{
	memset(input, 0, sizeof(*input));
	input->settings = *settings;
	if (!settings->path || !*settings->path)
		return fail_set(fail, EXIT_WRONG_USE,
				"no CSV is given: set --csv or CSV_PATH to a file or an http(s) URL");
	if (!strstr(settings->path, "://"))
		return find_file(input, fail);
	input->location = http_url_public(settings->path);
	if (strncasecmp(settings->path, "http://", 7) == 0 || strncasecmp(settings->path, "https://", 8) == 0)
		return true;
	fail_set(fail, EXIT_WRONG_USE,
		 "cannot read \"%s\": only files below the data root and http:// and https:// URLs are read",
		 input->location);
	input_release(input);
	return false;
}

void input_release(struct input *input)
{
	free(input->location);
	free(input->file);
	memset(input, 0, sizeof(*input));
}

/* ------------------------------------------------------------------ reading it */

/* Feeds the whole file; *ended: nothing stopped it. */
static bool read_file(struct input *input, struct gunzip *gunzip, bool *ended, struct fail *fail)
{
	int file = open(input->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *piece = xmalloc(PIECE);
	bool going = true;
	ssize_t got = -1;

	if (file >= 0)
		posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (file >= 0 && going && (got = read(file, piece, PIECE)) > 0) {
		input->taken += got;
		going = gunzip_feed(gunzip, piece, (size_t)got, fail);
	}
	if (going && got < 0)
		fail_set(fail, EXIT_FAILED, "could not read file \"%s\": %s", input->file, strerror(errno));
	*ended = going;
	if (file >= 0)
		close(file);
	free(piece);
	return fail->code == 0;
}

struct watched {
	struct gunzip *gunzip;
	bool stopped;
};

static bool feed(void *context, const char *data, size_t size, struct fail *fail)
{
	struct watched *watched = context;
	bool going = gunzip_feed(watched->gunzip, data, size, fail);

	watched->stopped = !going;
	return going;
}

static bool refuse_status(const char *url, const struct http_reply *reply, struct fail *fail)
{
	bool later = reply->status >= 500 || reply->status == 408 || reply->status == 425 || reply->status == 429;

	if (later && reply->retry_after_s > 0)
		return fail_set(fail, EXIT_TRY_AGAIN, "could not read \"%s\": status %ld, to be tried again in %.0f s",
				url, reply->status, reply->retry_after_s);
	return fail_set(fail, later ? EXIT_TRY_AGAIN : EXIT_FAILED, "could not read \"%s\": status %ld", url,
			reply->status);
}

static bool read_url(struct input *input, struct gunzip *gunzip, bool *ended, struct fail *fail)
{
	struct watched watched = {.gunzip = gunzip};
	struct http_request request = {.url = input->settings.path,
				       .timeout_s = input->settings.timeout_s,
				       .follow_redirects = true,
				       .sink = feed,
				       .sink_context = &watched};
	struct http_reply reply;
	bool good;

	if (input->settings.ca_file && *input->settings.ca_file)
		request.ca_file = input->settings.ca_file;
	if (!http_request(&request, &reply, fail))
		return false;
	good = reply.status == 200 || refuse_status(input->location, &reply, fail);
	http_reply_release(&reply);
	*ended = !watched.stopped;
	return good;
}

bool input_read(struct input *input, byte_sink *sink, void *context, struct fail *fail)
{
	struct gunzip *gunzip = gunzip_new(input->location, &input->settings.limits, sink, context);
	bool ended = false, good;

	input->taken = 0;
	good = input->file ? read_file(input, gunzip, &ended, fail) : read_url(input, gunzip, &ended, fail);
	if (good && ended)
		good = gunzip_finish(gunzip, fail) || fail->code == 0;
	gunzip_free(gunzip);
	return good;
}
