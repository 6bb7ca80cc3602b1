#include "scheduler/stored.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/spec.h"
#include "common/text.h"
#include "common/xalloc.h"

/* Names are DNS labels: nothing in them has to be escaped in an array's text. */
static char *names_of(const struct spec *specs, int count)
{
	struct text text;
	char *names;

	text_init(&text, (size_t)count * (SPEC_MAX_NAME + 1) + 3);
	text_puts(&text, "{");
	for (int i = 0; i < count; i++)
		text_printf(&text, "%s%s", i ? "," : "", specs[i].name);
	text_puts(&text, "}");
	names = text_take(&text);
	text_release(&text);
	return names;
}

static bool check_time(const char *option, const char *text, struct fail *fail)
{
	double at_s;

	return !text || clock_parse(text, &at_s) ||
	       fail_set(fail, EXIT_WRONG_USE, "--%s is \"%s\": expected a time such as 2026-01-01T00:00:00Z", option,
			text);
}

bool stored_with(const struct stored_range *range, bool (*work)(PGconn *db, const char *pipelines, struct fail *fail),
		 struct fail *fail)
{
	struct spec *specs = NULL;
	PGconn *db = NULL;
	int count = 0;
	char *names;
	bool done;

	if (!range->pipeline)
		return fail_set(fail, EXIT_WRONG_USE,
				"no pipeline is given: name its spec with --pipeline or PIPELINE_SPEC");
	if (!check_time("from", range->from, fail) || !check_time("until", range->until, fail) ||
	    !spec_load_all(range->pipeline, range->as, &specs, &count, fail))
		return false;
	names = names_of(specs, count);
	done = (db = db_connect(fail)) && work(db, names, fail);
	db_close(db);
	free(names);
	spec_free_all(specs, count);
	return done;
}

PGresult *stored_query(PGconn *db, const struct stored_range *range, const char *pipelines, const char *relation,
		       struct fail *fail)
{
	char *sql = xasprintf("SELECT * FROM (SELECT * FROM %s WHERE pipeline = ANY ($1::text[]) "
			      "AND ($2::timestamptz IS NULL OR decided_at >= $2) "
			      "AND ($3::timestamptz IS NULL OR decided_at < $3) "
			      "ORDER BY decision_id DESC LIMIT nullif($4::bigint, 0)) AS newest ORDER BY decision_id",
			      relation);
	PGresult *rows = db_queryf(db, fail, "sssl", sql, pipelines, range->from, range->until, range->last);

	free(sql);
	return rows;
}
