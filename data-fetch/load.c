#include "data-fetch/load.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/text.h"
#include "data-fetch/stage.h"

/* What load_run() was given, and the load it works on. */
struct load {
	PGconn *db;
	struct run *run;
	struct columns *columns;
	struct input *input;
	const struct window *window;
	struct load_result *result;
	int id;
	struct pass pass;
	struct copy copy;
};

enum outcome {
	FAILED,
	STORED,
	REPEATED,
	TOO_FEW, /* rows: nothing is stored, the transaction is over */
	CLASHED	 /* with rows that are known: nothing is stored, the transaction is over */
};

static void forget_pass(struct load *load)
{
	copy_release(&load->copy);
	pass_release(&load->pass);
}

static bool run_pass(struct load *load, enum pass_kind kind, struct fail *fail)
{
	pass_release(&load->pass);
	load->pass = (struct pass){.kind = kind,
				   .input = load->input,
				   .columns = load->columns,
				   .window = load->window,
				   .copy = kind == PASS_HASH ? NULL : &load->copy,
				   .load_id = load->id};
	return pass_run(&load->pass, fail);
}

/* ------------------------------------------------------------------ rows of green_ml.load */

/* A large file takes longer than the statement_timeout of other statements. */
static bool open_load(struct load *load, struct fail *fail)
{
	char now[CLOCK_TEXT_SIZE];
	PGresult *row;

	if (!db_begin(load->db, fail) || !db_run(load->db, fail, "SET LOCAL statement_timeout = '24h'", 0, NULL))
		return fail_prefix(fail, "could not begin the load");
	row = db_queryf(load->db, fail, "dsllls",
			"INSERT INTO green_ml.load (source_id, location, start_row, n_rows, run_id, simulated_at) "
			"VALUES ($1, $2, $3, $4, $5, $6) RETURNING load_id",
			load->columns->source_id, load->input->location, load->window->start_row, load->window->n_rows,
			run_id(load->run), clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL);
	if (!row)
		return fail_prefix(fail, "could not open the load");
	load->id = (int)db_int(row, 0, 0);
	db_free(row);
	return true;
}

static bool store_rejects(struct load *load, struct fail *fail)
{
	for (int i = 0; i < load->pass.reject_count; i++) {
		const struct reject *reject = &load->pass.rejects[i];

		if (!db_runf(
			load->db, fail, "dlss",
			"INSERT INTO green_ml.rejected_row (load_id, line, reason, content) VALUES ($1, $2, $3, $4)",
			load->id, reject->line, reject->reason, reject->content))
			return fail_prefix(fail, "could not store the rejects");
	}
	return true;
}

/* A finished load of the same rows; sha256 NULL: of the same location and window. load_id 0: there is none. */
static bool find_repeat(struct load *load, const char *sha256, struct fail *fail)
{
	struct load_result *result = load->result;
	PGresult *row = db_queryf(load->db, fail, "dslls",
				  "SELECT load_id, rows + rows_known, rejected FROM green_ml.load WHERE source_id = $1 "
				  "AND location = $2 AND start_row = $3 AND n_rows = $4 AND state = 'done' "
				  "AND ($5::text IS NULL OR sha256 = decode($5, 'hex')) ORDER BY load_id LIMIT 1",
				  load->columns->source_id, load->input->location, load->window->start_row,
				  load->window->n_rows, sha256);

	if (!row)
		return fail_prefix(fail, "could not look for an earlier load");
	memset(result, 0, sizeof(*result));
	if (PQntuples(row)) {
		result->load_id = (int)db_int(row, 0, 0);
		result->repeat = true;
		result->rows_known = db_int(row, 0, 1);
		result->rejected = db_int(row, 0, 2);
	}
	db_free(row);
	return true;
}

static bool close_run(struct load *load, struct fail *fail)
{
	return db_begin(load->db, fail) && run_done(load->run, load->db, fail) && db_commit(load->db, fail);
}

/* ------------------------------------------------------------------ its end */

static bool update_load(struct load *load, const char *sha256, const struct merged *merged, struct fail *fail)
{
	return db_runf(
		   load->db, fail, "dslll",
		   "UPDATE green_ml.load SET state = 'done', sha256 = decode($2, 'hex'), rows = $3, rows_known = $4, "
		   "rejected = $5, finished_at = clock_timestamp() WHERE load_id = $1",
		   load->id, sha256, merged->rows, merged->known, merged->conflicts + load->pass.rejected) ||
	       fail_prefix(fail, "could not close the load");
}

static enum outcome repeat(struct load *load, struct fail *fail)
{
	db_rollback(load->db);
	return close_run(load, fail) ? REPEATED : FAILED;
}

static enum outcome too_few(struct load *load, struct fail *fail)
{
	const struct pass *pass = &load->pass;

	db_rollback(load->db);
	*load->result =
	    (struct load_result){.rows_waiting = pass->selected, .shrunk = pass->row < load->window->start_row};
	return close_run(load, fail) ? TOO_FEW : FAILED;
}

/* Within the load's transaction, all rows stored. Without rows (all rejected, or an empty window) nothing has clashed
 * before, so a repeat may be found only here; another program may even finish the same load at this moment. */
static enum outcome finish(struct load *load, const struct merged *merged, struct fail *fail)
{
	char sha256[DIGEST_HEX_SIZE];
	struct fail clash = {0};

	digest_hex(load->pass.sha256, sha256);
	if (!find_repeat(load, sha256, fail))
		return FAILED;
	if (load->result->repeat)
		return repeat(load, fail);
	if (!store_rejects(load, fail))
		return FAILED;
	if (!update_load(load, sha256, merged, &clash)) {
		if (strcmp(db_sqlstate(), "23505") != 0) {
			fail_set(fail, clash.code, "%s", clash.text);
			return FAILED;
		}
		db_rollback(load->db);
		if (!find_repeat(load, sha256, fail))
			return FAILED;
		if (load->result->repeat)
			return repeat(load, fail);
		fail_set(fail, EXIT_TRY_AGAIN, "%s", clash.text);
		return FAILED;
	}
	*load->result = (struct load_result){.load_id = load->id,
					     .rows = merged->rows,
					     .rows_known = merged->known,
					     .rejected = merged->conflicts + load->pass.rejected,
					     .conflicts = merged->conflicts,
					     .first_conflict_line = merged->first_conflict_line};
	return run_done(load->run, load->db, fail) && db_commit(load->db, fail) ? STORED : FAILED;
}

/* ------------------------------------------------------------------ straight into the table */

static char *table_copy_sql(const struct columns *columns)
{
	struct text sql;
	char *result;

	text_init(&sql, 1 << 20);
	text_printf(&sql, "COPY %s (_load_id, _row, _id", columns->table);
	for (int i = 0; i < columns->count; i++)
		text_printf(&sql, ", %s", columns->columns[i].quoted);
	text_puts(&sql, ") FROM STDIN");
	result = text_take(&sql);
	text_release(&sql);
	return result;
}

/* A known id, or a deadlock with a load that stores the same ids in another order: the staging table copes with both.
 */
static bool is_clash(void)
{
	return strcmp(db_sqlstate(), "23505") == 0 || strcmp(db_sqlstate(), "40P01") == 0;
}

/* Ends the COPY. The server may have spoken up without an error of the COPY (a changed server setting is announced that
 * way): then rows are missing too. */
static enum outcome end_copy(struct load *load, int64_t *rows, struct fail *fail)
{
	bool interrupted = load->copy.interrupted;
	struct fail reason = {0};
	bool good = copy_end(&load->copy, rows, &reason);

	if (good && !interrupted)
		return STORED;
	if (good || is_clash())
		return CLASHED;
	fail_set(fail, reason.code, "%s", reason.text);
	fail_prefix(fail, "could not store the rows");
	return FAILED;
}

static enum outcome load_straight(struct load *load, struct fail *fail)
{
	char *sql = table_copy_sql(load->columns);
	struct merged merged = {0};
	enum outcome outcome = FAILED;

	if (open_load(load, fail) && copy_begin(&load->copy, load->db, sql, fail) && run_pass(load, PASS_TABLE, fail))
		outcome = load->pass.too_few ? TOO_FEW : end_copy(load, &merged.rows, fail);
	free(sql);
	copy_release(&load->copy);
	if (outcome == STORED)
		return finish(load, &merged, fail);
	if (outcome == TOO_FEW)
		return too_few(load, fail);
	db_rollback(load->db);
	return outcome;
}

/* ------------------------------------------------------------------ through the staging table */

static enum outcome load_staged(struct load *load, struct fail *fail)
{
	char *sql = stage_copy_sql(load->columns);
	struct merged merged = {0};
	enum outcome outcome = FAILED;

	if (open_load(load, fail) && stage_begin(load->db, load->columns, fail) &&
	    copy_begin(&load->copy, load->db, sql, fail) && run_pass(load, PASS_STAGE, fail))
		outcome = load->pass.too_few ? TOO_FEW : end_copy(load, &merged.rows, fail);
	free(sql);
	copy_release(&load->copy);
	if (outcome == CLASHED) {
		fail_set(fail, EXIT_TRY_AGAIN, "the database interrupted the copying of rows");
		outcome = FAILED;
	}
	if (outcome == STORED && !stage_merge(load->db, load->columns, load->id, &merged, fail))
		outcome = FAILED;
	if (outcome == STORED)
		return finish(load, &merged, fail);
	if (outcome == TOO_FEW)
		return too_few(load, fail);
	db_rollback(load->db);
	return outcome;
}

/* Before reading again with all checks: are these the very rows that an earlier load has read? */
static enum outcome look_for_repeat(struct load *load, struct fail *fail)
{
	char sha256[DIGEST_HEX_SIZE];

	if (!find_repeat(load, NULL, fail))
		return FAILED;
	if (!load->result->repeat)
		return CLASHED;
	if (!run_pass(load, PASS_HASH, fail))
		return FAILED;
	if (load->pass.too_few)
		return too_few(load, fail);
	digest_hex(load->pass.sha256, sha256);
	if (!find_repeat(load, sha256, fail))
		return FAILED;
	return load->result->repeat ? repeat(load, fail) : CLASHED;
}

/* ------------------------------------------------------------------ the whole */

/* The reject rows tell what was wrong; a failure that a retry may heal leaves only its run. */
static void record_failure(struct load *load, const struct fail *fail)
{
	struct fail second = {0};
	bool good;

	db_rollback(load->db);
	if (fail->code == EXIT_TRY_AGAIN || PQstatus(load->db) != CONNECTION_OK)
		return;
	good =
	    open_load(load, &second) && store_rejects(load, &second) &&
	    db_runf(
		load->db, &second, "dls",
		"UPDATE green_ml.load SET state = 'failed', rejected = $2, error = $3, finished_at = clock_timestamp() "
		"WHERE load_id = $1",
		load->id, load->pass.rejected, fail->text) &&
	    db_commit(load->db, &second);
	if (!good) {
		db_rollback(load->db);
		log_warning("could not store why the load failed", "error", "%s", second.text, NULL);
	}
}

bool load_run(PGconn *db, struct run *run, struct columns *columns, struct input *input, const struct window *window,
	      struct load_result *result, struct fail *fail)
{
	struct load load = {
	    .db = db, .run = run, .columns = columns, .input = input, .window = window, .result = result};
	enum outcome outcome = load_straight(&load, fail);

	if (outcome == CLASHED)
		outcome = look_for_repeat(&load, fail);
	if (outcome == CLASHED)
		outcome = load_staged(&load, fail);
	if (outcome == FAILED)
		record_failure(&load, fail);
	else if (outcome != TOO_FEW)
		digest_hex(load.pass.sha256, result->sha256);
	forget_pass(&load);
	return outcome != FAILED;
}
