#ifndef COMMON_SPEC_H
#define COMMON_SPEC_H

/*
 * The pipeline spec: one JSON file per pipeline (pipeline/specs, docs in pipeline/specs/README.md). Everything that is
 * not in the file has its default here. Unknown keys, duplicates, wrong types and bad names are one error with file
 * and JSON path, EXIT_WRONG_USE.
 *
 *	struct spec spec;
 *	if (!spec_load("pipeline/specs/insurance.json", NULL, &spec, &fail)) ...
 *	spec_release(&spec);
 *
 * `as` (--as, PIPELINE_NAME) runs the spec under another name; the source stays the file's own, so that both share the
 * raw rows.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/fail.h"
#include "common/split.h"

enum column_type { COLUMN_INTEGER, COLUMN_REAL, COLUMN_CATEGORY };
enum { SPEC_MAX_FEATURES = 1000, SPEC_MAX_NAME = 31, SPEC_MAX_COLUMN_NAME = 63 };

const char *column_type_name(enum column_type type); /* "integer", "real", "category" */

struct spec_column {
	char *name;
	enum column_type type;
	char **missing; /* texts that mean "no value"; the spec's list unless the column has its own */
	int missing_count;
};

enum spec_train_on { TRAIN_ON_ALL, TRAIN_ON_LAST_ROWS, TRAIN_ON_LAST_LOADS };

enum { SPEC_AUTO = -1 };

struct spec_forest {
	int trees;		/* 100 */
	int max_features;	/* 0: "sqrt", floor(sqrt(features)), at least 1; SPEC_AUTO: "auto" */
	int max_depth;		/* 0: no limit */
	int min_samples_leaf;	/* in bootstrap draws; 0: "auto" */
	double sample_fraction; /* of the training rows: draws of a tree; 1 */
	uint64_t seed;
};

struct spec_gate {
	double max_accuracy_drop; /* 0.01 */
	double min_accuracy;	  /* 0 */
	int64_t recent_rows;	  /* 20000 */
};

struct spec_retrain {
	double low_accuracy_decrease; /* 0.01 */
	double max_accuracy_decrease; /* 0.05 */
	int64_t min_rows;	      /* 1000 */
	int64_t min_new_rows;	      /* 1000 */
	int64_t recent_rows;	      /* 20000 */
	double finish_within_h;	      /* 168 */
	bool feedback;		      /* false: complete feedback samples are told, and may open no need */
	double drift_psi;	      /* NAN: the same of moved inputs; else beyond which psi they may */
	double min_saving;	      /* 0: share of the grams that waiting must be expected to save */
	char *policy;		      /* "forecast" */
	double carbon_intensity_threshold_gco2_per_kwh; /* 400 */
	char *zone;					/* "DE" */
	char *signal_provider;				/* "energy-charts" */
	char *signal_kind;				/* "average" or "marginal" */
	char *signal_factors;				/* "lifecycle" or "direct" */
};

struct spec {
	char *file;
	char *name;
	char *source;
	char *id;
	struct spec_column label;
	struct spec_column *features;
	int feature_count;
	char holdout[SPLIT_LIMIT_SIZE]; /* as written, for messages */
	char holdout_limit[SPLIT_LIMIT_SIZE];
	enum spec_train_on train_on;
	int64_t train_on_count;
	struct spec_forest forest;
	struct spec_gate gate;
	struct spec_retrain retrain;
	char *json; /* the whole spec, defaults filled in, keys sorted: what the database stores */
};

/* as may be NULL. On error spec holds nothing to release. */
bool spec_load(const char *file, const char *as, struct spec *spec, struct fail *fail) MUST_USE;
/* The same from memory; file is only for messages. */
bool spec_parse(const char *file, const char *json, size_t size, const char *as, struct spec *spec,
		struct fail *fail) MUST_USE;
void spec_release(struct spec *spec);

/* A file, or every *.json of a directory in name order; two specs of one name are an error. The caller frees *specs
 * with spec_free_all(). */
bool spec_load_all(const char *path, const char *as, struct spec **specs, int *count, struct fail *fail) MUST_USE;
void spec_free_all(struct spec *specs, int count); /* NULL with 0 is fine */

/* True when the text is one of the column's missing markers. */
bool spec_is_missing(const struct spec_column *column, const char *text, size_t size);

#endif
