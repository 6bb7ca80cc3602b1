#ifndef COMMON_PROFILE_H
#define COMMON_PROFILE_H

/*
 * What the inputs of a training looked like: per feature at most DRIFT_MAX_BINS bins of its values and the training
 * rows in each, as training_plan.profile keeps it; and how far other rows are from that (common/drift.h).
 *
 *	struct profile *profile = profile_read(json, &fail);		NULL: it is none
 *	profile_measure(profile, forest, &rows);			fills the drift of each feature
 *	... profile->features[i].drift ...
 *	profile_free(profile);
 *
 * JSON: [{"column": "a", "from": [k0, k1, ...], "rows": [r0, r1, ...]}, {"column": "b", "keys": [k0, ...], "rows": [r0,
 * ..., rest]}, ...]. With "from" bin i holds the keys (common/forest.h) from from[i] to below from[i + 1]; what is
 * below from[0] counts to bin 0. With "keys", of a category, bin i holds one key, and where there is one more "rows",
 * the last bin holds all other keys.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/drift.h"
#include "common/fail.h"
#include "common/forest.h"
#include "common/registry.h"

struct profile_feature {
	char *column;
	bool ordered;
	int key_count, bin_count;
	int32_t keys[DRIFT_MAX_BINS];
	int64_t rows[DRIFT_MAX_BINS];
	struct drift drift; /* of profile_measure() */
};

struct profile {
	int feature_count;
	struct profile_feature *features;
};

struct profile *profile_read(const char *json, struct fail *fail) MUST_USE;
void profile_free(struct profile *profile); /* NULL is fine */

int profile_bin(const struct profile_feature *feature, int32_t key);

/* The rows are the forest's; features of the profile that it does not have stay at 0. */
void profile_measure(struct profile *profile, const struct forest *forest, const struct feature_rows *rows);

#endif
