#include <stdio.h>
#include <string.h>

#include "model-training/report.h"
#include "model-training/result.h"

static double real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static long long whole(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "-";
}

static void print_quality(const json_t *quality)
{
	const json_t *class;
	size_t i;

	printf("\non %lld holdout rows\n", whole(quality, "rows"));
	printf("  accuracy           %.4f (95 %%: %.4f to %.4f)\n", real(quality, "accuracy"),
	       real(quality, "accuracy_low"), real(quality, "accuracy_high"));
	printf("  always \"%s\"%*s %.4f\n", text(quality, "majority_label"),
	       (int)(9 - (int)strlen(text(quality, "majority_label")) > 0
			 ? 9 - (int)strlen(text(quality, "majority_label"))
			 : 0),
	       "", real(quality, "majority_share"));
	printf("  balanced accuracy  %.4f\n  macro F1           %.4f\n  log loss           %.4f\n"
	       "  Brier score        %.4f\n  calibration error  %.4f\n",
	       real(quality, "balanced_accuracy"), real(quality, "macro_f1"), real(quality, "log_loss"),
	       real(quality, "brier"), real(quality, "ece"));
	if (whole(quality, "unknown_labels") > 0)
		printf("  labels not known   %lld rows\n", whole(quality, "unknown_labels"));
	printf("\n  %-20s %10s %10s %9s %9s %9s\n", "class", "rows", "predicted", "precision", "recall", "F1");
	json_array_foreach(json_object_get(quality, "classes"), i, class)
	    printf("  %-20s %10lld %10lld %9.4f %9.4f %9.4f\n", text(class, "label"), whole(class, "rows"),
		   whole(class, "predicted"), real(class, "precision"), real(class, "recall"), real(class, "f1"));
}

static void print_confusion(const json_t *quality)
{
	const json_t *classes = json_object_get(quality, "classes"), *row, *cell;
	size_t i, j;

	if (!json_object_get(quality, "confusion"))
		return;
	printf("\nconfusion: true class down, predicted class across\n  %-20s", "");
	json_array_foreach(classes, i, row) printf(" %9.9s", text(row, "label"));
	json_array_foreach(json_object_get(quality, "confusion"), i, row)
	{
		printf("\n  %-20s", text(json_array_get(classes, i), "label"));
		json_array_foreach(row, j, cell) printf(" %9lld", (long long)json_integer_value(cell));
	}
	printf("\n");
}

static void print_features(const json_t *found)
{
	const json_t *tried;
	size_t i;

	json_array_foreach(json_object_get(found, "features"), i, tried)
	    printf("  %s%lld columns a node with leaves of %lld: Brier %.4f +- %.4f%s\n",
		   i ? "" : "max_features \"auto\": ", whole(tried, "max_features"), whole(tried, "min_samples_leaf"),
		   real(tried, "brier"), real(tried, "standard_error"),
		   whole(tried, "max_features") == whole(found, "max_features") ? "  taken" : "");
}

static void print_auto(const json_t *found)
{
	const json_t *size;
	size_t i;

	printf("\nmin_samples_leaf \"auto\": out of bag with the first %lld trees on %lld rows\n"
	       "  %6s %10s %9s %9s %9s %9s\n",
	       whole(found, "trees"), whole(found, "rows"), "leaf", "nodes", "Brier", "+-", "log loss", "accuracy");
	json_array_foreach(json_object_get(found, "sizes"), i, size)
	{
		printf("  %6lld %10lld %9.4f %9.4f %9.4f %9.4f%s", whole(size, "min_samples_leaf"),
		       whole(size, "nodes"), real(size, "brier"), real(size, "standard_error"), real(size, "log_loss"),
		       real(size, "accuracy"),
		       whole(size, "min_samples_leaf") == whole(found, "min_samples_leaf") ? "  taken" : "");
		if (json_object_get(size, "trees") && whole(size, "trees") < whole(found, "trees"))
			printf("  given up after %lld trees", whole(size, "trees"));
		printf("\n");
	}
	print_features(found);
}

static void print_importance(const json_t *report)
{
	const json_t *permutation = json_object_get(report, "permutation"), *oob = json_object_get(report, "oob"), *row;
	size_t i;

	if (oob)
		printf("\nout of bag, all trees, %lld rows: accuracy %.4f, log loss %.4f, Brier score %.4f\n",
		       whole(oob, "rows"), real(oob, "accuracy"), real(oob, "log_loss"), real(oob, "brier"));
	printf("\nimportance of features\n  %-32s %9s%s\n", "column", "impurity",
	       permutation ? "  accuracy lost  log loss gained (its values shuffled, out of bag)" : "");
	json_array_foreach(json_object_get(report, "importance"), i, row)
	{
		const json_t *lost = json_array_get(permutation, i);

		printf("  %-32s %9.4f", text(row, "column"), real(row, "impurity"));
		if (lost)
			printf("  %13.4f  %15.4f", real(lost, "accuracy_drop"), real(lost, "log_loss_rise"));
		printf("\n");
	}
}

static void print_gate(const json_t *gate)
{
	const json_t *all = json_object_get(gate, "all");

	printf("\ngate: %s (%s)\n", json_is_true(json_object_get(gate, "promoted")) ? "promoted" : "refused",
	       text(gate, "reason"));
	if (all)
		printf("  against model %lld on %lld rows: %lld right only before, %lld only now; loss %.4f, upper end "
		       "%.4f, McNemar's p %.3g\n",
		       whole(gate, "champion_model_id"), whole(all, "n"), whole(all, "b"), whole(all, "c"),
		       real(all, "loss"), real(all, "upper"), real(all, "mcnemar_p"));
}

static void print_drift(const json_t *drift)
{
	const json_t *feature;
	size_t i;

	if (!json_is_object(drift)) {
		printf("\ninputs: no row has come since the plan\n");
		return;
	}
	printf("\ninputs of %lld rows that came since (loads %s) against the training rows\n  %-32s %8s %8s %8s\n",
	       whole(drift, "rows"), text(drift, "loads"), "column", "PSI", "noise", "JS");
	json_array_foreach(json_object_get(drift, "features"), i, feature)
	    printf("  %-32s %8.4f %8.4f %8.4f  %s\n", text(feature, "column"), real(feature, "psi"),
		   real(feature, "psi_noise"), real(feature, "js"),
		   strcmp(text(feature, "level"), "none") == 0 ? "" : text(feature, "level"));
}

bool report_print(const json_t *report, bool as_json, struct fail *fail)
{
	if (as_json)
		return result_print_json(report, fail);
	printf("model %lld (%.12s) of plan %lld: %lld trees, min_samples_leaf %lld, %lld nodes, from %lld rows\n",
	       whole(report, "model_id"), text(report, "sha256"), whole(report, "plan_id"), whole(report, "trees"),
	       whole(report, "min_samples_leaf"), whole(report, "nodes"), whole(report, "rows_train"));
	if (json_object_get(report, "quality")) {
		print_quality(json_object_get(report, "quality"));
		print_confusion(json_object_get(report, "quality"));
		print_importance(report);
	} else {
		printf("accuracy %.4f on %lld holdout rows; the model is older than reports\n",
		       real(report, "accuracy"), whole(report, "rows_holdout"));
	}
	if (json_object_get(report, "auto"))
		print_auto(json_object_get(report, "auto"));
	if (json_is_object(json_object_get(report, "gate")))
		print_gate(json_object_get(report, "gate"));
	if (json_object_get(report, "drift"))
		print_drift(json_object_get(report, "drift"));
	return result_end_output(fail);
}
