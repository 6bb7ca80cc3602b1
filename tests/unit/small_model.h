#ifndef TESTS_UNIT_SMALL_MODEL_H
#define TESTS_UNIT_SMALL_MODEL_H

/* A model of one tree for tests and fuzz targets: an integer "age" (-1 is missing), a real "weight" and a text "town";
 * "no" (0.75) up to the age of 17, else "yes" (0.875). */

#include <stdlib.h>

#include "common/attr.h"
#include "model-api/model.h"

static char small_age[] = "age", small_weight[] = "weight", small_town[] = "town", small_name[] = "towns",
	    small_berlin[] = "Berlin", small_koeln[] = "K\xc3\xb6ln", small_seven[] = "7", small_empty[] = "",
	    small_na[] = "NA", small_minus[] = "-1", small_no[] = "no", small_yes[] = "yes", small_label[] = "moves";
static char *small_texts[] = {small_berlin, small_koeln, small_seven},
	    *small_missing[] = {small_empty, small_na, small_minus}, *small_labels[] = {small_no, small_yes};
static int small_by_text[] = {2, 0, 1};
static int32_t small_missing_keys[] = {-1}, small_thresholds[] = {17};
static struct forest_feature small_forest_features[] = {
    {.name = small_age, .type = COLUMN_INTEGER, .threshold_count = 1, .thresholds = small_thresholds},
    {.name = small_weight, .type = COLUMN_REAL},
    {.name = small_town,
     .type = COLUMN_CATEGORY,
     .category_count = 3,
     .categories = small_texts,
     .by_text = small_by_text,
     .frequent = 1},
};
static uint32_t small_roots[] = {0, 3}, small_shares[] = {12582912, 4194304, 2097152, 14680064};
static struct forest_node small_nodes[] = {{17, 2, 0, 0}, {0, 0, FOREST_LEAF, 0}, {0, 1, FOREST_LEAF, 0}};
static struct forest small_forest = {.feature_count = 3,
				     .features = small_forest_features,
				     .label_name = small_label,
				     .class_count = 2,
				     .labels = small_labels,
				     .tree_count = 1,
				     .roots = small_roots,
				     .node_count = 3,
				     .nodes = small_nodes,
				     .distribution_count = 2,
				     .distributions = small_shares};
static struct model_feature small_features[] = {
    {{small_age, COLUMN_INTEGER, small_missing, 3}, small_missing_keys, 1},
    {{small_weight, COLUMN_REAL, small_missing, 1}, NULL, 0},
    {{small_town, COLUMN_CATEGORY, small_missing, 2}, NULL, 0},
};
static struct model small_model UNUSED = {.pipeline = small_name,
					  .model_id = 7,
					  .promotion_id = 9,
					  .references = 1,
					  .forest = &small_forest,
					  .features = small_features};

/* Of a group of tests whose answers need the model's words. */
static inline int small_model_setup(void **state UNUSED)
{
	model_make_words(&small_model);
	return 0;
}

static inline int small_model_teardown(void **state UNUSED)
{
	for (int i = 0; i < 2; i++)
		free(small_model.labels[i].quoted);
	free(small_model.labels);
	free(small_model.tail);
	return 0;
}

#endif
