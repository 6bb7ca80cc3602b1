#include "preprocessing/dictionary.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/xalloc.h"

enum { FIRST_SLOTS = 64 };

struct entry {
	char *text;
	size_t size;
};

struct dictionary {
	struct entry *entries; /* by code */
	int32_t count, capacity;
	int32_t stored; /* of them in the database */
	int32_t *slots; /* code + 1, 0: free; a power of two, at most half full */
	size_t slot_count;
};

struct dictionary *dictionary_new(void)
{
	struct dictionary *dictionary = xcalloc(1, sizeof(*dictionary));

	dictionary->slot_count = FIRST_SLOTS;
	dictionary->slots = xcalloc(FIRST_SLOTS, sizeof(*dictionary->slots));
	return dictionary;
}

void dictionary_free(struct dictionary *dictionary)
{
	if (!dictionary)
		return;
	for (int32_t code = 0; code < dictionary->count; code++)
		free(dictionary->entries[code].text);
	free(dictionary->entries);
	free(dictionary->slots);
	free(dictionary);
}

/* FNV-1a */
static size_t hash(const char *text, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return (size_t)(hash ^ hash >> 32);
}

static int32_t *find_slot(const struct dictionary *dictionary, const char *text, size_t size)
{
	size_t mask = dictionary->slot_count - 1, at = hash(text, size) & mask;

	for (; dictionary->slots[at]; at = (at + 1) & mask) {
		const struct entry *entry = &dictionary->entries[dictionary->slots[at] - 1];

		if (entry->size == size && memcmp(entry->text, text, size) == 0)
			break;
	}
	return &dictionary->slots[at];
}

static void fill_slots(struct dictionary *dictionary)
{
	memset(dictionary->slots, 0, dictionary->slot_count * sizeof(*dictionary->slots));
	for (int32_t code = 0; code < dictionary->count; code++)
		*find_slot(dictionary, dictionary->entries[code].text, dictionary->entries[code].size) = code + 1;
}

static void make_room(struct dictionary *dictionary)
{
	if (dictionary->count == dictionary->capacity) {
		dictionary->capacity = dictionary->capacity ? 2 * dictionary->capacity : FIRST_SLOTS / 2;
		dictionary->entries =
		    xreallocarray(dictionary->entries, (size_t)dictionary->capacity, sizeof(*dictionary->entries));
	}
	if (2 * ((size_t)dictionary->count + 1) <= dictionary->slot_count)
		return;
	dictionary->slot_count *= 2;
	dictionary->slots = xreallocarray(dictionary->slots, dictionary->slot_count, sizeof(*dictionary->slots));
	fill_slots(dictionary);
}

int32_t dictionary_code(struct dictionary *dictionary, const char *text, size_t size)
{
	int32_t *slot = find_slot(dictionary, text, size);

	if (*slot)
		return *slot - 1;
	make_room(dictionary);
	dictionary->entries[dictionary->count] = (struct entry){xstrndup(text, size), size};
	*find_slot(dictionary, text, size) = ++dictionary->count;
	return dictionary->count - 1;
}

void dictionary_keep(struct dictionary *dictionary)
{
	dictionary->stored = dictionary->count;
}

void dictionary_forget(struct dictionary *dictionary)
{
	while (dictionary->count > dictionary->stored)
		free(dictionary->entries[--dictionary->count].text);
	fill_slots(dictionary);
}

bool dictionary_store(PGconn *db, int feature_set_id, int position, struct dictionary *dictionary, struct fail *fail)
{
	json_t *texts;
	char *json;
	bool stored;

	if (dictionary->stored == dictionary->count)
		return true;
	texts = json_array();
	for (int32_t code = dictionary->stored; code < dictionary->count; code++)
		json_array_append_new(
		    texts, json_stringn_nocheck(dictionary->entries[code].text, dictionary->entries[code].size));
	json = json_dumps(texts, JSON_COMPACT);
	json_decref(texts);
	stored = db_runf(db, fail, "ddds",
			 "INSERT INTO green_ml.dictionary (feature_set_id, position, code, value) "
			 "SELECT $1, $2, $3 + t.place - 1, t.value "
			 "FROM json_array_elements_text($4::json) WITH ORDINALITY AS t (value, place)",
			 feature_set_id, position, (int)dictionary->stored, json);
	free(json);
	if (stored)
		dictionary_keep(dictionary);
	return stored;
}
