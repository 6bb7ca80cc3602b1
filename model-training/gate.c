#include "model-training/gate.h"

#include <math.h>

#include "common/banned.h"

/* The 95 % point of the normal distribution as the design fixes it. */
#define ONE_SIDED_95 1.645

struct gate_window gate_measure(const struct gate_counts *counts, double max_drop)
{
	double n = (double)counts->n, b = (double)counts->champion_only, c = (double)counts->challenger_only;
	struct gate_window window = {.mcnemar_p = 1};

	if (counts->n > 0) {
		window.loss = (b - c) / n;
		window.se = sqrt(fmax(b + c - (b - c) * (b - c) / n, 0)) / n;
	}
	if (b + c > 0)
		window.mcnemar_p = erfc(sqrt((b - c) * (b - c) / (b + c) / 2));
	window.upper = window.loss + ONE_SIDED_95 * window.se;
	window.too_small = ONE_SIDED_95 * window.se > max_drop / 2;
	window.passed = window.upper <= max_drop || (window.too_small && window.loss <= 0);
	return window;
}

/* The windows' verdict: the recent one decides, also where they agree. */
static bool compare(const struct gate_input *input, struct gate_verdict *verdict)
{
	const struct gate_window *recent = &verdict->recent;

	if (recent->passed)
		verdict->reason = recent->upper <= input->max_accuracy_drop ? "not_worse" : "holdout_too_small";
	else
		verdict->reason = verdict->all.passed ? "worse_than_champion_recently" : "worse_than_champion";
	return recent->passed;
}

struct gate_verdict gate_decide(const struct gate_input *input)
{
	struct gate_verdict verdict = {
	    .all = gate_measure(&input->all, input->max_accuracy_drop),
	    .recent = gate_measure(&input->recent, input->max_accuracy_drop),
	    .accuracy = input->rows > 0 ? (double)input->right / (double)input->rows : 0,
	};

	if (input->has_earlier)
		verdict.least_by_earlier = fmax(input->best_earlier - 2 * input->max_accuracy_drop, 0);
	if (input->is_champion)
		verdict.reason = "same_model";
	else if (input->rows == 0 && (input->has_champion || input->min_accuracy > 0))
		verdict.reason = "no_holdout_rows";
	else if (verdict.accuracy < input->min_accuracy)
		verdict.reason = "below_min_accuracy";
	else if (!input->has_champion) {
		verdict.reason = "no_champion";
		verdict.promoted = true;
	} else if (input->all.n == 0 || input->recent.n == 0)
		verdict.reason = "no_holdout_rows";
	else if (compare(input, &verdict)) {
		verdict.promoted = verdict.accuracy >= verdict.least_by_earlier;
		if (!verdict.promoted)
			verdict.reason = "below_earlier_champions";
	}
	return verdict;
}
