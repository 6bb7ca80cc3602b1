#include "common/registry.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

enum { MAX_CODE = 1 << 24, MODEL_SLICE = 1 << 18, MODEL_PART = 64 * MODEL_SLICE };

bool registry_champion(PGconn *db, const char *pipeline, struct champion *champion, struct fail *fail)
{
	PGresult *row = db_queryf(
	    db, fail, "s",
	    "SELECT promotion_id, model_id, plan_id, feature_set_id, sha256, holdout_n, holdout_k, "
	    "extract(epoch FROM coalesce(simulated_at, promoted_at)) FROM green_ml.champion WHERE pipeline = $1",
	    pipeline);

	memset(champion, 0, sizeof(*champion));
	if (!row)
		return fail_prefix(fail, "could not read the champion of pipeline \"%s\"", pipeline);
	if (PQntuples(row) == 1) {
		champion->exists = true;
		champion->promotion_id = (int)db_int(row, 0, 0);
		champion->model_id = (int)db_int(row, 0, 1);
		champion->plan_id = (int)db_int(row, 0, 2);
		champion->feature_set_id = (int)db_int(row, 0, 3);
		snprintf(champion->sha256, sizeof(champion->sha256), "%s", db_text(row, 0, 4));
		champion->holdout_n = db_int(row, 0, 5);
		champion->holdout_k = db_int(row, 0, 6);
		champion->promoted_at_s = db_real(row, 0, 7);
	}
	db_free(row);
	return true;
}

/* What is read of a model's bytes so far. */
struct reading {
	unsigned char *bytes;
	size_t size, done;
};

static bool take_slice(void *context, const PGresult *row, struct fail *fail)
{
	struct reading *reading = context;
	size_t first = (size_t)db_binary_int(row, 0, 0) - 1, got = (size_t)PQgetlength(row, 0, 1);

	if (first > reading->size || got > reading->size - first)
		return fail_set(fail, EXIT_TRY_AGAIN, "its bytes have changed while they were read: try again");
	memcpy(reading->bytes + first, PQgetvalue(row, 0, 1), got);
	reading->done += got;
	return true;
}

/* Slices take a sixth less of PostgreSQL's time than a model at once, and neither side holds it more than once. They
 * come while the ones before are copied, and in binary: hexadecimal would double the bytes on the wire. A statement
 * gives a part of a large model only, so that none takes as long as a statement_timeout. */
static bool read_slices(PGconn *db, int model_id, unsigned char *bytes, size_t size, struct fail *fail)
{
	struct reading reading = {.bytes = bytes, .size = size};
	char id[16], slice[16], from[24], to[24];
	const char *values[] = {id, slice, from, to};

	snprintf(id, sizeof(id), "%d", model_id);
	snprintf(slice, sizeof(slice), "%d", MODEL_SLICE);
	for (size_t begin = 0; begin < size; begin += MODEL_PART) {
		size_t end = size - begin < MODEL_PART ? size : begin + MODEL_PART;

		snprintf(from, sizeof(from), "%zu", begin + 1);
		snprintf(to, sizeof(to), "%zu", end);
		if (!db_stream(db, fail,
			       "SELECT first, substring(bytes FROM first FOR $2::int) FROM green_ml.model, "
			       "generate_series($3::int, $4::int, $2::int) AS first WHERE model_id = $1::int",
			       4, values, take_slice, &reading))
			return false;
	}
	return reading.done == size ||
	       fail_set(fail, EXIT_TRY_AGAIN, "its bytes have changed while they were read: try again");
}

static struct forest *read_stored(const unsigned char *bytes, size_t size, const char *sha256, struct fail *fail)
{
	char found[DIGEST_HEX_SIZE];
	struct fail damage = {0};
	struct forest *forest = forest_read(bytes, size, found, &damage);

	if (strcmp(found, sha256) != 0) {
		forest_free(forest);
		fail_set(fail, EXIT_FAILED, "its stored bytes have sha256 %s, recorded is %s: promote an intact model",
			 found, sha256);
		return NULL;
	}
	if (!forest)
		*fail = damage;
	return forest;
}

struct forest *registry_model(PGconn *db, int model_id, unsigned char **bytes, size_t *size, struct fail *fail)
{
	struct forest *forest = NULL;
	unsigned char *stored = NULL;
	PGresult *row = db_queryf(
	    db, fail, "d", "SELECT octet_length(bytes), encode(sha256, 'hex') FROM green_ml.model WHERE model_id = $1",
	    model_id);

	if (row && PQntuples(row) == 0) {
		fail_set(fail, EXIT_FAILED, "there is no such model");
	} else if (row) {
		size_t stored_size = (size_t)db_int(row, 0, 0);

		stored = xmalloc_large(stored_size);
		if (read_slices(db, model_id, stored, stored_size, fail))
			forest = read_stored(stored, stored_size, db_text(row, 0, 1), fail);
		if (forest && bytes) {
			*bytes = stored;
			*size = stored_size;
			stored = NULL;
		}
	}
	free(stored);
	db_free(row);
	if (!forest)
		fail_prefix(fail, "could not read model %d", model_id);
	return forest;
}

/* ------------------------------------------------------------------ feature sets */

static bool parse_type(const char *name, enum column_type *type)
{
	for (int i = 0; name && i <= COLUMN_CATEGORY; i++)
		if (strcmp(name, column_type_name((enum column_type)i)) == 0) {
			*type = (enum column_type)i;
			return true;
		}
	return false;
}

static bool parse_columns(const char *json, struct feature_set *set, struct fail *fail)
{
	json_t *columns = json_loads(json, 0, NULL);
	bool good = true;

	if (!json_is_array(columns) || json_array_size(columns) < 2) {
		json_decref(columns);
		return fail_set(fail, EXIT_FAILED, "feature set %d holds no list of columns", set->id);
	}
	set->feature_count = (int)json_array_size(columns) - 1;
	set->features = xcalloc((size_t)set->feature_count, sizeof(*set->features));
	for (int i = 0; good && i < set->feature_count; i++) {
		const json_t *column = json_array_get(columns, (size_t)i + 1);
		const char *name = json_string_value(json_object_get(column, "name"));

		good = name && parse_type(json_string_value(json_object_get(column, "type")), &set->features[i].type);
		set->features[i].name = xstrdup(name ? name : "");
		if (!good)
			fail_set(fail, EXIT_FAILED, "feature set %d: column %d has no name or no known type", set->id,
				 i + 1);
	}
	json_decref(columns);
	return good;
}

/* codes are dense: the dictionary numbers texts in first-seen order. */
static void add_text(char ***texts, int *count, int code, const char *value)
{
	if (code >= *count) {
		*texts = xreallocarray(*texts, (size_t)code + 1, sizeof(**texts));
		memset(*texts + *count, 0, (size_t)(code + 1 - *count) * sizeof(**texts));
		*count = code + 1;
	}
	(*texts)[code] = xstrdup(value);
}

static bool load_dictionary(PGconn *db, struct feature_set *set, struct fail *fail)
{
	PGresult *rows = db_queryf(db, fail, "d",
				   "SELECT position, code, value FROM green_ml.dictionary WHERE feature_set_id = $1 "
				   "ORDER BY position, code",
				   set->id);

	if (!rows)
		return false;
	for (int i = 0; i < PQntuples(rows); i++) {
		int position = (int)db_int(rows, i, 0), code = (int)db_int(rows, i, 1);

		if (position < 0 || position > set->feature_count || code < 0 || code > MAX_CODE) {
			db_free(rows);
			return fail_set(fail, EXIT_FAILED, "feature set %d: the dictionary holds code %d of column %d",
					set->id, code, position);
		}
		if (position == 0)
			add_text(&set->labels, &set->label_count, code, db_text(rows, i, 2));
		else
			add_text(&set->features[position - 1].texts, &set->features[position - 1].text_count, code,
				 db_text(rows, i, 2));
	}
	db_free(rows);
	return true;
}

bool feature_set_load(PGconn *db, int feature_set_id, struct feature_set *set, struct fail *fail)
{
	PGresult *row = db_queryf(db, fail, "d",
				  "SELECT prep_table, cell_table, columns, keeps_cells FROM green_ml.feature_set "
				  "WHERE feature_set_id = $1",
				  feature_set_id);
	bool good;

	memset(set, 0, sizeof(*set));
	if (!row)
		return fail_prefix(fail, "could not read feature set %d", feature_set_id);
	if (PQntuples(row) == 0) {
		db_free(row);
		return fail_set(fail, EXIT_FAILED, "there is no feature set %d", feature_set_id);
	}
	set->id = feature_set_id;
	set->prep_table = db_data_table(db, db_text(row, 0, 0));
	set->cell_table = db_data_table(db, db_text(row, 0, 1));
	set->has_base = db_bool(row, 0, 3);
	good = parse_columns(db_text(row, 0, 2), set, fail) && load_dictionary(db, set, fail);
	db_free(row);
	if (!good)
		feature_set_release(set);
	return good;
}

static void release_texts(char **texts, int count)
{
	for (int i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void feature_set_release(struct feature_set *set)
{
	for (int i = 0; set->features && i < set->feature_count; i++) {
		release_texts(set->features[i].texts, set->features[i].text_count);
		free(set->features[i].name);
	}
	free(set->features);
	release_texts(set->labels, set->label_count);
	free(set->prep_table);
	free(set->cell_table);
	memset(set, 0, sizeof(*set));
}
