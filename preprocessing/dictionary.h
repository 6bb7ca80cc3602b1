#ifndef PREPROCESSING_DICTIONARY_H
#define PREPROCESSING_DICTIONARY_H

/*
 * The codes of a column's texts: 0, 1, 2 ... in the order in which they were first seen.
 *
 *	struct dictionary *dictionary = dictionary_new();
 *	int32_t code = dictionary_code(dictionary, text, size);	a new text gets the next code
 *	dictionary_store(db, set_id, position, dictionary, &fail)	writes the new ones to green_ml.dictionary
 *	dictionary_free(dictionary);
 *
 * dictionary_keep(): what is there now is stored; dictionary_forget() goes back to that state.
 */

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail.h"

struct dictionary;

struct dictionary *dictionary_new(void);
void dictionary_free(struct dictionary *dictionary); /* NULL is fine */

int32_t dictionary_code(struct dictionary *dictionary, const char *text, size_t size);
void dictionary_keep(struct dictionary *dictionary);
void dictionary_forget(struct dictionary *dictionary);
bool dictionary_store(PGconn *db, int feature_set_id, int position, struct dictionary *dictionary,
		      struct fail *fail) MUST_USE;

#endif
