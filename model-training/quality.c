#include "model-training/quality.h"

#include <math.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/forest.h"
#include "common/xalloc.h"
#include "model-training/score.h"

#define LEAST_PROBABILITY 1e-15

struct tally {
	int64_t rows, predicted, right;
};

struct bin {
	int64_t rows, right;
	double confidence; /* sum of the largest probabilities */
};

struct quality {
	int class_count;
	int64_t rows, right;
	double log_loss, brier;
	struct tally *classes; /* and one more, for unknown labels */
	int64_t *confusion;    /* NULL: too many classes */
	struct bin bins[QUALITY_BINS];
};

struct quality *quality_new(int class_count)
{
	struct quality *quality = xcalloc(1, sizeof(*quality));
	size_t classes = (size_t)class_count;

	quality->class_count = class_count;
	quality->classes = xcalloc(classes + 1, sizeof(*quality->classes));
	if (class_count <= QUALITY_MATRIX_CLASSES)
		quality->confusion = xcalloc(classes * classes, sizeof(*quality->confusion));
	return quality;
}

void quality_free(struct quality *quality)
{
	if (!quality)
		return;
	free(quality->classes);
	free(quality->confusion);
	free(quality);
}

static void add_bin(struct quality *quality, double confidence, bool is_right)
{
	int at = (int)ceil(confidence * QUALITY_BINS) - 1; /* a bin holds its upper end */
	struct bin *bin = &quality->bins[at < 0 ? 0 : at >= QUALITY_BINS ? QUALITY_BINS - 1 : at];

	bin->rows++;
	bin->right += is_right;
	bin->confidence += confidence;
}

void quality_add(struct quality *quality, int label, int predicted, const uint64_t *scores, int trees)
{
	double scale = 1.0 / ((double)trees * FOREST_SHARE_ONE), brier = label < 0, p;

	for (int k = 0; k < quality->class_count; k++) {
		double off = (double)scores[k] * scale - (k == label);

		brier += off * off;
	}
	p = label < 0 ? 0 : (double)scores[label] * scale;
	quality->log_loss -= log(p > LEAST_PROBABILITY ? p : LEAST_PROBABILITY);
	quality->brier += brier;
	quality->rows++;
	quality->right += label == predicted;
	quality->classes[label < 0 ? quality->class_count : label].rows++;
	quality->classes[predicted].predicted++;
	quality->classes[predicted].right += label == predicted;
	if (quality->confusion && label >= 0)
		quality->confusion[label * quality->class_count + predicted]++;
	add_bin(quality, (double)scores[predicted] * scale, label == predicted);
}

/* ------------------------------------------------------------------ summary */

static double ratio(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

static double calibration_error(const struct quality *quality)
{
	double error = 0;

	for (int i = 0; i < QUALITY_BINS; i++)
		error += fabs((double)quality->bins[i].right - quality->bins[i].confidence);
	return error / (double)quality->rows;
}

static json_t *classes_json(const struct quality *quality, char *const *labels)
{
	json_t *list = json_array();

	for (int k = 0; k < quality->class_count; k++) {
		const struct tally *tally = &quality->classes[k];

		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "label", labels[k], "rows",
						      (json_int_t)tally->rows, "predicted",
						      (json_int_t)tally->predicted, "right", (json_int_t)tally->right,
						      "precision", ratio(tally->right, tally->predicted), "recall",
						      ratio(tally->right, tally->rows), "f1",
						      ratio(2 * tally->right, tally->rows + tally->predicted)));
	}
	return list;
}

static json_t *confusion_json(const struct quality *quality)
{
	json_t *matrix = json_array();

	for (int i = 0; i < quality->class_count; i++) {
		json_t *row = json_array();

		for (int j = 0; j < quality->class_count; j++)
			json_array_append_new(row, json_integer(quality->confusion[i * quality->class_count + j]));
		json_array_append_new(matrix, row);
	}
	return matrix;
}

/* Means over the classes, that of unknown labels among them. */
static void average(const struct quality *quality, struct quality_summary *summary)
{
	int occur = 0, seen = 0;

	for (int k = 0; k <= quality->class_count; k++) {
		const struct tally *tally = &quality->classes[k];

		if (tally->rows > quality->classes[summary->majority_class].rows)
			summary->majority_class = k;
		occur += tally->rows > 0;
		seen += tally->rows + tally->predicted > 0;
		summary->balanced_accuracy += ratio(tally->right, tally->rows);
		summary->macro_f1 += ratio(2 * tally->right, tally->rows + tally->predicted);
	}
	summary->balanced_accuracy /= occur;
	summary->macro_f1 /= seen;
	summary->majority_share = ratio(quality->classes[summary->majority_class].rows, quality->rows);
}

void quality_sum_up(const struct quality *quality, struct quality_summary *summary)
{
	*summary = (struct quality_summary){.rows = quality->rows, .right = quality->right};
	if (quality->rows == 0)
		return;
	summary->accuracy = ratio(quality->right, quality->rows);
	summary->log_loss = quality->log_loss / (double)quality->rows;
	summary->brier = quality->brier / (double)quality->rows;
	summary->ece = calibration_error(quality);
	summary->unknown_labels = quality->classes[quality->class_count].rows;
	score_wilson(quality->right, quality->rows, &summary->accuracy_low, &summary->accuracy_high);
	average(quality, summary);
}

json_t *quality_json(const struct quality *quality, char *const *labels)
{
	struct quality_summary sum;
	json_t *json;

	quality_sum_up(quality, &sum);
	json = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s?, s:f, s:I, s:o}", "rows",
			 (json_int_t)sum.rows, "accuracy", sum.accuracy, "accuracy_low", sum.accuracy_low,
			 "accuracy_high", sum.accuracy_high, "balanced_accuracy", sum.balanced_accuracy, "macro_f1",
			 sum.macro_f1, "log_loss", sum.log_loss, "brier", sum.brier, "ece", sum.ece, "majority_label",
			 sum.majority_class < quality->class_count ? labels[sum.majority_class] : NULL,
			 "majority_share", sum.majority_share, "unknown_labels", (json_int_t)sum.unknown_labels,
			 "classes", classes_json(quality, labels));
	if (quality->confusion)
		json_object_set_new(json, "confusion", confusion_json(quality));
	return json;
}
