#ifndef MODEL_TRAINING_GATE_H
#define MODEL_TRAINING_GATE_H

/*
 * May the challenger replace the champion? A pure function of counts; nothing here reads a clock, a file or a database.
 *
 * Both models are scored on the same holdout rows: b = rows that only the champion predicts right, c = rows that only
 * the challenger predicts right. Over n rows
 *	loss  = (b - c) / n				accuracy lost by promoting
 *	se    = sqrt(b + c - (b - c)^2 / n) / n
 *	upper = loss + 1.645 se				one-sided 95 %, Wald, paired
 * A window (all rows, and the most recent ones) passes when upper <= max_accuracy_drop; where the rows are too few to
 * tell (1.645 se > max_accuracy_drop / 2), when loss <= 0. Where the windows disagree the recent one decides.
 *
 * Besides, the challenger's accuracy on all rows must reach min_accuracy and must not lie more than twice
 * max_accuracy_drop below the best of the earlier champions on the same rows: many small losses in a row are a big one.
 * Without a champion only min_accuracy counts.
 */

#include <stdbool.h>
#include <stdint.h>

struct gate_counts {
	int64_t n;
	int64_t champion_only;	 /* b */
	int64_t challenger_only; /* c */
};

struct gate_input {
	bool has_champion; /* that predicts the same label column */
	bool is_champion;  /* the challenger's bytes are the champion's */
	struct gate_counts all, recent;
	int64_t rows, right; /* the challenger's own holdout rows and how many it predicts right */
	bool has_earlier;
	double best_earlier; /* accuracy of the best earlier champion on these rows */
	double max_accuracy_drop, min_accuracy;
};

struct gate_window {
	double loss, se, upper;
	double mcnemar_p; /* reported only: chi-squared with one degree of freedom, no continuity correction */
	bool too_small, passed;
};

struct gate_verdict {
	bool promoted;
	const char *reason; /* a word, see gate_reasons */
	struct gate_window all, recent;
	double accuracy;
	double least_by_earlier; /* what the earlier champions demand; 0 when there is none */
};

/*
 * Reasons. Promoted: no_champion, not_worse, holdout_too_small (not worse as far as few rows can tell). Refused:
 * no_holdout_rows, below_min_accuracy, same_model, worse_than_champion, worse_than_champion_recently,
 * below_earlier_champions.
 */
/* The numbers of one window; too_small and passed are by max_drop. */
struct gate_window gate_measure(const struct gate_counts *counts, double max_drop);

struct gate_verdict gate_decide(const struct gate_input *input);

#endif
