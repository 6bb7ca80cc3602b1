#ifndef COMMON_REGISTRY_H
#define COMMON_REGISTRY_H

/*
 * Models and feature rows as the database keeps them, for the programs that score: model-training's gate, the
 * scheduler, model-api.
 */

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fail.h"
#include "common/forest.h"

struct champion {
	bool exists; /* false: the pipeline has no promotion; nothing else is set then */
	int promotion_id;
	int model_id;
	int plan_id;
	int feature_set_id;
	char sha256[DIGEST_HEX_SIZE];
	int64_t holdout_n, holdout_k; /* at training time */
	double promoted_at_s;	      /* simulated time where there was one */
};

/* The pipeline's latest promotion. */
bool registry_champion(PGconn *db, const char *pipeline, struct champion *champion, struct fail *fail) MUST_USE;

/* Fetches and reads a model; its bytes are checked against the stored sha256. bytes/size may be NULL; else the caller
 * frees *bytes. */
struct forest *registry_model(PGconn *db, int model_id, unsigned char **bytes, size_t *size,
			      struct fail *fail) MUST_USE;

/* What turns stored feature rows into keys. */
struct feature_set {
	int id;
	char *prep_table; /* quoted, with schema: a view that computes the feature rows from the raw rows */
	char *cell_table; /* their cells (cell_store.h) */
	int feature_count;
	struct feature_column {
		char *name;
		enum column_type type;
		char **texts; /* of a category: by dictionary code */
		int text_count;
	} * features;
	char **labels; /* by dictionary code */
	int label_count;
	bool has_base; /* the cell table holds compacted counts (preprocessing/compact.h) */
};

bool feature_set_load(PGconn *db, int feature_set_id, struct feature_set *set, struct fail *fail) MUST_USE;
void feature_set_release(struct feature_set *set);

/* Feature rows encoded for one forest, in order of load, the training rows of a load before its holdout rows, and those
 * in the order of the file. */
struct feature_rows {
	int64_t count;
	int32_t *keys;	/* row-major, feature_count each */
	int32_t *label; /* class of the forest, -1: a label it does not know */
	int32_t *load_id;
	bool *holdout;
};

/* loads: PostgreSQL array text ("{1,2}"). which: "all", "holdout" or "train". The forest's features are matched to the
 * set's by name; one that is missing there is an error. */
bool feature_rows_read(PGconn *db, const struct feature_set *set, const struct forest *forest, const char *loads,
		       const char *which, struct feature_rows *rows, struct fail *fail) MUST_USE;
/* Those rows whose `known` is 0, with keys and labels only. */
void feature_rows_pick(const struct feature_rows *all, int feature_count, const uint8_t *known,
		       struct feature_rows *rows);
void feature_rows_release(struct feature_rows *rows);

/* The predicted class of each row; scores (count * class_count, as forest_predict's) may be NULL. Equal rows are
 * computed once. */
void feature_rows_predict(const struct feature_rows *rows, const struct forest *forest, uint16_t *classes,
			  uint64_t *scores);

/* right[row] = 1 where the forest predicts the row's label. */
void feature_rows_score(const struct feature_rows *rows, const struct forest *forest, uint8_t *right);

#endif
