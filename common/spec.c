#include "common/spec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/spec_internal.h"
#include "common/xalloc.h"

enum { MAX_SPEC = 1 << 20 };

static bool parse_names(const struct spec_place *place, const json_t *root, const char *as, struct spec *spec)
{
	const char *name, *source, *id;

	if (!spec_need_string(place, root, "name", &name) || !spec_check_name(place, "name", name))
		return false;
	source = name;
	if (!spec_get_string(place, root, "source", &source) || !spec_check_name(place, "source", source) ||
	    !spec_need_string(place, root, "id", &id) || !spec_check_column_name(place, "id", id))
		return false;
	if (as && *as && !spec_is_name(as))
		return fail_set(place->fail, EXIT_WRONG_USE,
				"\"%s\" (--as, PIPELINE_NAME) is no name: expected at most %d of a-z, "
				"0-9 and -, a letter first, no - at the end",
				as, (int)SPEC_MAX_NAME);
	spec->name = xstrdup(as && *as ? as : name);
	spec->source = xstrdup(source);
	spec->id = xstrdup(id);
	return true;
}

static bool parse_root(const struct spec_place *place, const json_t *root, const char *as, struct spec *spec)
{
	static const char *const keys[] = {"name",    "source",	  "id",	    "label", "features", "missing",
					   "holdout", "train_on", "forest", "gate",  "retrain",	 NULL};

	return spec_known_keys(place, root, keys) && parse_names(place, root, as, spec) &&
	       spec_parse_columns(place, root, spec) && spec_parse_sections(place, root, spec);
}

bool spec_parse(const char *file, const char *json, size_t size, const char *as, struct spec *spec, struct fail *fail)
{
	struct spec_place place = {.file = file, .fail = fail};
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
	spec->json = spec_to_json(spec);
	return true;
}

static char *read_file(const char *file, size_t *size, struct fail *fail)
{
	FILE *stream = fopen(file, "re");
	bool good = true;
	char *json;

	if (!stream) {
		fail_set(fail, EXIT_WRONG_USE, "could not open spec \"%s\": %s", file, strerror(errno));
		return NULL;
	}
	json = xmalloc(MAX_SPEC + 1);
	*size = fread(json, 1, MAX_SPEC + 1, stream);
	if (ferror(stream))
		good = fail_set(fail, EXIT_WRONG_USE, "could not read spec \"%s\": %s", file, strerror(errno));
	else if (*size > MAX_SPEC)
		good = fail_set(fail, EXIT_WRONG_USE, "spec \"%s\" is longer than %d bytes", file, (int)MAX_SPEC);
	fclose(stream);
	if (good)
		return json;
	free(json);
	return NULL;
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

void spec_free_all(struct spec *specs, int count)
{
	for (int i = 0; i < count; i++)
		spec_release(&specs[i]);
	free(specs);
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
		spec_free_all(*specs, *count);
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
