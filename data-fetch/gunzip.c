#include "data-fetch/gunzip.h"

#include <string.h>
#include <zlib.h>

#include "common/xalloc.h"

enum { PIECE = 1 << 17, GZIP_ONLY = 15 + 16 };

enum state {
	AT_BEGIN, /* fewer than two bytes have come */
	PLAIN,
	IN_MEMBER,
	BEHIND_MEMBER, /* another member, padding or the end */
};

struct gunzip {
	const char *name;
	struct gunzip_limits limits;
	byte_sink *sink;
	void *context;
	enum state state;
	char first; /* the first byte while the second has not come */
	size_t first_size;
	int64_t in, out;
	z_stream stream;
	bool stream_made;
	unsigned char piece[PIECE];
};

struct gunzip *gunzip_new(const char *name, const struct gunzip_limits *limits, byte_sink *sink, void *context)
{
	struct gunzip *gunzip = xcalloc(1, sizeof(*gunzip));

	gunzip->name = name;
	gunzip->limits = *limits;
	gunzip->sink = sink;
	gunzip->context = context;
	return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
	if (gunzip && gunzip->stream_made)
		inflateEnd(&gunzip->stream);
	free(gunzip);
}

static bool hand_on(struct gunzip *gunzip, const char *data, size_t size, struct fail *fail)
{
	gunzip->out += (int64_t)size;
	if (gunzip->out > gunzip->limits.max_bytes)
		return fail_set(fail, EXIT_BAD_DATA,
				"\"%s\" holds more than %lld bytes: raise --max-bytes if that is right", gunzip->name,
				(long long)gunzip->limits.max_bytes);
	if (gunzip->state != PLAIN && gunzip->out > GUNZIP_RATIO_FROM &&
	    (double)gunzip->out > gunzip->limits.max_ratio * (double)gunzip->in)
		return fail_set(fail, EXIT_BAD_DATA,
				"\"%s\" is compressed more than %g to 1: raise --max-ratio if it is no gzip bomb",
				gunzip->name, gunzip->limits.max_ratio);
	return size == 0 || gunzip->sink(gunzip->context, data, size, fail);
}

/* Inflates what the member takes of the input; *data and *size move on. */
static bool inflate_some(struct gunzip *gunzip, const char **data, size_t *size, struct fail *fail)
{
	z_stream *stream = &gunzip->stream;
	size_t given = *size < PIECE ? *size : PIECE, taken;
	int result;

	stream->next_in = (Bytef *)(uintptr_t)*data;
	stream->avail_in = (uInt)given;
	do {
		stream->next_out = gunzip->piece;
		stream->avail_out = PIECE;
		result = inflate(stream, Z_NO_FLUSH);
		taken = given - stream->avail_in;
		gunzip->in += (int64_t)taken;
		given = stream->avail_in;
		*data += taken;
		*size -= taken;
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			return fail_set(fail, EXIT_BAD_DATA, "\"%s\": the gzip data are damaged after %lld bytes: %s",
					gunzip->name, (long long)gunzip->in,
					stream->msg ? stream->msg : zError(result));
		if (!hand_on(gunzip, (const char *)gunzip->piece, PIECE - stream->avail_out, fail))
			return false;
	} while (result != Z_STREAM_END && (given || stream->avail_out == 0));
	if (result == Z_STREAM_END)
		gunzip->state = BEHIND_MEMBER;
	return true;
}

static bool begin_member(struct gunzip *gunzip, struct fail *fail)
{
	int result = gunzip->stream_made ? inflateReset(&gunzip->stream) : inflateInit2(&gunzip->stream, GZIP_ONLY);

	if (result != Z_OK)
		return fail_set(fail, EXIT_FAILED, "could not begin to inflate \"%s\": %s", gunzip->name,
				zError(result));
	gunzip->stream_made = true;
	gunzip->state = IN_MEMBER;
	return true;
}

/* Zero bytes pad an archive on tapes and block devices; anything but another member is damage. */
static bool next_member(struct gunzip *gunzip, const char **data, size_t *size, struct fail *fail)
{
	while (*size && **data == '\0') {
		++*data;
		--*size;
		gunzip->in++;
	}
	if (*size == 0)
		return true;
	if (**data != '\x1f')
		return fail_set(fail, EXIT_BAD_DATA,
				"\"%s\": the gzip data are followed by something else after %lld bytes", gunzip->name,
				(long long)gunzip->in);
	return begin_member(gunzip, fail);
}

static bool take(struct gunzip *gunzip, const char *data, size_t size, struct fail *fail)
{
	while (size) {
		if (gunzip->state == PLAIN)
			return hand_on(gunzip, data, size, fail);
		if (gunzip->state == BEHIND_MEMBER && !next_member(gunzip, &data, &size, fail))
			return false;
		if (size && gunzip->state == IN_MEMBER && !inflate_some(gunzip, &data, &size, fail))
			return false;
	}
	return true;
}

bool gunzip_feed(struct gunzip *gunzip, const char *data, size_t size, struct fail *fail)
{
	char second;

	if (gunzip->state != AT_BEGIN || size == 0)
		return take(gunzip, data, size, fail);
	if (gunzip->first_size + size < 2) {
		gunzip->first = *data;
		gunzip->first_size = 1;
		return true;
	}
	second = gunzip->first_size ? data[0] : data[1];
	gunzip->first = gunzip->first_size ? gunzip->first : data[0];
	if (gunzip->first != '\x1f' || second != '\x8b')
		gunzip->state = PLAIN;
	else if (!begin_member(gunzip, fail))
		return false;
	return take(gunzip, &gunzip->first, gunzip->first_size, fail) && take(gunzip, data, size, fail);
}

bool gunzip_finish(struct gunzip *gunzip, struct fail *fail)
{
	if (gunzip->state == IN_MEMBER)
		return fail_set(fail, EXIT_BAD_DATA,
				"\"%s\": the gzip data are cut off after %lld bytes: fetch it again", gunzip->name,
				(long long)gunzip->in);
	if (gunzip->state == AT_BEGIN && gunzip->first_size)
		gunzip->state = PLAIN;
	return gunzip->state != PLAIN || gunzip->out || hand_on(gunzip, &gunzip->first, gunzip->first_size, fail);
}
