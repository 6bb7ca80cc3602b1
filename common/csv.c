#include "common/csv.h"

#include <string.h>
#if defined(__SSE2__) && !defined(CSV_PORTABLE)
#include <emmintrin.h>
#endif

#include "common/xalloc.h"

enum {
	FILL = 1 << 18, /* bytes gathered before they are parsed: bounds the times an unfinished row is scanned again */
	CAPACITY = CSV_MAX_ROW + FILL,
	BLOCK = 64, /* bytes looked at together */
	FIRST_FIELDS = 64,
};

struct csv {
	const char *name;
	csv_on_row *on_row;
	void *context;
	char *buffer;	/* CAPACITY bytes, a line end that stops every scan, and room to look ahead */
	size_t size;	/* bytes in it, from the beginning of a row */
	size_t scanned; /* of these, how many were there when the last scan found no whole row */
	char *unquoted; /* fields of the row with "" in them */
	size_t unquoted_size;
	struct csv_field *fields;
	int count, capacity;
	const char *problem;
	int64_t line;	/* where the next row begins */
	int64_t breaks; /* line ends inside quotes of the row */
	int64_t skip;	/* rows that are still to be passed over */
	bool begun;	/* the byte order mark has been looked for */
	bool open;	/* the scan ended inside quotes */
};

/* Bytes that end a field without quotes. */
static const bool special[256] = {[','] = true, ['\n'] = true, ['\r'] = true, ['"'] = true};

struct csv *csv_new(const char *name, csv_on_row *on_row, void *context)
{
	struct csv *csv = xcalloc(1, sizeof(*csv));

	csv->name = name;
	csv->on_row = on_row;
	csv->context = context;
	csv->buffer = xcalloc(1, CAPACITY + 1 + BLOCK);
	csv->capacity = FIRST_FIELDS;
	csv->fields = xreallocarray(NULL, FIRST_FIELDS, sizeof(*csv->fields));
	csv->line = 1;
	return csv;
}

void csv_free(struct csv *csv)
{
	if (!csv)
		return;
	free(csv->buffer);
	free(csv->unquoted);
	free(csv->fields);
	free(csv);
}

/* ------------------------------------------------------------------ text */

/* Length of the well-formed UTF-8 sequence at data (Unicode table 3-7), 0 when there is none. */
static size_t sequence(const unsigned char *data, size_t size)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length = *data < 0x80   ? 1
			: *data < 0xc2 ? 0
			: *data < 0xe0 ? 2
			: *data < 0xf0 ? 3
			: *data < 0xf5 ? 4
				       : 0;

	if (length == 0 || length > size)
		return 0;
	if (*data == 0xe0)
		low = 0xa0;
	else if (*data == 0xed)
		high = 0x9f;
	else if (*data == 0xf0)
		low = 0x90;
	else if (*data == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (data[i] < low || data[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

bool csv_is_text(const char *data, size_t size)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	const unsigned char *at = (const unsigned char *)data;

	while (size) {
		uint64_t eight;
		size_t length;

		/* Eight bytes at a time as long as they are ASCII without NUL. */
		for (; size >= sizeof(eight); at += sizeof(eight), size -= sizeof(eight)) {
			memcpy(&eight, at, sizeof(eight));
			if ((eight & tops) || ((eight - ones) & ~eight & tops))
				break;
		}
		if (!size)
			return true;
		length = *at ? sequence(at, size) : 0;
		if (!length)
			return false;
		at += length;
		size -= length;
	}
	return true;
}

/* ------------------------------------------------------------------ one row */

/* Bit i: at[i] ends a field without quotes. */
#if defined(__SSE2__) && !defined(CSV_PORTABLE)
static uint64_t special_16(const char *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i comma = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(',')), quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i feed = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), back = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(comma, quote), _mm_or_si128(feed, back)));
}

static uint64_t special_64(const char *at)
{
	return special_16(at) | special_16(at + 16) << 16 | special_16(at + 32) << 32 | special_16(at + 48) << 48;
}
#else
static uint64_t special_64(const char *at)
{
	uint64_t mask = 0;

	for (int i = 0; i < BLOCK; i++)
		mask |= (uint64_t)special[(unsigned char)at[i]] << i;
	return mask;
}
#endif

/* The fast way for nearly all rows: no quotes, no surprises. NULL: parse_row() has to look at it. */
static const char *parse_plain(struct csv *csv, const char *at, const char *end)
{
	struct csv_field *field = csv->fields, *behind = csv->fields + csv->capacity;
	const char *begin = at;

	for (const char *block = at; block < end; block += BLOCK)
		for (uint64_t mask = special_64(block); mask; mask &= mask - 1) {
			const char *stop = block + __builtin_ctzll(mask);

			if (field == behind)
				return NULL;
			*field++ = (struct csv_field){begin, (size_t)(stop - begin)};
			begin = stop + 1;
			if (*stop == ',')
				continue;
			csv->count = (int)(field - csv->fields);
			if (*stop == '\n')
				return stop < end ? stop + 1 : NULL;
			return *stop == '\r' && stop + 1 < end && stop[1] == '\n' ? stop + 2 : NULL;
		}
	return NULL;
}

static void add_field(struct csv *csv, const char *data, size_t size)
{
	if (csv->count == csv->capacity) {
		csv->capacity *= 2;
		csv->fields = xreallocarray(csv->fields, (size_t)csv->capacity, sizeof(*csv->fields));
	}
	csv->fields[csv->count++] = (struct csv_field){data, size};
}

static void keep_unquoted(struct csv *csv, const char *data, size_t size)
{
	if (!csv->unquoted)
		csv->unquoted = xmalloc(CAPACITY);
	memcpy(csv->unquoted + csv->unquoted_size, data, size);
	csv->unquoted_size += size;
}

static void count_breaks(struct csv *csv, const char *data, const char *end)
{
	while ((data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		csv->breaks++;
		data++;
	}
}

/* From the opening quote to behind the closing one; NULL when the data end before it. */
static const char *quoted_field(struct csv *csv, const char *at, const char *end)
{
	size_t kept = csv->unquoted_size;
	bool copied = false;
	const char *begin = ++at;

	csv->open = true;
	for (;;) {
		const char *quote = memchr(at, '"', (size_t)(end - at));

		if (!quote)
			return NULL;
		if (quote[1] != '"') { /* at the end of the data the line end behind them */
			count_breaks(csv, begin, quote);
			if (copied) {
				keep_unquoted(csv, at, (size_t)(quote - at));
				add_field(csv, csv->unquoted + kept, csv->unquoted_size - kept);
			} else {
				add_field(csv, begin, (size_t)(quote - begin));
			}
			csv->open = false;
			return quote + 1;
		}
		keep_unquoted(csv, at, (size_t)(quote + 1 - at));
		copied = true;
		at = quote + 2;
	}
}

static const char *bare_field(struct csv *csv, const char *at)
{
	const char *begin = at;

	while (!special[(unsigned char)*at])
		at++;
	add_field(csv, begin, (size_t)(at - begin));
	return at;
}

/* A broken row ends with its line. (Of a carriage return at the very end of the data it is not known yet whether it
 * breaks the row: no line end is found behind it then, so more data are asked for.) */
static const char *skip_line(struct csv *csv, const char *at, const char *end, bool final, const char *problem)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));

	csv->problem = problem;
	return line_end ? line_end + 1 : final ? end : NULL;
}

/* Parses a row; returns where the next one begins, NULL when the data end before this row does. */
static const char *parse_row(struct csv *csv, const char *at, const char *end, bool final)
{
	const char *next;

	csv->problem = NULL;
	csv->unquoted_size = 0;
	csv->breaks = 0;
	csv->open = false;
	next = parse_plain(csv, at, end);
	if (next)
		return next;
	csv->count = 0;
	for (;;) {
		bool quoted = *at == '"' && at < end;

		at = quoted ? quoted_field(csv, at, end) : bare_field(csv, at);
		if (!at)
			return NULL;
		if (at == end)
			return final ? end : NULL;
		if (*at == ',')
			at++;
		else if (*at == '\n')
			return at + 1;
		else if (*at == '\r' && at + 1 < end && at[1] == '\n')
			return at + 2;
		else
			return skip_line(csv, at, end, final,
					 *at == '\r' ? "carriage return outside of quotes"
					 : quoted    ? "text behind a closing quote"
						     : "quote inside a field without quotes");
	}
}

/* ------------------------------------------------------------------ the stream */

static bool is_empty_line(const char *at, const char *next)
{
	return *at == '\n' || (*at == '\r' && next - at == 2 && at[1] == '\n');
}

static bool too_long(const struct csv *csv, struct fail *fail)
{
	return fail_set(fail, EXIT_BAD_DATA, "\"%s\" line %lld: the row that begins here is longer than %d bytes%s",
			csv->name, (long long)csv->line, (int)CSV_MAX_ROW, csv->open ? ": a quote is not closed" : "");
}

static bool pass_on(struct csv *csv, const char *at, const char *next, struct fail *fail)
{
	struct csv_row row = {csv->line, at, (size_t)(next - at), csv->fields, csv->count, csv->problem};

	if (row.raw_size > CSV_MAX_ROW)
		return too_long(csv, fail);
	csv->line += csv->breaks + 1;
	if (!row.problem && !csv_is_text(at, row.raw_size))
		row.problem = memchr(at, '\0', row.raw_size) ? "a NUL byte" : "bytes that are not UTF-8";
	return csv->on_row(csv->context, &row, fail);
}

/* Passes over rows without a quote in them, which end where their line does; returns where it came to. */
static const char *skip_rows(struct csv *csv, const char *at, const char *end)
{
	while (csv->skip > 0 && at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t size = line_end ? (size_t)(line_end + 1 - at) : 0;

		if (!line_end || size > CSV_MAX_ROW || memchr(at, '"', size))
			break;
		csv->skip -= !is_empty_line(at, line_end + 1);
		csv->line++;
		at += size;
	}
	return at;
}

/* A row that has been parsed and is only to be passed over. */
static bool pass_over(struct csv *csv, const char *at, const char *next, struct fail *fail)
{
	csv->skip--;
	csv->line += csv->breaks + 1;
	return next - at <= CSV_MAX_ROW || too_long(csv, fail);
}

/* Parses all whole rows of the buffer and moves the rest to its front. */
static bool parse(struct csv *csv, bool final, struct fail *fail)
{
	const char *at = csv->buffer, *end = csv->buffer + csv->size, *next;

	csv->buffer[csv->size] = '\n';
	if (!csv->begun && csv->size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	csv->begun = true;
	for (; (at = skip_rows(csv, at, end)) < end; at = next) {
		next = parse_row(csv, at, end, final);
		if (!next)
			break;
		if (is_empty_line(at, next))
			csv->line++;
		else if (!(csv->skip > 0 ? pass_over : pass_on)(csv, at, next, fail))
			return false;
	}
	csv->size = csv->scanned = (size_t)(end - at);
	memmove(csv->buffer, at, csv->size);
	return csv->size <= CSV_MAX_ROW || too_long(csv, fail);
}

void csv_skip(struct csv *csv, int64_t rows)
{
	csv->skip = rows;
}

int64_t csv_skip_left(const struct csv *csv)
{
	return csv->skip;
}

bool csv_feed(struct csv *csv, const char *data, size_t size, struct fail *fail)
{
	while (size) {
		size_t room = FILL - (csv->size - csv->scanned), piece = size < room ? size : room;

		memcpy(csv->buffer + csv->size, data, piece);
		csv->size += piece;
		data += piece;
		size -= piece;
		if (csv->size - csv->scanned == FILL && !parse(csv, false, fail))
			return false;
	}
	return true;
}

bool csv_finish(struct csv *csv, struct fail *fail)
{
	if (!parse(csv, true, fail))
		return false;
	if (csv->size)
		return fail_set(fail, EXIT_BAD_DATA,
				"\"%s\" line %lld: a quote is opened in the row that begins here and never closed",
				csv->name, (long long)csv->line);
	return true;
}
