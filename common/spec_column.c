/* The columns of a spec: label, features and what counts as missing in them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/spec_internal.h"
#include "common/xalloc.h"

enum { MAX_MISSING = 100 };

static const char *const default_missing[] = {"", "NA", "NaN", "null"};
static const char *const type_names[] = {"integer", "real", "category"};

const char *column_type_name(enum column_type type)
{
	return type_names[type];
}

static bool get_type(const struct spec_place *place, const json_t *object, enum column_type *type)
{
	const char *name;

	if (!spec_need_string(place, object, "type", &name))
		return false;
	for (int i = 0; i <= COLUMN_CATEGORY; i++)
		if (strcmp(name, type_names[i]) == 0) {
			*type = (enum column_type)i;
			return true;
		}
	return spec_wrong(place, "type", "\"%s\" is no type: expected integer, real or category", name);
}

static void set_missing(struct spec_column *column, const char *const *texts, int count)
{
	column->missing = xcalloc((size_t)count, sizeof(*column->missing));
	for (int i = 0; i < count; i++)
		column->missing[i] = xstrdup(texts[i]);
	column->missing_count = count;
}

/* The list of texts that mean "no value"; *texts points into the document. */
static bool get_missing(const struct spec_place *place, const json_t *object, const char ***texts, int *count)
{
	const json_t *list = json_object_get(object, "missing");
	const char **strings;

	if (!list)
		return true;
	if (!json_is_array(list))
		return spec_wrong(place, "missing", "expected an array of strings, found %s", spec_kind_of(list));
	if (json_array_size(list) > MAX_MISSING)
		return spec_wrong(place, "missing", "expected at most %d strings, found %zu", (int)MAX_MISSING,
				  json_array_size(list));
	strings = xcalloc(json_array_size(list), sizeof(*strings));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);

		strings[i] = json_string_value(value);
		if (!strings[i] || strlen(strings[i]) != json_string_length(value)) {
			free(strings);
			return spec_wrong(place, "missing", "element %zu: expected a string without NUL, found %s", i,
					  spec_kind_of(value));
		}
	}
	free(*texts);
	*texts = strings;
	*count = (int)json_array_size(list);
	return true;
}

static bool parse_column(const struct spec_place *place, const json_t *object, const char *const *missing,
			 int missing_count, struct spec_column *column)
{
	static const char *const keys[] = {"column", "type", "missing", NULL};
	const char *name, **own = NULL;
	int own_count = 0;
	bool good = spec_known_keys(place, object, keys) && spec_need_string(place, object, "column", &name) &&
		    spec_check_column_name(place, "column", name) && get_type(place, object, &column->type) &&
		    get_missing(place, object, &own, &own_count);

	if (good) {
		column->name = xstrdup(name);
		set_missing(column, own ? own : missing, own ? own_count : missing_count);
	}
	free(own);
	return good;
}

static bool parse_features(const struct spec_place *place, const json_t *root, const char *const *missing,
			   int missing_count, struct spec *spec)
{
	const json_t *list = json_object_get(root, "features");
	size_t count = json_array_size(list);

	if (!list)
		return spec_wrong(place, "features", "this key is mandatory");
	if (!json_is_array(list))
		return spec_wrong(place, "features", "expected an array of columns, found %s", spec_kind_of(list));
	if (count == 0 || count > SPEC_MAX_FEATURES)
		return spec_wrong(place, "features", "expected 1 to %d columns, found %zu", (int)SPEC_MAX_FEATURES,
				  count);
	spec->features = xcalloc(count, sizeof(*spec->features));
	for (size_t i = 0; i < count; i++) {
		char key[32];
		struct spec_place inner;

		snprintf(key, sizeof(key), "features[%zu]", i);
		inner = spec_inside(place, key);
		spec->feature_count = (int)i + 1;
		if (!parse_column(&inner, json_array_get(list, i), missing, missing_count, &spec->features[i]))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(spec->features[i].name, spec->features[j].name) == 0)
				return spec_wrong(&inner, "column", "column \"%s\" is listed twice",
						  spec->features[i].name);
		if (strcmp(spec->features[i].name, spec->label.name) == 0)
			return spec_wrong(&inner, "column", "column \"%s\" is the label: it cannot be a feature",
					  spec->label.name);
	}
	return true;
}

bool spec_parse_columns(const struct spec_place *place, const json_t *root, struct spec *spec)
{
	const char **own = NULL, *const *missing = default_missing;
	int count = sizeof(default_missing) / sizeof(*default_missing);
	struct spec_place label = spec_inside(place, "label");
	bool good = get_missing(place, root, &own, &count);

	if (own)
		missing = own;
	if (good && !json_object_get(root, "label"))
		good = spec_wrong(place, "label", "this key is mandatory");
	good = good && parse_column(&label, json_object_get(root, "label"), missing, count, &spec->label);
	if (good && spec->label.type == COLUMN_REAL)
		good = spec_wrong(&label, "type", "a label is integer or category: this version classifies");
	good = good && parse_features(place, root, missing, count, spec);
	free(own);
	return good;
}
