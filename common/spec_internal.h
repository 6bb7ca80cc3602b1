#ifndef COMMON_SPEC_INTERNAL_H
#define COMMON_SPEC_INTERNAL_H

/*
 * What the files of common/spec.h share: spec.c (whole specs and files), spec_column.c (label and features),
 * spec_section.c (holdout, train_on, forest, gate, retrain), spec_value.c (single values), spec_json.c (the stored
 * form). Nobody else includes this.
 *
 * Every function that reads returns false with an error that names file and JSON path.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/spec.h"

/* Where in the document the parser stands. */
struct spec_place {
	const char *file;
	char path[200]; /* "" at the root */
	struct fail *fail;
};

/* The place of an inner value: an object's key, or "[3]" for an array's element. */
struct spec_place spec_inside(const struct spec_place *place, const char *key);
/* Sets the error "spec FILE: PATH.KEY: ..." and returns false; key "" is the place itself. */
bool spec_wrong(const struct spec_place *place, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);

const char *spec_kind_of(const json_t *value); /* "an object"; "nothing" for NULL */

/* It is an object and holds none but these keys (ended by NULL). */
bool spec_known_keys(const struct spec_place *place, const json_t *object, const char *const *keys) MUST_USE;

/* One key of an object. The target stays as it is when the key is absent; spec_need_string wants it to be there.
 * Strings point into the document. */
bool spec_get_string(const struct spec_place *place, const json_t *object, const char *key,
		     const char **string) MUST_USE;
bool spec_need_string(const struct spec_place *place, const json_t *object, const char *key,
		      const char **string) MUST_USE;
bool spec_get_real(const struct spec_place *place, const json_t *object, const char *key, double low, double high,
		   double *number) MUST_USE;
bool spec_get_int(const struct spec_place *place, const json_t *object, const char *key, int64_t low, int64_t high,
		  int64_t *number) MUST_USE;
bool spec_get_bool(const struct spec_place *place, const json_t *object, const char *key, bool *value) MUST_USE;
/* A number from 1, or one of the words (ended by NULL): the first stands for 0, the next for -1. */
bool spec_get_int_or_word(const struct spec_place *place, const json_t *object, const char *key,
			  const char *const *words, int64_t high, int64_t *number) MUST_USE;

/* A pipeline's or source's name: a DNS label. */
bool spec_is_name(const char *name);
bool spec_check_name(const struct spec_place *place, const char *key, const char *name) MUST_USE;
bool spec_check_column_name(const struct spec_place *place, const char *key, const char *name) MUST_USE;

/* The parts of a document. On error the spec may be half filled: spec_release() it. */
bool spec_parse_columns(const struct spec_place *place, const json_t *root, struct spec *spec) MUST_USE;
bool spec_parse_sections(const struct spec_place *place, const json_t *root, struct spec *spec) MUST_USE;

/* Defaults filled in, keys sorted; the caller frees it. */
char *spec_to_json(const struct spec *spec);

#endif
