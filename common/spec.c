#include "common/spec.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/number.h"
#include "common/text.h"
#include "common/xalloc.h"

enum { MAX_SPEC = 1 << 20, MAX_PATH_TEXT = 200 };

static const char *const default_missing[] = {"", "NA", "NaN", "null"};
static const char *const type_names[] = {"integer", "real", "category"};

/* Where in the document the parser stands; every message names it. */
struct place {
	const char *file;
	char path[MAX_PATH_TEXT];
	struct fail *fail;
};

static bool wrong(const struct place *place, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);
static bool wrong(const struct place *place, const char *key, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return fail_set(place->fail, EXIT_WRONG_USE, "spec \"%s\": %s%s%s: %s", place->file, place->path,
			place->path[0] && key[0] ? "." : "", key, text);
}

/* Descends into an object's key or an array's element; the returned place is for the inner value. */
static struct place inside(const struct place *place, const char *key)
{
	struct place inner = *place;

	snprintf(inner.path, sizeof(inner.path), "%.120s%s%.60s", place->path,
		 place->path[0] && key[0] != '[' ? "." : "", key);
	return inner;
}

/* ------------------------------------------------------------------ values; each leaves the target alone when the key
 * is absent */

static const char *kind_of(const json_t *value)
{
	static const char *const names[] = {"an object",     "an array", "a string", "an integer",
					    "a real number", "true",	 "false",    "null"};

	return value ? names[json_typeof(value)] : "nothing";
}

static bool known_keys(const struct place *place, const json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return wrong(place, "", "expected an object, found %s", kind_of(object));
	json_object_foreach((json_t *)object, key, value)
	{
		const char *const *known = keys;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known)
			return wrong(place, key, "unknown key");
	}
	return true;
}

static bool get_string(const struct place *place, const json_t *object, const char *key, const char **string)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_string(value))
		return wrong(place, key, "expected a string, found %s", kind_of(value));
	if (strlen(json_string_value(value)) != json_string_length(value))
		return wrong(place, key, "the string holds a NUL byte");
	*string = json_string_value(value);
	return true;
}

static bool need_string(const struct place *place, const json_t *object, const char *key, const char **string)
{
	*string = NULL;
	if (!get_string(place, object, key, string))
		return false;
	return *string || wrong(place, key, "this key is mandatory");
}

static bool get_real(const struct place *place, const json_t *object, const char *key, double low, double high,
		     double *number)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_number(value) || json_number_value(value) < low || json_number_value(value) > high)
		return wrong(place, key, "expected a number from %g to %g", low, high);
	*number = json_number_value(value);
	return true;
}

static bool get_int(const struct place *place, const json_t *object, const char *key, int64_t low, int64_t high,
		    int64_t *number)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < low || json_integer_value(value) > high)
		return wrong(place, key, "expected a whole number from %lld to %lld", (long long)low, (long long)high);
	*number = json_integer_value(value);
	return true;
}

static bool is_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > SPEC_MAX_NAME || name[0] < 'a' || name[0] > 'z' || name[size - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static bool check_name(const struct place *place, const char *key, const char *name)
{
	return is_name(name) || wrong(place, key,
				      "\"%s\" is no name: expected at most %d of a-z, 0-9 and -, a letter first, no - "
				      "at the end",
				      name, (int)SPEC_MAX_NAME);
}

/* Names that are ours or PostgreSQL's in the tables that hold the column. */
static bool check_column_name(const struct place *place, const char *key, const char *name)
{
	static const char *const taken[] = {"_load_id", "_row", "_id",	"_label", "_holdout", "_count",
					    "tableoid", "xmin", "cmin", "xmax",	  "cmax",     "ctid"};
	size_t size = strlen(name);

	if (size == 0 || size > SPEC_MAX_COLUMN_NAME)
		return wrong(place, key, "a column name has 1 to %d bytes, this one %zu", (int)SPEC_MAX_COLUMN_NAME,
			     size);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return wrong(place, key, "the column name holds a control character");
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return wrong(place, key, "column name \"%s\" is reserved: rename the column in the source",
				     name);
	return true;
}

/* ------------------------------------------------------------------ columns */

const char *column_type_name(enum column_type type)
{
	return type_names[type];
}

static bool get_type(const struct place *place, const json_t *object, enum column_type *type)
{
	const char *name;

	if (!need_string(place, object, "type", &name))
		return false;
	for (int i = 0; i <= COLUMN_CATEGORY; i++)
		if (strcmp(name, type_names[i]) == 0) {
			*type = (enum column_type)i;
			return true;
		}
	return wrong(place, "type", "\"%s\" is no type: expected integer, real or category", name);
}

static void set_missing(struct spec_column *column, const char *const *texts, int count)
{
	column->missing = xcalloc((size_t)count, sizeof(*column->missing));
	for (int i = 0; i < count; i++)
		column->missing[i] = xstrdup(texts[i]);
	column->missing_count = count;
}

/* The list of texts that mean "no value"; *texts points into the document. */
static bool get_missing(const struct place *place, const json_t *object, const char ***texts, int *count)
{
	const json_t *list = json_object_get(object, "missing");
	const char **strings;

	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > 100)
		return wrong(place, "missing", "expected an array of at most 100 strings, found %s", kind_of(list));
	strings = xcalloc(json_array_size(list), sizeof(*strings));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);

		strings[i] = json_string_value(value);
		if (!strings[i] || strlen(strings[i]) != json_string_length(value)) {
			free(strings);
			return wrong(place, "missing", "element %zu: expected a string without NUL, found %s", i,
				     kind_of(value));
		}
	}
	free(*texts);
	*texts = strings;
	*count = (int)json_array_size(list);
	return true;
}

static bool parse_column(const struct place *place, const json_t *object, const char *const *missing, int missing_count,
			 struct spec_column *column)
{
	static const char *const keys[] = {"column", "type", "missing", NULL};
	const char *name, **own = NULL;
	int own_count = 0;
	bool good = known_keys(place, object, keys) && need_string(place, object, "column", &name) &&
		    check_column_name(place, "column", name) && get_type(place, object, &column->type) &&
		    get_missing(place, object, &own, &own_count);

	if (good) {
		column->name = xstrdup(name);
		set_missing(column, own ? own : missing, own ? own_count : missing_count);
	}
	free(own);
	return good;
}

static bool parse_features(const struct place *place, const json_t *root, const char *const *missing, int missing_count,
			   struct spec *spec)
{
	const json_t *list = json_object_get(root, "features");
	size_t count = json_array_size(list);

	if (!json_is_array(list) || count == 0 || count > SPEC_MAX_FEATURES)
		return wrong(place, "features", "expected an array of 1 to %d columns, found %s of %zu",
			     (int)SPEC_MAX_FEATURES, kind_of(list), count);
	spec->features = xcalloc(count, sizeof(*spec->features));
	for (size_t i = 0; i < count; i++) {
		char key[32];
		struct place inner;

		snprintf(key, sizeof(key), "features[%zu]", i);
		inner = inside(place, key);
		spec->feature_count = (int)i + 1;
		if (!parse_column(&inner, json_array_get(list, i), missing, missing_count, &spec->features[i]))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(spec->features[i].name, spec->features[j].name) == 0)
				return wrong(&inner, "column", "column \"%s\" is listed twice", spec->features[i].name);
		if (strcmp(spec->features[i].name, spec->label.name) == 0)
			return wrong(&inner, "column", "column \"%s\" is the label: it cannot be a feature",
				     spec->label.name);
	}
	return true;
}

static bool parse_columns(const struct place *place, const json_t *root, struct spec *spec)
{
	const char **own = NULL, *const *missing = default_missing;
	int count = sizeof(default_missing) / sizeof(*default_missing);
	struct place label = inside(place, "label");
	bool good = get_missing(place, root, &own, &count);

	if (own)
		missing = own;
	if (good && !json_object_get(root, "label"))
		good = wrong(place, "label", "this key is mandatory");
	good = good && parse_column(&label, json_object_get(root, "label"), missing, count, &spec->label);
	if (good && spec->label.type == COLUMN_REAL)
		good = wrong(&label, "type", "a label is integer or category: this version classifies");
	good = good && parse_features(place, root, missing, count, spec);
	free(own);
	return good;
}

/* ------------------------------------------------------------------ sections */

static bool parse_holdout(const struct place *place, const json_t *root, struct spec *spec)
{
	const json_t *value = json_object_get(root, "holdout");
	double number = value ? json_number_value(value) : 0.2;
	int precision = 1;

	if (value && (!json_is_number(value) || number < 0 || number >= 1))
		return wrong(place, "holdout", "expected a number from 0 to below 1");
	/* The shortest text that reads back as the same double is what the file says. */
	do
		snprintf(spec->holdout, sizeof(spec->holdout), "%.*g", precision++, number);
	while (strtod(spec->holdout, NULL) != number && precision <= 17);
	return split_limit(spec->holdout, spec->holdout_limit) ||
	       wrong(place, "holdout", "expected a number from 0 to below 1 with at most 18 decimals");
}

static bool parse_train_on(const struct place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"last_rows", "last_loads", NULL};
	const json_t *value = json_object_get(root, "train_on");
	struct place inner = inside(place, "train_on");

	if (!value || (json_is_string(value) && strcmp(json_string_value(value), "all") == 0))
		return true;
	if (!json_is_object(value) || json_object_size(value) != 1)
		return wrong(place, "train_on", "expected \"all\", {\"last_rows\": N} or {\"last_loads\": N}");
	if (!known_keys(&inner, value, keys))
		return false;
	spec->train_on = json_object_get(value, "last_rows") ? TRAIN_ON_LAST_ROWS : TRAIN_ON_LAST_LOADS;
	return get_int(&inner, value, "last_rows", 1, INT64_MAX, &spec->train_on_count) &&
	       get_int(&inner, value, "last_loads", 1, INT64_MAX, &spec->train_on_count);
}

/* A number, or the word that stands for 0. */
static bool get_int_or_word(const struct place *place, const json_t *object, const char *key, const char *word,
			    int64_t high, int64_t *number)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value) && strcmp(json_string_value(value), word) == 0) {
		*number = 0;
		return true;
	}
	if (value && (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > high))
		return wrong(place, key, "expected \"%s\" or a whole number from 1 to %lld", word, (long long)high);
	if (value)
		*number = json_integer_value(value);
	return true;
}

static bool parse_forest(const struct place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"trees", "max_features", "max_depth", "min_samples_leaf", "seed", NULL};
	const json_t *object = json_object_get(root, "forest");
	struct place inner = inside(place, "forest");
	int64_t trees = 100, max_features = 0, max_depth = 0, leaf = 0, seed = 0;

	if (object && !(known_keys(&inner, object, keys) && get_int(&inner, object, "trees", 1, 100000, &trees) &&
			get_int_or_word(&inner, object, "max_features", "sqrt", spec->feature_count, &max_features) &&
			get_int(&inner, object, "max_depth", 0, 10000, &max_depth) &&
			get_int_or_word(&inner, object, "min_samples_leaf", "auto", 1000000, &leaf) &&
			get_int(&inner, object, "seed", 0, INT64_MAX, &seed)))
		return false;
	spec->forest = (struct spec_forest){.trees = (int)trees,
					    .max_features = (int)max_features,
					    .max_depth = (int)max_depth,
					    .min_samples_leaf = (int)leaf,
					    .seed = (uint64_t)seed};
	return true;
}

static bool parse_gate(const struct place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"max_accuracy_drop", "min_accuracy", "recent_rows", NULL};
	const json_t *object = json_object_get(root, "gate");
	struct place inner = inside(place, "gate");

	spec->gate = (struct spec_gate){.max_accuracy_drop = 0.01, .min_accuracy = 0, .recent_rows = 20000};
	return !object || (known_keys(&inner, object, keys) &&
			   get_real(&inner, object, "max_accuracy_drop", 0, 1, &spec->gate.max_accuracy_drop) &&
			   get_real(&inner, object, "min_accuracy", 0, 1, &spec->gate.min_accuracy) &&
			   get_int(&inner, object, "recent_rows", 1, INT64_MAX, &spec->gate.recent_rows));
}

static bool parse_signal(const struct place *place, const json_t *retrain, struct spec_retrain *target)
{
	static const char *const keys[] = {"provider", "kind", "factors", NULL};
	const json_t *object = json_object_get(retrain, "signal");
	struct place inner = inside(place, "signal");
	const char *provider = "energy-charts", *kind = "average", *factors = "lifecycle";

	if (object && !(known_keys(&inner, object, keys) && get_string(&inner, object, "provider", &provider) &&
			get_string(&inner, object, "kind", &kind) && get_string(&inner, object, "factors", &factors)))
		return false;
	if (strcmp(kind, "average") != 0 && strcmp(kind, "marginal") != 0)
		return wrong(&inner, "kind", "\"%s\": expected average or marginal", kind);
	if (strcmp(factors, "lifecycle") != 0 && strcmp(factors, "direct") != 0)
		return wrong(&inner, "factors", "\"%s\": expected lifecycle or direct", factors);
	target->signal_provider = xstrdup(provider);
	target->signal_kind = xstrdup(kind);
	target->signal_factors = xstrdup(factors);
	return true;
}

static bool parse_retrain_numbers(const struct place *place, const json_t *object, struct spec_retrain *retrain)
{
	return get_real(place, object, "low_accuracy_decrease", 0, 1, &retrain->low_accuracy_decrease) &&
	       get_real(place, object, "max_accuracy_decrease", 0, 1, &retrain->max_accuracy_decrease) &&
	       get_int(place, object, "min_rows", 0, INT64_MAX, &retrain->min_rows) &&
	       get_int(place, object, "min_new_rows", 1, INT64_MAX, &retrain->min_new_rows) &&
	       get_int(place, object, "recent_rows", 1, INT64_MAX, &retrain->recent_rows) &&
	       get_real(place, object, "finish_within_h", 0, 8784, &retrain->finish_within_h) &&
	       get_real(place, object, "min_saving", 0, 1, &retrain->min_saving) &&
	       get_real(place, object, "carbon_intensity_threshold", 0, 2000,
			&retrain->carbon_intensity_threshold_gco2_per_kwh);
}

static bool parse_retrain(const struct place *place, const json_t *root, struct spec *spec)
{
	static const char *const keys[] = {"low_accuracy_decrease",
					   "max_accuracy_decrease",
					   "min_rows",
					   "min_new_rows",
					   "recent_rows",
					   "finish_within_h",
					   "min_saving",
					   "policy",
					   "carbon_intensity_threshold",
					   "zone",
					   "signal",
					   NULL};
	const json_t *object = json_object_get(root, "retrain");
	struct place inner = inside(place, "retrain");
	struct spec_retrain *retrain = &spec->retrain;
	const char *policy = "forecast", *zone = "DE";

	*retrain = (struct spec_retrain){.low_accuracy_decrease = 0.01,
					 .max_accuracy_decrease = 0.05,
					 .min_rows = 1000,
					 .min_new_rows = 1000,
					 .recent_rows = 20000,
					 .finish_within_h = 168,
					 .carbon_intensity_threshold_gco2_per_kwh = 400};
	if (object && !(known_keys(&inner, object, keys) && parse_retrain_numbers(&inner, object, retrain) &&
			get_string(&inner, object, "policy", &policy) && get_string(&inner, object, "zone", &zone)))
		return false;
	if (retrain->low_accuracy_decrease > retrain->max_accuracy_decrease)
		return wrong(&inner, "low_accuracy_decrease", "%g is above max_accuracy_decrease %g",
			     retrain->low_accuracy_decrease, retrain->max_accuracy_decrease);
	retrain->policy = xstrdup(policy);
	retrain->zone = xstrdup(zone);
	return parse_signal(&inner, object, retrain);
}

/* ------------------------------------------------------------------ what the database stores */

static json_t *column_json(const struct spec_column *column)
{
	json_t *missing = json_array();

	for (int i = 0; i < column->missing_count; i++)
		json_array_append_new(missing, json_string(column->missing[i]));
	return json_pack("{s:s, s:s, s:o}", "column", column->name, "type", type_names[column->type], "missing",
			 missing);
}

static json_t *train_on_json(const struct spec *spec)
{
	if (spec->train_on == TRAIN_ON_ALL)
		return json_string("all");
	return json_pack("{s:I}", spec->train_on == TRAIN_ON_LAST_ROWS ? "last_rows" : "last_loads",
			 (json_int_t)spec->train_on_count);
}

static json_t *number_or_word(int number, const char *word)
{
	return number ? json_integer(number) : json_string(word);
}

static json_t *retrain_json(const struct spec_retrain *retrain)
{
	return json_pack("{s:f, s:f, s:I, s:I, s:I, s:f, s:f, s:s, s:f, s:s, s:{s:s, s:s, s:s}}",
			 "low_accuracy_decrease", retrain->low_accuracy_decrease, "max_accuracy_decrease",
			 retrain->max_accuracy_decrease, "min_rows", (json_int_t)retrain->min_rows, "min_new_rows",
			 (json_int_t)retrain->min_new_rows, "recent_rows", (json_int_t)retrain->recent_rows,
			 "finish_within_h", retrain->finish_within_h, "min_saving", retrain->min_saving, "policy",
			 retrain->policy, "carbon_intensity_threshold",
			 retrain->carbon_intensity_threshold_gco2_per_kwh, "zone", retrain->zone, "signal", "provider",
			 retrain->signal_provider, "kind", retrain->signal_kind, "factors", retrain->signal_factors);
}

static char *spec_json(const struct spec *spec)
{
	json_t *features = json_array(), *root;
	char *text;

	for (int i = 0; i < spec->feature_count; i++)
		json_array_append_new(features, column_json(&spec->features[i]));
	root = json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:o, s:{s:i, s:o, s:i, s:o, s:I}, s:{s:f, s:f, s:I}, s:o}",
			 "name", spec->name, "source", spec->source, "id", spec->id, "label", column_json(&spec->label),
			 "features", features, "holdout", strtod(spec->holdout, NULL), "train_on", train_on_json(spec),
			 "forest", "trees", spec->forest.trees, "max_features",
			 number_or_word(spec->forest.max_features, "sqrt"), "max_depth", spec->forest.max_depth,
			 "min_samples_leaf", number_or_word(spec->forest.min_samples_leaf, "auto"), "seed",
			 (json_int_t)spec->forest.seed, "gate", "max_accuracy_drop", spec->gate.max_accuracy_drop,
			 "min_accuracy", spec->gate.min_accuracy, "recent_rows", (json_int_t)spec->gate.recent_rows,
			 "retrain", retrain_json(&spec->retrain));
	text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	json_decref(root);
	return text;
}

/* ------------------------------------------------------------------ whole specs */

static bool parse_names(const struct place *place, const json_t *root, const char *as, struct spec *spec)
{
	const char *name, *source, *id;

	if (!need_string(place, root, "name", &name) || !check_name(place, "name", name))
		return false;
	source = name;
	if (!get_string(place, root, "source", &source) || !check_name(place, "source", source) ||
	    !need_string(place, root, "id", &id) || !check_column_name(place, "id", id))
		return false;
	if (as && *as && !is_name(as))
		return fail_set(place->fail, EXIT_WRONG_USE,
				"\"%s\" (--as, PIPELINE_NAME) is no name: expected at most %d of a-z, "
				"0-9 and -, a letter first, no - at the end",
				as, (int)SPEC_MAX_NAME);
	spec->name = xstrdup(as && *as ? as : name);
	spec->source = xstrdup(source);
	spec->id = xstrdup(id);
	return true;
}

static bool parse_root(const struct place *place, const json_t *root, const char *as, struct spec *spec)
{
	static const char *const keys[] = {"name",    "source",	  "id",	    "label", "features", "missing",
					   "holdout", "train_on", "forest", "gate",  "retrain",	 NULL};

	return known_keys(place, root, keys) && parse_names(place, root, as, spec) &&
	       parse_columns(place, root, spec) && parse_holdout(place, root, spec) &&
	       parse_train_on(place, root, spec) && parse_forest(place, root, spec) && parse_gate(place, root, spec) &&
	       parse_retrain(place, root, spec);
}

bool spec_parse(const char *file, const char *json, size_t size, const char *as, struct spec *spec, struct fail *fail)
{
	struct place place = {.file = file, .fail = fail};
	json_error_t error;
	json_t *root;
	bool good;

	memset(spec, 0, sizeof(*spec));
	root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return fail_set(fail, EXIT_WRONG_USE, "spec \"%s\": line %d: %s", file, error.line, error.text);
	good = parse_root(&place, root, as, spec);
	json_decref(root);
	if (!good) {
		spec_release(spec);
		return false;
	}
	spec->file = xstrdup(file);
	spec->json = spec_json(spec);
	return true;
}

static char *read_file(const char *file, size_t *size, struct fail *fail)
{
	FILE *stream = fopen(file, "re");
	char *json;

	if (!stream) {
		fail_set(fail, EXIT_WRONG_USE, "could not open spec \"%s\": %s", file, strerror(errno));
		return NULL;
	}
	json = xmalloc(MAX_SPEC + 1);
	*size = fread(json, 1, MAX_SPEC + 1, stream);
	if (ferror(stream))
		fail_set(fail, EXIT_WRONG_USE, "could not read spec \"%s\": %s", file, strerror(errno));
	else if (*size > MAX_SPEC)
		fail_set(fail, EXIT_WRONG_USE, "spec \"%s\" is longer than %d bytes", file, (int)MAX_SPEC);
	fclose(stream);
	if (fail->code) {
		free(json);
		return NULL;
	}
	return json;
}

bool spec_load(const char *file, const char *as, struct spec *spec, struct fail *fail)
{
	size_t size;
	char *json = read_file(file, &size, fail);
	bool good = json && spec_parse(file, json, size, as, spec, fail);

	free(json);
	return good;
}

static void release_column(struct spec_column *column)
{
	for (int i = 0; i < column->missing_count; i++)
		free(column->missing[i]);
	free(column->missing);
	free(column->name);
}

void spec_release(struct spec *spec)
{
	for (int i = 0; i < spec->feature_count; i++)
		release_column(&spec->features[i]);
	release_column(&spec->label);
	free(spec->features);
	free(spec->file);
	free(spec->name);
	free(spec->source);
	free(spec->id);
	free(spec->retrain.policy);
	free(spec->retrain.zone);
	free(spec->retrain.signal_provider);
	free(spec->retrain.signal_kind);
	free(spec->retrain.signal_factors);
	free(spec->json);
	memset(spec, 0, sizeof(*spec));
}

static int is_spec_file(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return entry->d_name[0] != '.' && size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

static bool load_one_more(const char *file, const char *as, struct spec **specs, int *count, struct fail *fail)
{
	*specs = xreallocarray(*specs, (size_t)*count + 1, sizeof(**specs));
	if (!spec_load(file, as, &(*specs)[*count], fail))
		return false;
	(*count)++;
	for (int i = 0; i + 1 < *count; i++)
		if (strcmp((*specs)[i].name, (*specs)[*count - 1].name) == 0)
			return fail_set(fail, EXIT_WRONG_USE, "specs \"%s\" and \"%s\" have the same name \"%s\"",
					(*specs)[i].file, file, (*specs)[i].name);
	return true;
}

static bool load_directory(const char *path, const char *as, struct spec **specs, int *count, struct fail *fail)
{
	struct dirent **entries;
	int entry_count = scandir(path, &entries, is_spec_file, alphasort);
	bool good = entry_count > 0;

	if (entry_count < 0)
		return fail_set(fail, EXIT_WRONG_USE, "could not read directory \"%s\": %s", path, strerror(errno));
	if (entry_count == 0)
		fail_set(fail, EXIT_WRONG_USE, "directory \"%s\" holds no spec (*.json)", path);
	for (int i = 0; i < entry_count; i++) {
		char *file = xasprintf("%s/%s", path, entries[i]->d_name);

		good = good && load_one_more(file, as, specs, count, fail);
		free(file);
		free(entries[i]);
	}
	free(entries);
	return good;
}

bool spec_load_all(const char *path, const char *as, struct spec **specs, int *count, struct fail *fail)
{
	struct stat status;
	bool good;

	*specs = NULL;
	*count = 0;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		good = load_directory(path, as, specs, count, fail);
	else
		good = load_one_more(path, as, specs, count, fail);
	if (!good) {
		for (int i = 0; i < *count; i++)
			spec_release(&(*specs)[i]);
		free(*specs);
		*specs = NULL;
		*count = 0;
	}
	return good;
}

bool spec_is_missing(const struct spec_column *column, const char *text, size_t size)
{
	for (int i = 0; i < column->missing_count; i++)
		if (strlen(column->missing[i]) == size && memcmp(column->missing[i], text, size) == 0)
			return true;
	return false;
}
