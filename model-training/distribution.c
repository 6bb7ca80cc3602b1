#include "model-training/distribution.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/random.h"

enum { FIRST_TABLE_SIZE = 64 };

void distribution_set_init(struct distribution_set *set, int class_count)
{
	*set = (struct distribution_set){.class_count = class_count, .table_size = FIRST_TABLE_SIZE};
	set->table = xcalloc(set->table_size, sizeof(*set->table));
}

static uint64_t hash(const uint32_t *vector, int class_count)
{
	uint64_t value = 0;

	for (int k = 0; k < class_count; k++)
		value = (value ^ vector[k]) * RANDOM_GAMMA + (value >> 29);
	return random_mix(value);
}

static uint32_t *find(const struct distribution_set *set, const uint32_t *vector)
{
	size_t size = (size_t)set->class_count * sizeof(*vector);
	uint32_t at = (uint32_t)hash(vector, set->class_count) & (set->table_size - 1);

	while (set->table[at] &&
	       memcmp(set->vectors + (size_t)(set->table[at] - 1) * (size_t)set->class_count, vector, size) != 0)
		at = (at + 1) & (set->table_size - 1);
	return &set->table[at];
}

static void grow_table(struct distribution_set *set)
{
	free(set->table);
	set->table_size *= 4;
	set->table = xcalloc(set->table_size, sizeof(*set->table));
	for (uint32_t i = 0; i < set->count; i++)
		*find(set, set->vectors + (size_t)i * (size_t)set->class_count) = i + 1;
}

uint32_t distribution_add(struct distribution_set *set, const uint32_t *vector)
{
	size_t size = (size_t)set->class_count * sizeof(*vector);
	uint32_t *place = find(set, vector);

	if (*place)
		return *place - 1;
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? set->capacity * 2 : 16;
		set->vectors = xreallocarray(set->vectors, set->capacity, size);
	}
	memcpy(set->vectors + (size_t)set->count * (size_t)set->class_count, vector, size);
	*place = ++set->count;
	if (set->count > set->table_size / 2)
		grow_table(set);
	return set->count - 1;
}

uint32_t *distribution_take(struct distribution_set *set)
{
	uint32_t *vectors = set->vectors;

	set->vectors = NULL;
	set->count = set->capacity = 0;
	memset(set->table, 0, set->table_size * sizeof(*set->table));
	return vectors;
}

void distribution_clear(struct distribution_set *set)
{
	set->count = 0;
	memset(set->table, 0, set->table_size * sizeof(*set->table));
}

void distribution_set_release(struct distribution_set *set)
{
	free(set->vectors);
	free(set->table);
	*set = (struct distribution_set){0};
}
