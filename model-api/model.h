#ifndef MODEL_API_MODEL_H
#define MODEL_API_MODEL_H

/*
 * One model that is served, as it was loaded from the registry and tested; model-api/champions.h keeps the set of them.
 */

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fail.h"
#include "common/forest.h"
#include "common/forest_table.h"
#include "common/spec.h"
#include "model-api/metrics.h"

/* What the feature set says of a feature, beyond the forest: which values mean "no value". */
struct model_feature {
	struct spec_column column;
	int32_t *missing_keys; /* the markers that are numbers, of integer and real features */
	int missing_key_count;
};

/* A class as answers and metrics have it. */
struct model_label {
	char *quoted; /* a JSON string */
	size_t quoted_size;
	int series;
};

struct model {
	char *pipeline;
	int promotion_id; /* 0: pinned */
	int model_id;
	int pipeline_id;
	char sha256[DIGEST_HEX_SIZE];
	double promoted_at_s; /* NaN: it is pinned, not promoted */
	double trained_at_s;
	int64_t holdout_n, holdout_k; /* accuracy at training time = k / n */
	double loaded_at_s;
	struct forest *forest;
	_Atomic(struct forest_table *) table; /* answers in place of the trees, once it is made */
	bool tried_table;		      /* of the loading thread */
	struct model_feature *features;	      /* in the forest's order */
	struct model_label *labels;	      /* per class */
	char *tail;			      /* how an answer of POST /predict ends */
	size_t tail_size;
	bool integer_labels; /* every label is the decimal text of an integer */
	int unseen_series, missing_series;
	int references; /* of the loading thread */
};

/* Where a model stands in the registry. */
struct model_address {
	const char *pipeline;
	int pipeline_id;
	int promotion_id; /* 0: pinned */
	int model_id;
	int feature_set_id;
	const char *sha256;
	double promoted_at_s; /* NaN: pinned */
	double trained_at_s;
	int64_t holdout_n, holdout_k;
};

/* A model as the registry, or a copy of it, holds it. */
struct model_parts {
	struct forest *forest; /* read from the bytes; model_build() takes it */
	unsigned char *bytes;  /* NULL: they were not kept */
	size_t size;
	char *columns; /* of its feature set, JSON */
	char *smoke;   /* common/smoke.h; NULL: the model is older than that */
};

/* False with EXIT_TRY_AGAIN where the database is at fault, else the model is. Released in any case. */
bool model_fetch(PGconn *db, const struct model_address *address, bool keep_bytes, struct model_parts *parts,
		 struct fail *fail) MUST_USE;
void model_parts_release(struct model_parts *parts);

/* Makes a model of its parts and tests it: checksum, features and label as its feature set names them, smoke rows, sane
 * answers. NULL on error. The caller owns one reference. */
struct model *model_build(struct model_parts *parts, const struct model_address *address, struct metrics *metrics,
			  struct fail *fail) MUST_USE;
/* False: the metrics had no room left for all of its series, and some of its predictions are not counted. */
bool model_is_counted(const struct model *model);
void model_release(struct model *model); /* gives one reference back; NULL is fine */

/* Position of a column by its name, -1: there is none. */
int model_feature(const struct model *model, const char *name);

/* As forest_predict_rows(), by the table where there is one. */
void model_predict(const struct model *model, const int32_t *keys, size_t rows, uint16_t *classes, uint64_t *scores);

/* The exact look-up table in place of the trees, where it takes no more memory: slower to make than a model is to load,
 * so a model is published without and gets it afterwards, from the loading thread:
 *
 *	struct forest_table *made = model_make_table(model, &fail);	NULL: none, or (fail) it does not agree
 *	model_take_table(model, made);				requests that come from now on use it
 *	model_table_wait(table);				until none of those before are left
 *	model_drop_trees(model);
 */
struct forest_table *model_make_table(struct model *model, struct fail *fail) MUST_USE;
void model_take_table(struct model *model, struct forest_table *table);
void model_drop_trees(struct model *model);

/* The tests of model_build() that need no database; columns is feature_set.columns: [{"name","type","missing"}, ...],
 * the label first. Fills model->features. */
bool model_take_columns(struct model *model, const char *columns, struct fail *fail) MUST_USE;
/* What answers are made of: labels and tail. */
void model_make_words(struct model *model);
bool model_self_test(const struct forest *forest, struct fail *fail) MUST_USE;

#endif
