#include "model-training/distribution.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"
#include "common/xalloc.h"
#include "model-training/random.h"

enum { FIRST_TABLE_SIZE = 64, FIRST_CAPACITY = 16 };

/* ------------------------------------------------------------------ lists */

static size_t cell_count(const struct distributions *list)
{
	return distributions_begin(list, list->count);
}

/* Room for one vector more of so many cells; where its cells go. */
static struct distribution_cell *reserve(struct distributions *list, size_t cells)
{
	size_t used = cell_count(list);

	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : FIRST_CAPACITY;
		list->ends = xreallocarray(list->ends, list->capacity, sizeof(*list->ends));
	}
	if (list->cell_capacity - used < cells) {
		list->cell_capacity = list->cell_capacity * 2 > used + cells ? list->cell_capacity * 2 : used + cells;
		list->cells = xreallocarray(list->cells, list->cell_capacity, sizeof(*list->cells));
	}
	return list->cells + used;
}

static void end_vector(struct distributions *list, size_t cells)
{
	list->ends[list->count] = cell_count(list) + cells;
	list->count++;
}

static size_t compress(const uint32_t *vector, int class_count, struct distribution_cell *cells)
{
	size_t count = 0;

	for (int k = 0; k < class_count; k++) {
		cells[count] = (struct distribution_cell){.class = (uint32_t)k, .number = vector[k]};
		count += vector[k] != 0;
	}
	return count;
}

void distributions_append(struct distributions *list, const uint32_t *vector, int class_count)
{
	end_vector(list, compress(vector, class_count, reserve(list, (size_t)class_count)));
}

void distributions_expand(const struct distributions *list, uint32_t index, int class_count, uint32_t *vector)
{
	memset(vector, 0, (size_t)class_count * sizeof(*vector));
	for (size_t i = distributions_begin(list, index); i < list->ends[index]; i++)
		vector[list->cells[i].class] = list->cells[i].number;
}

void distributions_release(struct distributions *list)
{
	free(list->ends);
	free(list->cells);
	*list = (struct distributions){0};
}

/* ------------------------------------------------------------------ sets */

void distribution_set_init(struct distribution_set *set, int class_count)
{
	*set = (struct distribution_set){.class_count = class_count, .table_size = FIRST_TABLE_SIZE};
	set->table = xcalloc(set->table_size, sizeof(*set->table));
}

static uint64_t hash(const struct distribution_cell *cells, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = (value ^ ((uint64_t)cells[i].class << 32 | cells[i].number)) * RANDOM_GAMMA + (value >> 29);
	return random_mix(value);
}

static bool is_same(const struct distributions *list, uint32_t index, const struct distribution_cell *cells,
		    size_t count)
{
	size_t begin = distributions_begin(list, index);

	return list->ends[index] - begin == count && memcmp(list->cells + begin, cells, count * sizeof(*cells)) == 0;
}

static uint32_t *find(const struct distribution_set *set, const struct distribution_cell *cells, size_t count)
{
	uint32_t at = (uint32_t)hash(cells, count) & (set->table_size - 1);

	while (set->table[at] && !is_same(&set->list, set->table[at] - 1, cells, count))
		at = (at + 1) & (set->table_size - 1);
	return &set->table[at];
}

static void grow_table(struct distribution_set *set)
{
	free(set->table);
	set->table_size *= 4;
	set->table = xcalloc(set->table_size, sizeof(*set->table));
	for (uint32_t i = 0; i < set->list.count; i++) {
		size_t begin = distributions_begin(&set->list, i);

		*find(set, set->list.cells + begin, set->list.ends[i] - begin) = i + 1;
	}
}

/* The cells stand behind those of the list. */
static uint32_t add_reserved(struct distribution_set *set, size_t count)
{
	uint32_t *place = find(set, set->list.cells + cell_count(&set->list), count);

	if (*place)
		return *place - 1;
	end_vector(&set->list, count);
	*place = set->list.count;
	if (set->list.count > set->table_size / 2)
		grow_table(set);
	return set->list.count - 1;
}

uint32_t distribution_add(struct distribution_set *set, const uint32_t *vector)
{
	struct distribution_cell *cells = reserve(&set->list, (size_t)set->class_count);

	return add_reserved(set, compress(vector, set->class_count, cells));
}

uint32_t distribution_add_from(struct distribution_set *set, const struct distributions *list, uint32_t index)
{
	size_t begin = distributions_begin(list, index), count = list->ends[index] - begin;

	memcpy(reserve(&set->list, count), list->cells + begin, count * sizeof(*list->cells));
	return add_reserved(set, count);
}

void distribution_take(struct distribution_set *set, struct distributions *list)
{
	*list = set->list;
	list->ends = xreallocarray(list->ends, list->capacity = list->count, sizeof(*list->ends));
	list->cells = xreallocarray(list->cells, list->cell_capacity = cell_count(list), sizeof(*list->cells));
	set->list = (struct distributions){0};
	memset(set->table, 0, set->table_size * sizeof(*set->table));
}

void distribution_set_release(struct distribution_set *set)
{
	distributions_release(&set->list);
	free(set->table);
	*set = (struct distribution_set){0};
}
