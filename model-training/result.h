#ifndef MODEL_TRAINING_RESULT_H
#define MODEL_TRAINING_RESULT_H

/*
 * What a training has to say, as one JSON object: the model's numbers (they are stored with the model), then what
 * became of it. The same object is made for a plan that was trained before. Every json_t returned is the caller's.
 */

#include <jansson.h>
#include <stdbool.h>

#include "common/fail.h"
#include "common/forest.h"
#include "model-training/gate.h"
#include "model-training/plan.h"
#include "model-training/score.h"
#include "model-training/shares.h"

struct result_cost {
	double wall_s, cpu_s; /* of this program so far */
	double fake_cpu_s;    /* of which fake computation; 0: none */
	int threads;
};

/* rows_train, rows_holdout, accuracy, ... min_samples_leaf, wall_s, cpu_s: green_ml.model.metrics. */
json_t *result_metrics(const struct plan *plan, const struct forest *forest, size_t model_size,
		       const struct score *score, const struct result_cost *cost);
/* Everything the gate has looked at: green_ml.gate.numbers. champions: borrowed. */
json_t *result_numbers(const struct gate_input *input, const struct gate_verdict *verdict, json_t *champions);

struct result_outcome {
	int plan_id, model_id;
	int promotion_id; /* 0: refused */
	const char *reason;
	const char *sha256;
	bool repeated; /* the plan had been trained before */
};

/* metrics: borrowed. */
json_t *result_make(const json_t *metrics, const struct result_outcome *outcome);

/* One JSON object to stdout. */
bool result_print_json(const json_t *object, struct fail *fail) MUST_USE;
/* Behind the last line of a text: was all of it written? */
bool result_end_output(struct fail *fail) MUST_USE;
/* To stdout, one JSON object or a few lines of text. */
bool result_print(const json_t *result, bool as_json, struct fail *fail) MUST_USE;
/* What --plan prints. */
bool result_print_plan(const struct plan *plan, bool as_json, struct fail *fail) MUST_USE;
/* What --shard prints. */
bool result_print_share(const struct plan *plan, const struct share *share, bool as_json, struct fail *fail) MUST_USE;
/* plan_id, model_id, promoted, accuracy below OUTPUT_DIR. */
bool result_outputs(const json_t *result, struct fail *fail) MUST_USE;

#endif
