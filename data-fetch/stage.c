#include "data-fetch/stage.h"

#include <stdlib.h>

#include "common/db.h"
#include "common/text.h"
#include "data-fetch/pass.h"

enum { MAX_SQL = 1 << 20 };

static void add_columns(struct text *sql, const struct columns *columns, const char *before, const char *behind)
{
	for (int i = 0; i < columns->count; i++)
		text_printf(sql, ", %s%s%s", before, columns->columns[i].quoted, behind);
}

static bool run_text(PGconn *db, struct text *sql, struct fail *fail)
{
	bool good = !sql->overflow
			? db_run(db, fail, sql->data, 0, NULL)
			: fail_set(fail, EXIT_FAILED, "a statement of more than %d bytes is needed", (int)MAX_SQL);

	text_release(sql);
	return good;
}

bool stage_begin(PGconn *db, const struct columns *columns, struct fail *fail)
{
	struct text sql;

	text_init(&sql, MAX_SQL);
	text_puts(&sql, "CREATE TEMPORARY TABLE load_stage (_row int, _line bigint, _content text, _id text");
	add_columns(&sql, columns, "", " text");
	text_puts(&sql, ") ON COMMIT DROP");
	return run_text(db, &sql, fail) || fail_prefix(fail, "could not make the staging table");
}

char *stage_copy_sql(const struct columns *columns)
{
	struct text sql;
	char *result;

	text_init(&sql, MAX_SQL);
	text_puts(&sql, "COPY pg_temp.load_stage (_row, _line, _content, _id");
	add_columns(&sql, columns, "", "");
	text_puts(&sql, ") FROM STDIN");
	result = text_take(&sql);
	text_release(&sql);
	return result;
}

/* In the order of the ids: two loads that meet here then wait for each other in one direction only. */
static bool insert_new(PGconn *db, const struct columns *columns, int load_id, int64_t *rows, struct fail *fail)
{
	struct text sql;
	PGresult *result;

	text_init(&sql, MAX_SQL);
	text_printf(&sql, "INSERT INTO %s (_load_id, _row, _id", columns->table);
	add_columns(&sql, columns, "", "");
	text_printf(&sql, ") SELECT %d, s._row, s._id", load_id);
	add_columns(&sql, columns, "s.", "");
	text_printf(&sql,
		    " FROM (SELECT DISTINCT ON (_id) * FROM pg_temp.load_stage ORDER BY _id, _row) AS s "
		    "WHERE NOT EXISTS (SELECT FROM %s AS r WHERE r._id = s._id) ON CONFLICT (_id) DO NOTHING",
		    columns->table);
	result = db_query(db, fail, sql.data, 0, NULL);
	text_release(&sql);
	if (!result)
		return fail_prefix(fail, "could not store the new rows");
	*rows = strtoll(PQcmdTuples(result), NULL, 10);
	db_free(result);
	return true;
}

/* A statement of its own, so that it sees what other loads have committed while insert_new() waited for them. The name
 * of the first column that differs stays null where none does. */
static bool compare_known(PGconn *db, const struct columns *columns, int load_id, struct fail *fail)
{
	struct text sql;

	text_init(&sql, MAX_SQL);
	text_puts(
	    &sql,
	    "CREATE TEMPORARY TABLE load_known ON COMMIT DROP AS SELECT s._line, s._content, r._load_id, r._row, CASE");
	for (int i = 0; i < columns->count; i++)
		if (columns->columns[i].at >= 0) /* a column that this file does not have contradicts nothing */
			text_printf(&sql, " WHEN r.%s IS DISTINCT FROM s.%s THEN %d", columns->columns[i].quoted,
				    columns->columns[i].quoted, i);
	text_printf(&sql,
		    " END AS differs FROM pg_temp.load_stage AS s JOIN %s AS r ON r._id = s._id "
		    "WHERE r._load_id <> %d OR r._row <> s._row",
		    columns->table, load_id);
	return run_text(db, &sql, fail) || fail_prefix(fail, "could not compare the known rows");
}

static bool count_known(PGconn *db, struct merged *merged, struct fail *fail)
{
	PGresult *row =
	    db_query(db, fail,
		     "SELECT count(*) FILTER (WHERE differs IS NULL), count(differs), coalesce(min(_line) FILTER "
		     "(WHERE differs IS NOT NULL), 0) FROM pg_temp.load_known",
		     0, NULL);

	if (!row)
		return fail_prefix(fail, "could not count the known rows");
	merged->known = db_int(row, 0, 0);
	merged->conflicts = db_int(row, 0, 1);
	merged->first_conflict_line = db_int(row, 0, 2);
	db_free(row);
	return true;
}

static bool store_conflicts(PGconn *db, int load_id, struct fail *fail)
{
	return db_runf(db, fail, "dd",
		       "INSERT INTO green_ml.rejected_row (load_id, line, reason, content) "
		       "SELECT $1, k._line, format('the id is known from load %s, row %s, with another value in column "
		       "\"%s\"', "
		       "k._load_id, k._row, c.name), k._content "
		       "FROM (SELECT * FROM pg_temp.load_known WHERE differs IS NOT NULL ORDER BY _line LIMIT $2) AS k "
		       "JOIN green_ml.load AS l ON l.load_id = $1 "
		       "JOIN green_ml.source_column AS c ON c.source_id = l.source_id AND c.position = k.differs + 1",
		       load_id, (int)PASS_MAX_REJECTS) ||
	       fail_prefix(fail, "could not store the rejects");
}

bool stage_merge(PGconn *db, const struct columns *columns, int load_id, struct merged *merged, struct fail *fail)
{
	return db_run(db, fail, "ANALYZE pg_temp.load_stage", 0, NULL) &&
	       insert_new(db, columns, load_id, &merged->rows, fail) && compare_known(db, columns, load_id, fail) &&
	       count_known(db, merged, fail) && (merged->conflicts == 0 || store_conflicts(db, load_id, fail));
}
