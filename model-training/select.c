#include "model-training/select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/number.h"
#include "common/output.h"
#include "common/text.h"
#include "common/xalloc.h"
#include "model-training/grow.h"
#include "model-training/oob.h"
#include "model-training/table.h"

enum { MAX_NAMES = 1 << 20, LEAF = 5, MAX_OOB_SLOTS = 200000, READ_SIZE = 1 << 16 };

/* ------------------------------------------------------------------ the candidates' names */

struct header {
	const struct select_request *request;
	struct text names;
	bool found;
};

static bool take_header(void *context, const struct csv_row *row, struct fail *fail UNUSED)
{
	struct header *header = context;

	header->found = true;
	for (int i = 0; i < row->count && !row->problem; i++) {
		char *name = xstrndup(row->fields[i].data, row->fields[i].size);

		if (*name && !strchr(name, ',') && strcmp(name, header->request->id) != 0 &&
		    strcmp(name, header->request->label) != 0)
			text_printf(&header->names, "%s%s", header->names.size ? "," : "", name);
		free(name);
	}
	return false;
}

/* All columns but id and label; the caller frees them. */
static char *names_of_file(const struct select_request *request, struct fail *fail)
{
	struct header header = {.request = request};
	struct csv *csv = csv_new(request->file, take_header, &header);
	FILE *file = fopen(request->file, "re");
	char *buffer = xmalloc(READ_SIZE), *names = NULL;
	size_t size;

	text_init(&header.names, MAX_NAMES);
	while (file && !header.found && !fail->code && (size = fread(buffer, 1, READ_SIZE, file)) > 0)
		if (!csv_feed(csv, buffer, size, fail))
			break;
	if (!file || ferror(file))
		fail_set(fail, EXIT_FAILED, "could not read file \"%s\": %s", request->file, strerror(errno));
	else if (!header.found && !fail->code && !csv_finish(csv, fail) && fail->code)
		fail_prefix(fail, "could not read the header");
	else if (header.names.size == 0)
		fail_set(fail, EXIT_BAD_DATA, "file \"%s\" has no column besides id and label", request->file);
	if (!fail->code)
		names = text_take(&header.names);
	if (file)
		fclose(file);
	free(buffer);
	csv_free(csv);
	text_release(&header.names);
	return names;
}

/* ------------------------------------------------------------------ which of them can be ranked */

static const char *reason_against(const struct select_request *request, const struct table *table, int feature)
{
	const struct table_column *column = &table->features[feature];
	int64_t rows = table->train.count;

	if (column->type == COLUMN_CATEGORY)
		return column->texts.count > 50 && 2 * (int64_t)column->texts.count > rows
			   ? "nearly every row has a text of its own"
			   : NULL;
	return (double)column->missing > request->max_missing * (double)(rows + table->test.count)
		   ? "too many values are missing"
		   : NULL;
}

/* Notes the columns that are left out; returns the names of the others, NULL when all stay. */
static char *leave_out(const struct select_request *request, const struct table *table, struct selected *selected)
{
	struct text names;
	char *taken = NULL;
	int before = selected->count;

	text_init(&names, MAX_NAMES);
	selected->candidates = xreallocarray(selected->candidates, (size_t)(before + table->feature_count) + 1,
					     sizeof(*selected->candidates));
	for (int f = 0; f < table->feature_count; f++) {
		const struct table_column *column = &table->features[f];
		const char *why_not = reason_against(request, table, f);

		if (!why_not) {
			text_printf(&names, "%s%s", names.size ? "," : "", column->name);
			continue;
		}
		selected->candidates[selected->count++] = (struct candidate){
		    .name = xstrdup(column->name),
		    .type = column->type,
		    .missing = (double)column->missing / (double)(table->train.count + table->test.count),
		    .why_not = why_not};
	}
	if (selected->count > before)
		taken = text_take(&names);
	text_release(&names);
	return taken;
}

static bool read_table(const struct select_request *request, const char *names, struct table *table, struct fail *fail)
{
	if (!table_open(table, request->file, request->label, names, fail))
		return false;
	table->source = request->name;
	return table_read(table, request->file, request->id, TABLE_TRAIN | TABLE_TEST, fail);
}

/* ------------------------------------------------------------------ ranking */

static struct dataset *build(const struct table *table, struct fail *fail)
{
	struct dataset_names names = {
	    .label_name = table->label_name, .labels = table->labels.texts, .label_count = table->labels.count};
	struct dataset *dataset;

	names.features = xcalloc((size_t)table->feature_count, sizeof(*names.features));
	for (int f = 0; f < table->feature_count; f++)
		names.features[f] = (struct dataset_column){.name = table->features[f].name,
							    .type = table->features[f].type,
							    .texts = table->features[f].texts.texts,
							    .text_count = table->features[f].texts.count};
	dataset = dataset_build(&table->train, &names, fail);
	free(names.features);
	return dataset;
}

static void rank_feature(const struct select_request *request, const struct oob *oob, const struct grown *grown,
			 const struct oob_score *whole, int feature, struct candidate *candidate)
{
	struct oob_score without;

	oob_score_without(oob, grown->trees, feature, request->trees, request->threads, &without);
	candidate->importance = without.brier - whole->brier;
	candidate->importance_se = oob_standard_error(&without, whole);
	candidate->accuracy_lost = whole->accuracy - without.accuracy;
	candidate->chosen = candidate->importance > 3 * candidate->importance_se;
	oob_score_release(&without);
}

static int by_importance(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (!a->why_not != !b->why_not)
		return a->why_not ? 1 : -1;
	if (a->importance != b->importance)
		return a->importance > b->importance ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool labels_are_integers(const struct table *table)
{
	int32_t number;

	for (int i = 0; i < table->labels.count; i++)
		if (!number_int32(table->labels.texts[i], strlen(table->labels.texts[i]), &number))
			return false;
	return true;
}

static bool rank(const struct select_request *request, const struct table *table, struct selected *selected,
		 struct fail *fail)
{
	struct dataset *dataset = build(table, fail);
	struct grow_settings settings = {.trees = request->trees,
					 .min_samples_leaf = LEAF,
					 .seed = request->seed,
					 .threads = request->threads,
					 .progress = output_progress};
	struct oob_score whole;
	struct grown grown;
	struct oob *oob;

	if (!dataset)
		return false;
	grow_forest(dataset, &settings, &grown);
	output_progress_end();
	oob = oob_new(dataset, &settings, request->trees, MAX_OOB_SLOTS);
	oob_score(oob, grown.trees, request->trees, request->threads, &whole);
	selected->accuracy = whole.accuracy;
	selected->rows = dataset->row_count;
	selected->integer_label = labels_are_integers(table);
	for (int f = 0; f < table->feature_count; f++) {
		struct candidate *candidate = &selected->candidates[selected->count++];

		*candidate = (struct candidate){.name = xstrdup(table->features[f].name),
						.type = table->features[f].type,
						.missing = (double)table->features[f].missing /
							   (double)(table->train.count + table->test.count)};
		rank_feature(request, oob, &grown, &whole, f, candidate);
	}
	oob_score_release(&whole);
	oob_free(oob);
	grown_release(&grown);
	dataset_free(dataset);
	return true;
}

static void choose(const struct select_request *request, struct selected *selected)
{
	int64_t chosen = 0;

	qsort(selected->candidates, (size_t)selected->count, sizeof(*selected->candidates), by_importance);
	selected->candidates[0].chosen = true;
	for (int i = 0; i < selected->count; i++) {
		struct candidate *candidate = &selected->candidates[i];

		candidate->chosen = candidate->chosen && (request->most == 0 || chosen < request->most);
		chosen += candidate->chosen;
	}
}

bool select_columns(const struct select_request *request, struct selected *selected, struct fail *fail)
{
	char *names = request->columns ? xstrdup(request->columns) : names_of_file(request, fail), *fewer;
	struct table table = {0};
	bool good;

	*selected = (struct selected){0};
	good = names && read_table(request, names, &table, fail);
	if (good && (fewer = leave_out(request, &table, selected)) != NULL) {
		free(names);
		names = fewer;
		table_release(&table);
		table = (struct table){0};
		good = *names ? read_table(request, names, &table, fail)
			      : fail_set(fail, EXIT_BAD_DATA,
					 "no column of \"%s\" can be ranked: they are all texts of their own, "
					 "or have too many missing values (--max-missing)",
					 request->file);
	}
	good = good && rank(request, &table, selected, fail);
	if (good)
		choose(request, selected);
	else
		selected_release(selected);
	table_release(&table);
	free(names);
	return good;
}

void selected_release(struct selected *selected)
{
	for (int i = 0; i < selected->count; i++)
		free(selected->candidates[i].name);
	free(selected->candidates);
	*selected = (struct selected){0};
}

/* ------------------------------------------------------------------ what comes out */

json_t *selected_ranking(const struct selected *selected)
{
	json_t *ranking = json_array();

	for (int i = 0; i < selected->count; i++) {
		const struct candidate *candidate = &selected->candidates[i];
		json_t *object = json_pack("{s:s, s:s, s:f, s:b}", "column", candidate->name, "type",
					   column_type_name(candidate->type), "missing", candidate->missing, "chosen",
					   (int)candidate->chosen);

		if (candidate->why_not) {
			json_object_set_new(object, "left_out", json_string(candidate->why_not));
		} else {
			json_object_set_new(object, "importance", json_real(candidate->importance));
			json_object_set_new(object, "importance_se", json_real(candidate->importance_se));
			json_object_set_new(object, "accuracy_lost", json_real(candidate->accuracy_lost));
		}
		json_array_append_new(ranking, object);
	}
	return ranking;
}

/* What is printed must be what migrate takes. */
static bool check(json_t *spec, struct fail *fail)
{
	char *text = json_dumps(spec, JSON_COMPACT);
	struct spec parsed;
	bool good = spec_parse("(selected)", text, strlen(text), NULL, &parsed, fail);

	if (good)
		spec_release(&parsed);
	free(text);
	return good;
}

bool selected_spec(const struct select_request *request, const struct selected *selected, json_t **spec,
		   struct fail *fail)
{
	json_t *features = json_array();

	for (int i = 0; i < selected->count; i++) {
		const struct candidate *candidate = &selected->candidates[i];
		json_t *feature;

		if (!candidate->chosen)
			continue;
		feature = json_pack("{s:s, s:s}", "column", candidate->name, "type", column_type_name(candidate->type));
		if (candidate->type == COLUMN_CATEGORY)
			json_object_set_new(feature, "missing", json_array());
		json_array_append_new(features, feature);
	}
	*spec = json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:[s, s, s, s, s]}", "name", request->name, "id", request->id,
			  "label", "column", request->label, "type", selected->integer_label ? "integer" : "category",
			  "features", features, "missing", "", "NA", "NaN", "nan", "null");
	if (check(*spec, fail))
		return true;
	json_decref(*spec);
	*spec = NULL;
	return false;
}
