#include "model-api/score.h"

#include <stdlib.h>

#include "common/xalloc.h"

enum { BLOCK_ROWS = 256, ID_ROOM = 96, FEW_CLASSES = sizeof((struct scoring *)0)->few_counts / sizeof(uint64_t) };

static void draw(struct scoring *scoring, size_t row, uint16_t class)
{
	if (scoring->drawn_count == scoring->drawn_room) {
		scoring->drawn_room = scoring->drawn_room ? scoring->drawn_room * 2 : 8;
		scoring->drawn = xreallocarray(scoring->drawn, scoring->drawn_room, sizeof(*scoring->drawn));
	}
	scoring->drawn[scoring->drawn_count++] = (struct drawn){row, class};
}

static void take_block(struct scoring *scoring, const struct score_block *block)
{
	for (size_t i = 0; i < block->rows; i++) {
		scoring->class_counts[block->classes[i]]++;
		if (scoring->journal && journal_draw(scoring->journal))
			draw(scoring, block->first + i, block->classes[i]);
	}
}

void score_rows(struct scoring *scoring)
{
	const struct model *model = scoring->model;
	size_t columns = (size_t)model->forest->feature_count, classes = (size_t)model->forest->class_count;
	size_t largest = scoring->rows < BLOCK_ROWS ? scoring->rows : BLOCK_ROWS;
	uint64_t *scores = scoring->probabilities ? xcalloc(largest * classes + 1, sizeof(*scores)) : NULL;
	uint16_t found[BLOCK_ROWS];

	scoring->class_counts =
	    classes <= FEW_CLASSES ? scoring->few_counts : xcalloc(classes, sizeof(*scoring->class_counts));
	for (size_t first = 0; first < scoring->rows; first += BLOCK_ROWS) {
		size_t rows = scoring->rows - first < BLOCK_ROWS ? scoring->rows - first : BLOCK_ROWS;
		struct score_block block = {first, rows, found, scores};

		model_predict(model, scoring->encoded->keys + first * columns, rows, found, scores);
		take_block(scoring, &block);
		if (!scoring->put(scoring->context, &block))
			break;
	}
	free(scores);
}

bool score_has_room(const struct scoring *scoring, const struct text *body, size_t rest)
{
	/* Row, id and the words around them take less than ID_ROOM in every protocol. */
	return !body->overflow &&
	       (scoring->drawn_count == 0 || body->size + scoring->drawn_count * ID_ROOM + rest <= body->max_size);
}

bool score_log(struct scoring *scoring, size_t index, char id[JOURNAL_ID_SIZE])
{
	return journal_add(scoring->journal, scoring->model, scoring->drawn[index].class, id);
}

void score_count(const struct scoring *scoring, struct metrics *metrics)
{
	for (int i = 0; i < scoring->model->forest->class_count; i++)
		if (scoring->class_counts[i])
			metrics_add(metrics, scoring->model->labels[i].series, scoring->class_counts[i]);
	if (scoring->encoded->unseen_count)
		metrics_add(metrics, scoring->model->unseen_series, scoring->encoded->unseen_count);
}

void score_release(struct scoring *scoring)
{
	if (scoring->class_counts != scoring->few_counts)
		free(scoring->class_counts);
	free(scoring->drawn);
}
