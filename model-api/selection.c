#include "model-api/selection.h"

#include <stdlib.h>
#include <string.h>

#include "common/spec.h"
#include "common/xalloc.h"

static const char name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static void add(char ***pipelines, int *count, const char *name, size_t size)
{
	*pipelines = xreallocarray(*pipelines, (size_t)*count + 1, sizeof(**pipelines));
	(*pipelines)[(*count)++] = xstrndup(name, size);
}

static bool is_known(char *const *pipelines, int count, const char *name, size_t size)
{
	for (int i = 0; i < count; i++)
		if (strlen(pipelines[i]) == size && memcmp(pipelines[i], name, size) == 0)
			return true;
	return false;
}

static bool take_names(const char *names, char ***pipelines, int *count, struct fail *fail)
{
	for (const char *name = names; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
		size_t size = strcspn(name, ",");

		if (size == 0 || size > SPEC_MAX_NAME || strspn(name, name_letters) < size)
			return fail_set(fail, EXIT_WRONG_USE,
					"--pipelines holds \"%.*s\": expected names of pipelines, comma between them",
					(int)(size > 64 ? 64 : size), name);
		if (!is_known(*pipelines, *count, name, size))
			add(pipelines, count, name, size);
	}
	return true;
}

bool selection_take(const char *names, const char *spec_path, const char *as, char ***pipelines, int *count,
		    struct fail *fail)
{
	struct spec *specs = NULL;
	int spec_count = 0;
	bool good = true;

	*pipelines = NULL;
	*count = 0;
	if (names && *names)
		return take_names(names, pipelines, count, fail);
	if (!spec_path || !*spec_path)
		return true;
	good = spec_load_all(spec_path, as, &specs, &spec_count, fail);
	for (int i = 0; good && i < spec_count; i++)
		add(pipelines, count, specs[i].name, strlen(specs[i].name));
	spec_free_all(specs, spec_count);
	if (good && *count == 0)
		good = fail_set(fail, EXIT_WRONG_USE, "\"%s\" holds no spec: name a file or a folder with *.json files",
				spec_path);
	return good;
}

/* A name, "=", and the decimal number of a model. */
static bool is_pin(const char *text, size_t size)
{
	size_t name = strspn(text, name_letters), digits = name < size ? strspn(text + name + 1, "0123456789") : 0;

	return name > 0 && name <= SPEC_MAX_NAME && name < size && text[name] == '=' && text[name + 1] != '0' &&
	       digits > 0 && digits < 10 && name + 1 + digits == size;
}

bool selection_take_pins(const char *text, char ***pins, int *count, struct fail *fail)
{
	*pins = NULL;
	*count = 0;
	for (const char *pin = text && *text ? text : NULL; pin; pin = strchr(pin, ',') ? strchr(pin, ',') + 1 : NULL) {
		size_t size = strcspn(pin, ",");

		if (!is_pin(pin, size))
			return fail_set(fail, EXIT_WRONG_USE,
					"--pin holds \"%.*s\": expected PIPELINE=MODEL, comma between several",
					(int)(size > 64 ? 64 : size), pin);
		if (!is_known(*pins, *count, pin, size))
			add(pins, count, pin, size);
	}
	return true;
}

void selection_release(char **pipelines, int count)
{
	for (int i = 0; i < count; i++)
		free(pipelines[i]);
	free(pipelines);
}
