/* Which model answers, what a model must have to be served, and that a swap waits for those who still use the old set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/xalloc.h"
#include "model-api/champions.h"

/* A model that model_release() can free. */
static struct model *make_model(const char *pipeline, int promotion_id)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->references = 1;
	model->pipeline = xstrdup(pipeline);
	model->promotion_id = promotion_id;
	return model;
}

/* served and empty: names with a comma between them. */
static struct champions *make_champions(const char *served, const char *empty)
{
	struct champions *champions = champions_new();
	char list[256], *rest = NULL;

	champions->known = true;
	snprintf(list, sizeof(list), "%s", served);
	for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		struct model *model = make_model(name, 1);

		champions_add(champions, model);
		model_release(model);
	}
	snprintf(list, sizeof(list), "%s", empty);
	for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		champions_add_empty(champions, name);
	return champions;
}

static void finds_the_model(void **state UNUSED)
{
	static const struct {
		const char *served, *empty, *name, *preferred, *found;
		int status;
	} cases[] = {
	    {"insurance", "", NULL, NULL, "insurance", 0},
	    {"flights", "", NULL, NULL, "flights", 0},
	    {"flights,insurance", "", NULL, NULL, "insurance", 0},
	    {"flights,insurance", "", "flights", NULL, "flights", 0},
	    {"flights,insurance", "", NULL, "flights", "flights", 0},
	    {"flights,insurance", "", "insurance", "flights", "insurance", 0},
	    {"carrier,flights", "", NULL, NULL, NULL, 400},
	    {"flights", "carrier", NULL, NULL, NULL, 400},
	    /* never another one's answer in place of insurance's */
	    {"flights", "insurance", NULL, NULL, NULL, 503},
	    {"flights", "", NULL, "insurance", NULL, 503},
	    {"", "insurance", NULL, NULL, NULL, 503},
	    {"", "flights", NULL, NULL, NULL, 503},
	    {"", "", NULL, NULL, NULL, 503},
	    {"", "flights", "flights", NULL, NULL, 503},
	    {"flights", "", "nothing", NULL, NULL, 404},
	    {"flights", "", "", NULL, NULL, 404},
	    {"flights", "", "nothing", "insurance", NULL, 404},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct champions *champions = make_champions(cases[i].served, cases[i].empty);
		struct fail fail = {0};
		int status = 0;
		const struct model *model =
		    champions_find(champions, cases[i].name, cases[i].preferred, &status, &fail);

		if (cases[i].found) {
			assert_non_null(model);
			assert_string_equal(model->pipeline, cases[i].found);
		} else {
			assert_null(model);
			assert_int_equal(status, cases[i].status);
			assert_true(fail.code != EXIT_DONE);
		}
		champions_free(champions);
	}
}

static void unknown_registry_is_503(void **state UNUSED)
{
	struct champions *champions = champions_new();
	struct fail fail = {0};
	int status = 0;

	assert_null(champions_find(champions, "flights", NULL, &status, &fail));
	assert_int_equal(status, 503);
	champions_free(champions);
}

/* ------------------------------------------------------------------ swapping */

static atomic_bool entered, published, leave;

static void *use_old_set(void *context)
{
	struct model_table *table = context;
	const struct champions *champions;

	metrics_claim_lane();
	champions = model_table_enter(table);
	atomic_store(&entered, true);
	while (!atomic_load(&leave))
		usleep(1000);
	/* Freed memory here is what the sanitizer would see. */
	assert_string_equal(champions->models[0]->pipeline, "old");
	assert_false(atomic_load(&published));
	model_table_leave(table);
	return NULL;
}

static void *publish_new_set(void *context)
{
	model_table_publish(context, make_champions("new", ""));
	atomic_store(&published, true);
	return NULL;
}

static bool sees(struct model_table *table, const char *pipeline)
{
	bool same = strcmp(model_table_enter(table)->models[0]->pipeline, pipeline) == 0;

	model_table_leave(table);
	return same;
}

static void a_swap_waits_for_the_old_set(void **state UNUSED)
{
	struct model_table *table = model_table_new(2);
	pthread_t user, publisher;

	model_table_publish(table, make_champions("old", ""));
	assert_int_equal(pthread_create(&user, NULL, use_old_set, table), 0);
	while (!atomic_load(&entered))
		usleep(1000);
	assert_int_equal(pthread_create(&publisher, NULL, publish_new_set, table), 0);
	/* Others see the new set while it is still being published. */
	for (int tries = 0; tries < 10000 && !sees(table, "new"); tries++)
		usleep(1000);
	assert_true(sees(table, "new"));
	assert_false(atomic_load(&published));
	atomic_store(&leave, true);
	pthread_join(user, NULL);
	pthread_join(publisher, NULL);
	model_table_free(table);
}

/* ------------------------------------------------------------------ tests of a model */

static char age[] = "age", town[] = "town", berlin[] = "Berlin", label[] = "moves";
static char *towns[] = {berlin};
static int by_text[] = {0};
static int32_t thresholds[] = {17};
static struct forest_feature forest_features[] = {
    {.name = age, .type = COLUMN_INTEGER, .threshold_count = 1, .thresholds = thresholds},
    {.name = town, .type = COLUMN_CATEGORY, .category_count = 1, .categories = towns, .by_text = by_text},
};

static void columns_must_be_the_models(void **state UNUSED)
{
	static const struct {
		const char *columns, *error; /* NULL: fine */
	} cases[] = {
	    {"[{\"name\":\"moves\",\"type\":\"category\"},{\"name\":\"age\",\"type\":\"integer\",\"missing\":[\"-1\","
	     "\"NA\"]},"
	     "{\"name\":\"town\",\"type\":\"category\",\"missing\":[\"\"]}]",
	     NULL},
	    {"[{\"name\":\"moves\",\"type\":\"category\"},{\"name\":\"age\",\"type\":\"integer\"}]",
	     "the model has 2 features, its feature set 1: train it again"},
	    {"[{\"name\":\"stays\",\"type\":\"category\"},{\"name\":\"age\",\"type\":\"integer\"},{\"name\":\"town\","
	     "\"type\":\"category\"}]",
	     "the model predicts \"moves\", its feature set is labelled \"stays\": train it again"},
	    {"[{\"name\":\"moves\",\"type\":\"category\"},{\"name\":\"town\",\"type\":\"category\"},{\"name\":\"age\","
	     "\"type\":\"integer\"}]",
	     "the model's feature \"age\" (integer) stands where its feature set has \"town\" (category): train it "
	     "again"},
	    {"[{\"name\":\"moves\",\"type\":\"category\"},{\"name\":\"age\",\"type\":\"real\"},{\"name\":\"town\","
	     "\"type\":\"category\"}]",
	     "the model's feature \"age\" (integer) stands where its feature set has \"age\" (real): train it again"},
	    {"[{\"name\":\"moves\",\"type\":\"category\"},{\"type\":\"real\"},{\"name\":\"town\",\"type\":\"category\"}"
	     "]",
	     "the feature set holds a column without name or type"},
	    {"{}", "the model has 2 features, its feature set 0: train it again"},
	    {"no json", "the model has 2 features, its feature set 0: train it again"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct model *model = make_model("towns", 1);
		struct fail fail = {0};
		bool good;

		model->forest = xcalloc(1, sizeof(*model->forest));
		*model->forest = (struct forest){.feature_count = 2, .features = forest_features, .label_name = label};
		good = model_take_columns(model, cases[i].columns, &fail);
		assert_int_equal(good, cases[i].error == NULL);
		assert_string_equal(fail.text, cases[i].error ? cases[i].error : "");
		if (good) {
			assert_int_equal(model->features[0].missing_key_count, 1);
			assert_int_equal(model->features[0].missing_keys[0], -1);
			assert_int_equal(model->features[0].column.missing_count, 2);
			assert_int_equal(model->features[1].missing_key_count, 0);
		}
		/* The forest's parts are static: only what the model made may be released. */
		model->forest->features = NULL;
		model->forest->label_name = NULL;
		model_release(model);
	}
}

static void self_test_adds_up_the_shares(void **state UNUSED)
{
	struct forest_node nodes[] = {{.feature = 0, .threshold = 17, .other = 2},
				      {.feature = FOREST_LEAF, .other = 0},
				      {.feature = FOREST_LEAF, .other = 1}};
	uint32_t roots[] = {0, 3}, shares[] = {FOREST_SHARE_ONE, 0, 1, FOREST_SHARE_ONE - 1};
	struct forest forest = {.feature_count = 2,
				.features = forest_features,
				.class_count = 2,
				.tree_count = 1,
				.roots = roots,
				.node_count = 3,
				.nodes = nodes,
				.distribution_count = 2,
				.distributions = shares};
	struct fail fail = {0};

	assert_true(model_self_test(&forest, &fail));
	shares[3]--;
	assert_false(model_self_test(&forest, &fail));
	assert_string_equal(fail.text, "the model fails its self-test: the probabilities of a row do not sum to 1");
}

static void versions(void **state UNUSED)
{
	static const struct {
		const char *name, *version;
		int model_id, status; /* status 0: found */
	} cases[] = {{"towns", NULL, 1, 0},    {"towns", "1", 1, 0},	{"towns", "5", 5, 0},
		     {"towns", "6", 0, 404},   {"towns", "05", 0, 404}, {"cities", "5", 0, 404},
		     {"flights", "3", 0, 503}, {"flights", "9", 9, 0},	{"flights", NULL, 0, 503}};
	struct champions *champions = champions_new();
	struct model *served = make_model("towns", 1), *pinned = make_model("towns", 5),
		     *alone = make_model("flights", 9);

	champions->known = true;
	served->model_id = 1;
	pinned->model_id = 5;
	alone->model_id = 9;
	champions_add(champions, served);
	champions_add_pinned(champions, pinned);
	champions_add_pinned(champions, alone); /* its pipeline has no champion yet */
	champions_add_empty(champions, "flights");
	model_release(served);
	model_release(pinned);
	model_release(alone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fail fail = {0};
		int status = 0;
		const struct model *model =
		    champions_find_version(champions, cases[i].name, cases[i].version, &status, &fail);

		if (cases[i].status) {
			assert_null(model);
			assert_int_equal(status, cases[i].status);
		} else {
			assert_int_equal(model->model_id, cases[i].model_id);
		}
	}
	champions_free(champions);
}

/* One tree that asks about the age; the town has no threshold. */
static struct forest *make_forest(void)
{
	static const struct forest_node nodes[] = {{.feature = 0, .threshold = 17, .other = 2},
						   {.feature = FOREST_LEAF, .other = 0},
						   {.feature = FOREST_LEAF, .other = 1}};
	static const uint32_t shares[] = {FOREST_SHARE_ONE, 0, 1, FOREST_SHARE_ONE - 1};
	struct forest *forest = xcalloc(1, sizeof(*forest));

	*forest = (struct forest){.feature_count = 2, .features = forest_features, .class_count = 2, .tree_count = 1};
	forest->node_count = 3;
	forest->nodes = memcpy(xmalloc(sizeof(nodes)), nodes, sizeof(nodes));
	forest->distribution_count = 2;
	forest->distributions = memcpy(xmalloc(sizeof(shares)), shares, sizeof(shares));
	forest->roots = xcalloc(2, sizeof(*forest->roots));
	forest->roots[1] = 3;
	return forest;
}

static void the_table_answers_in_place_of_the_trees(void **state UNUSED)
{
	static const int32_t keys[] = {17, 0, 18, 0, INT32_MIN, 0, INT32_MAX, 0};
	struct model *model = make_model("towns", 1);
	uint16_t by_trees[4], by_table[4];
	uint64_t scores_of_trees[8], scores_of_table[8];
	struct forest_table *made;
	struct fail fail = {0};

	model->forest = make_forest();
	model_predict(model, keys, 4, by_trees, scores_of_trees);
	made = model_make_table(model, &fail);
	assert_non_null(made);
	assert_null(model_make_table(model, &fail)); /* once is enough */
	assert_int_equal(fail.code, EXIT_DONE);
	model_take_table(model, made);
	model_drop_trees(model);
	assert_null(model->forest->nodes);
	model_predict(model, keys, 4, by_table, scores_of_table);
	assert_memory_equal(by_trees, by_table, sizeof(by_trees));
	assert_memory_equal(scores_of_trees, scores_of_table, sizeof(scores_of_trees));
	assert_int_equal(by_table[0], 0);
	assert_int_equal(by_table[1], 1);
	model_predict(model, keys, 4, by_table, NULL);
	assert_memory_equal(by_trees, by_table, sizeof(by_trees));
	model->forest->features = NULL;
	model_release(model);
}

static void a_model_without_room_in_the_metrics_is_told(void **state UNUSED)
{
	static char yes[] = "yes", no[] = "no";
	char *labels[] = {no, yes};
	struct model_label series[2] = {{.series = 0}, {.series = 1023}};
	struct forest forest = {.class_count = 2, .labels = labels};
	struct model model = {.forest = &forest, .labels = series, .unseen_series = 2, .missing_series = 3};

	assert_true(model_is_counted(&model));
	series[1].series = -1;
	assert_false(model_is_counted(&model));
	series[1].series = 5;
	model.missing_series = -1;
	assert_false(model_is_counted(&model));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_model),
	    cmocka_unit_test(unknown_registry_is_503),
	    cmocka_unit_test(a_swap_waits_for_the_old_set),
	    cmocka_unit_test(a_model_without_room_in_the_metrics_is_told),
	    cmocka_unit_test(columns_must_be_the_models),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(self_test_adds_up_the_shares),
	    cmocka_unit_test(the_table_answers_in_place_of_the_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
