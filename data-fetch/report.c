#include "data-fetch/report.h"

#include <jansson.h>
#include <stdio.h>

#include "common/log.h"
#include "common/output.h"

static void log_load(const struct load_result *result, const struct window *window, const char *location)
{
	log_info(result->repeat ? "already loaded" : "load done", "load_id", "%d", result->load_id, "rows", "%lld",
		 (long long)result->rows, "rows_known", "%lld", (long long)result->rows_known, "rejected", "%lld",
		 (long long)result->rejected, "location", "%s", location, NULL);
	if (result->conflicts)
		log_warning("rows with a known id and other content were rejected, the stored rows stand", "load_id",
			    "%d", result->load_id, "conflicts", "%lld", (long long)result->conflicts, "first_line",
			    "%lld", (long long)result->first_conflict_line, NULL);
	if (result->rejected > result->conflicts && !result->repeat)
		log_warning("unreadable rows were left out", "load_id", "%d", result->load_id, "rows", "%lld",
			    (long long)(result->rejected - result->conflicts), NULL);
	if (result->rows + result->rows_known + result->rejected == 0)
		log_warning("no rows were there to load", "load_id", "%d", result->load_id, "start_row", "%lld",
			    (long long)window->start_row, NULL);
}

static void log_nothing(const struct load_result *result, const struct window *window, const char *location)
{
	if (result->shrunk)
		log_warning("the source has fewer rows than were loaded from it", "location", "%s", location,
			    "start_row", "%lld", (long long)window->start_row, NULL);
	log_info("too few new rows, nothing is loaded", "rows_waiting", "%lld", (long long)result->rows_waiting,
		 "min_new_rows", "%lld", (long long)window->min_rows, "start_row", "%lld", (long long)window->start_row,
		 "location", "%s", location, NULL);
}

static void print_json(const struct load_result *result, const struct window *window, const char *source,
		       const char *location)
{
	json_t *object =
	    json_pack("{s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s}", "load_id", result->load_id, "repeat",
		      (int)result->repeat, "rows", (json_int_t)result->rows, "rows_known",
		      (json_int_t)result->rows_known, "rejected", (json_int_t)result->rejected, "conflicts",
		      (json_int_t)result->conflicts, "rows_waiting", (json_int_t)result->rows_waiting, "start_row",
		      (json_int_t)window->start_row, "source", source, "location", location, "sha256", result->sha256);

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_text(const struct load_result *result, const struct window *window, const char *location)
{
	if (!result->load_id)
		printf("nothing loaded: %lld new rows behind row %lld of %s, waiting for %lld\n",
		       (long long)result->rows_waiting, (long long)window->start_row, location,
		       (long long)window->min_rows);
	else
		printf("%sload %d: %lld rows, %lld known, %lld rejected from %s\n",
		       result->repeat ? "already loaded as " : "", result->load_id, (long long)result->rows,
		       (long long)result->rows_known, (long long)result->rejected, location);
}

bool report_load(const struct load_result *result, const struct window *window, const char *source,
		 const char *location, bool as_json, struct fail *fail)
{
	if (result->load_id)
		log_load(result, window, location);
	else
		log_nothing(result, window, location);
	if (as_json)
		print_json(result, window, source, location);
	else
		print_text(result, window, location);
	return output_write(fail, "load_id", "%d", result->load_id) &&
	       output_write(fail, "rows", "%lld", (long long)result->rows) &&
	       output_write(fail, "rows_known", "%lld", (long long)result->rows_known) &&
	       output_write(fail, "rejected", "%lld", (long long)result->rejected);
}
