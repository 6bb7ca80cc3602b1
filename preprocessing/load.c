#include "preprocessing/load.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/split.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "preprocessing/blocks.h"
#include "preprocessing/encode.h"
#include "preprocessing/gather.h"

enum { MAX_SQL = 16 << 20, BATCH = 8192, GATHER_MAX_CELLS = 1 << 20, GATHER_MAX_BYTES = 128 << 20 };

struct loading {
	PGconn *db;
	struct feature_columns *set;
	struct encoded_load *load;
	struct split *split;
	struct gather train;
	struct cells holdout;
	struct block_writer train_writer, holdout_writer;
	struct raw_value *raw;
	int32_t *values;
	int last_row;
	bool out_of_order; /* a row came before one that stands above it in the file: nothing is right then */
};

static bool flush(struct loading *loading, struct fail *fail)
{
	loading->load->cells += loading->train.cells.count;
	if (!blocks_write(&loading->train_writer, &loading->train.cells, fail) ||
	    !blocks_write(&loading->holdout_writer, &loading->holdout, fail))
		return false;
	gather_clear(&loading->train);
	cells_clear(&loading->holdout);
	return true;
}

static bool is_full(const struct loading *loading)
{
	int64_t most = GATHER_MAX_BYTES / (4 * (int64_t)loading->set->count);

	most = most < GATHER_MAX_CELLS ? most : GATHER_MAX_CELLS;
	return loading->train.cells.count >= most || loading->holdout.count >= most;
}

static bool refuse_value(const struct loading *loading, int position, const char *id, struct fail *fail)
{
	const struct feature_column *column = &loading->set->columns[position];
	char value[101], shown_id[101];

	snprintf(value, sizeof(value), "%s", loading->raw[position].text);
	snprintf(shown_id, sizeof(shown_id), "%s", id);
	text_make_utf8(value);
	text_make_utf8(shown_id);
	return fail_set(fail, EXIT_BAD_DATA,
			"column \"%s\" of the row with id \"%s\" (load %d, row %d) holds \"%s\", which is no %s: "
			"declare the column "
			"as category or name this text in its \"missing\" list, and register the spec again",
			column->name, shown_id, loading->load->load_id, loading->last_row, value,
			column_type_name(column->type));
}

static bool take_row(struct loading *loading, const PGresult *rows, int row, struct fail *fail)
{
	struct encoded_load *load = loading->load;
	int wrong = 0;

	for (int i = 0; i < loading->set->count; i++)
		loading->raw[i] = (struct raw_value){PQgetvalue(rows, row, i + 2), /* of a null: "" */
						     (size_t)PQgetlength(rows, row, i + 2)};
	switch (encode_row(loading->set, loading->raw, loading->values, load->missing, &wrong)) {
	case DROPPED:
		load->dropped++;
		return true;
	case WRONG:
		return refuse_value(loading, wrong, PQgetvalue(rows, row, 1), fail);
	case ENCODED:
		break;
	}
	load->rows++;
	if (split_has(loading->split, PQgetvalue(rows, row, 1), (size_t)PQgetlength(rows, row, 1)))
		cells_add(&loading->holdout, loading->values, 1);
	else
		gather_add(&loading->train, loading->values, 1);
	return !is_full(loading) || flush(loading, fail);
}

static bool take_batch(void *context, const PGresult *rows, struct fail *fail)
{
	struct loading *loading = context;

	for (int row = 0; row < PQntuples(rows); row++) {
		int number = db_binary_int(rows, row, 0);

		loading->out_of_order = loading->out_of_order || number <= loading->last_row;
		if (loading->out_of_order)
			return true;
		loading->last_row = number;
		if (!take_row(loading, rows, row, fail))
			return false;
	}
	return true;
}

static bool read_rows(struct loading *loading, bool sorted, struct fail *fail)
{
	const struct feature_columns *set = loading->set;
	struct text sql;
	bool good;

	text_init(&sql, MAX_SQL);
	text_puts(&sql, "SELECT r._row, r._id");
	for (int i = 0; i < set->count; i++)
		text_printf(&sql, ", r.%s", set->columns[i].quoted);
	text_printf(&sql, " FROM %s r WHERE r._load_id = %d%s", set->raw_table, loading->load->load_id,
		    sorted ? " ORDER BY r._row" : "");
	good = sql.overflow ? fail_set(fail, EXIT_FAILED, "the statement is longer than %d bytes", (int)MAX_SQL)
			    : db_each(loading->db, fail, sql.data, BATCH, take_batch, loading);
	text_release(&sql);
	return good;
}

static void begin(struct loading *loading)
{
	struct encoded_load *load = loading->load;
	int count = loading->set->count;

	memset(load->missing, 0, (size_t)count * sizeof(*load->missing));
	load->rows = load->dropped = load->cells = 0;
	gather_clear(&loading->train);
	cells_clear(&loading->holdout);
	loading->last_row = 0;
	loading->out_of_order = false;
	loading->train_writer.part = loading->holdout_writer.part = 0;
	for (int i = 0; i < count; i++)
		if (loading->set->columns[i].dictionary)
			dictionary_forget(loading->set->columns[i].dictionary);
}

/* Rows usually come in the order in which they were stored, which is that of the file; a load that went through the
 * staging table has another one. Sorting costs more than all the rest, so it is only done then. */
static bool read_in_order(struct loading *loading, struct fail *fail)
{
	begin(loading);
	if (!read_rows(loading, false, fail))
		return false;
	if (!loading->out_of_order)
		return true;
	begin(loading);
	return blocks_remove(loading->db, loading->set->cell_table, loading->load->load_id, fail) &&
	       read_rows(loading, true, fail);
}

static bool store_codes(struct loading *loading, struct fail *fail)
{
	bool good = true;

	for (int i = 0; good && i < loading->set->count; i++)
		if (loading->set->columns[i].dictionary)
			good = dictionary_store(loading->db, loading->set->id, i, loading->set->columns[i].dictionary,
						fail);
	return good;
}

bool encode_load(PGconn *db, struct feature_columns *set, struct encoded_load *load, struct fail *fail)
{
	struct block_writer writer = {.db = db, .table = set->cell_table, .load_id = load->load_id};
	struct loading loading = {.db = db,
				  .set = set,
				  .load = load,
				  .split = split_new(set->source, set->holdout_limit),
				  .train_writer = writer,
				  .holdout_writer = writer,
				  .raw = xcalloc((size_t)set->count, sizeof(*loading.raw)),
				  .values = xcalloc((size_t)set->count, sizeof(*loading.values))};
	bool good;

	loading.holdout_writer.holdout = true;
	load->missing = xcalloc((size_t)set->count, sizeof(*load->missing));
	gather_init(&loading.train, set->count);
	cells_init(&loading.holdout, set->count);
	good = read_in_order(&loading, fail) && flush(&loading, fail) && store_codes(&loading, fail);
	gather_release(&loading.train);
	cells_release(&loading.holdout);
	split_free(loading.split);
	free(loading.raw);
	free(loading.values);
	return good || fail_prefix(fail, "could not take in load %d", load->load_id);
}
