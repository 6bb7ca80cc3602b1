#include "data-fetch/pass.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/output.h"
#include "common/xalloc.h"

enum { ROWS_PER_LOOK = 8192 };
static const double progress_every_s = 0.5;

/* ------------------------------------------------------------------ rejects */

static size_t without_line_end(const struct csv_row *row)
{
	size_t size = row->raw_size;

	if (size && row->raw[size - 1] == '\n')
		size--;
	if (size && row->raw[size - 1] == '\r')
		size--;
	return size;
}

char *pass_content(const struct csv_row *row)
{
	size_t size = without_line_end(row), used = 0;
	char *content = xmalloc(PASS_MAX_CONTENT + 1);

	for (size_t at = 0; at < size;) {
		size_t length = 1;

		while (length < 4 && at + length < size && ((unsigned char)row->raw[at + length] & 0xc0) == 0x80)
			length++;
		if (used + length > PASS_MAX_CONTENT)
			break;
		if (csv_is_text(row->raw + at, length)) {
			memcpy(content + used, row->raw + at, length);
			used += length;
			at += length;
		} else {
			content[used++] = '?';
			at++;
		}
	}
	content[used] = '\0';
	return content;
}

static bool too_many_rejects(const struct pass *pass)
{
	return pass->rejected > pass->window->max_rejects;
}

/* False: no need to read on. */
static bool reject(struct pass *pass, const struct csv_row *row, const char *reason)
{
	pass->rejected++;
	if (pass->reject_count < PASS_MAX_REJECTS) {
		struct reject *kept = &pass->rejects[pass->reject_count++];

		kept->line = row->line;
		kept->reason = xstrdup(reason);
		kept->content = pass->window->keep_rejects ? pass_content(row) : NULL;
	}
	return !too_many_rejects(pass) || pass->reject_count < PASS_MAX_REJECTS;
}

/* ------------------------------------------------------------------ rows */

static void send_begin(struct pass *pass, const struct csv_row *row)
{
	if (pass->kind == PASS_TABLE) {
		copy_number(pass->copy, pass->load_id);
		copy_number(pass->copy, pass->row);
		return;
	}
	copy_number(pass->copy, pass->row);
	copy_number(pass->copy, row->line);
	if (pass->window->keep_rejects) {
		char *content = pass_content(row);

		copy_field(pass->copy, content, strlen(content));
		free(content);
	} else {
		copy_field(pass->copy, NULL, 0);
	}
}

static bool send_row(struct pass *pass, const struct csv_row *row, struct fail *fail)
{
	const struct columns *columns = pass->columns;

	send_begin(pass, row);
	copy_field(pass->copy, row->fields[columns->id_at].data, row->fields[columns->id_at].size);
	for (int i = 0; i < columns->count; i++) {
		int at = columns->columns[i].at;

		copy_field(pass->copy, at < 0 ? NULL : row->fields[at].data, at < 0 ? 0 : row->fields[at].size);
	}
	return copy_row_end(pass->copy, fail) && !pass->copy->interrupted;
}

static void show_progress(struct pass *pass)
{
	const struct input *input = pass->input;
	double now_s;

	if (pass->selected % ROWS_PER_LOOK)
		return;
	now_s = clock_monotonic_s();
	if (now_s < pass->progress_s)
		return;
	pass->progress_s = now_s + progress_every_s;
	if (pass->window->n_rows)
		output_progress(pass->selected, pass->window->n_rows);
	else if (input->size)
		output_progress(input->taken, input->size);
}

static bool take_header(struct pass *pass, const struct csv_row *row, struct fail *fail)
{
	pass->has_header = true;
	pass->row = pass->window->start_row;
	csv_skip(pass->csv, pass->row);
	digest_add(pass->digest, row->raw, row->raw_size);
	return columns_find(pass->columns, pass->input->location, row, fail);
}

static bool take_row(struct pass *pass, const struct csv_row *row, struct fail *fail)
{
	char reason[COLUMNS_REASON_SIZE];

	pass->selected++;
	digest_add(pass->digest, row->raw, row->raw_size);
	show_progress(pass);
	if (pass->kind == PASS_HASH)
		return true;
	if (!columns_check(pass->columns, row, reason))
		return reject(pass, row, reason);
	return too_many_rejects(pass) || send_row(pass, row, fail);
}

static bool on_row(void *context, const struct csv_row *row, struct fail *fail)
{
	struct pass *pass = context;

	if (!pass->has_header)
		return take_header(pass, row, fail);
	if (++pass->row > INT32_MAX)
		return fail_set(fail, EXIT_BAD_DATA, "\"%s\" has more than %d rows: split it", pass->input->location,
				(int)INT32_MAX);
	return take_row(pass, row, fail) && pass->selected != pass->window->n_rows;
}

/* ------------------------------------------------------------------ the whole */

static bool feed(void *context, const char *data, size_t size, struct fail *fail)
{
	struct pass *pass = context;

	return csv_feed(pass->csv, data, size, fail);
}

static bool is_over(const struct pass *pass)
{
	return (pass->copy && pass->copy->interrupted) ||
	       (pass->window->n_rows && pass->selected == pass->window->n_rows) ||
	       (too_many_rejects(pass) && pass->reject_count == PASS_MAX_REJECTS);
}

static bool report_rejects(const struct pass *pass, struct fail *fail)
{
	return fail_set(
	    fail, EXIT_BAD_DATA,
	    "\"%s\": %s%lld of %lld rows cannot be read, at most %lld may (--max-rejects); the first, line %lld: %s",
	    pass->input->location, is_over(pass) ? "at least " : "", (long long)pass->rejected,
	    (long long)pass->selected, (long long)pass->window->max_rejects, (long long)pass->rejects[0].line,
	    pass->rejects[0].reason);
}

bool pass_run(struct pass *pass, struct fail *fail)
{
	pass->csv = csv_new(pass->input->location, on_row, pass);
	pass->digest = digest_new();
	if (!input_read(pass->input, feed, pass, fail))
		return false;
	if (!is_over(pass) && !csv_finish(pass->csv, fail) && fail->code)
		return false;
	pass->row -= csv_skip_left(pass->csv);
	output_progress_end();
	if (pass->copy && pass->copy->interrupted)
		return true;
	if (!pass->has_header)
		return fail_set(fail, EXIT_BAD_DATA, "\"%s\" is empty: expected a header line", pass->input->location);
	pass->too_few = !is_over(pass) && pass->selected < pass->window->min_rows;
	if (pass->too_few)
		return true;
	if (pass->kind != PASS_HASH && too_many_rejects(pass))
		return report_rejects(pass, fail);
	digest_finish(pass->digest, pass->sha256);
	pass->digest = NULL;
	return true;
}

void pass_release(struct pass *pass)
{
	csv_free(pass->csv);
	digest_free(pass->digest);
	for (int i = 0; i < pass->reject_count; i++) {
		free(pass->rejects[i].reason);
		free(pass->rejects[i].content);
	}
	pass->csv = NULL;
	pass->digest = NULL;
	pass->reject_count = 0;
}
