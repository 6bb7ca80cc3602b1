#include "model-training/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/output.h"
#include "common/registry.h"
#include "common/xalloc.h"
#include "model-training/auto_leaf.h"
#include "model-training/plan_profile.h"
#include "model-training/plan_rows.h"
#include "model-training/shares.h"

enum { MAX_CONTENT = 1 << 24 };

/* What taking a plan collects in its snapshot. */
struct taking {
	const struct plan_request *request;
	int source_id;
	int feature_set_version;
	int64_t unprepared; /* loads that preprocessing has not taken in yet */
	char *prepared;	    /* "{1,2}" */
	char *chosen;	    /* those of them that train_on allows */
	char *settings;	    /* JSON */
	struct text data;
};

void plan_release(struct plan *plan)
{
	free(plan->known_loads);
	free(plan->loads);
	dataset_free(plan->dataset);
	json_decref(plan->pilot);
	grown_release(&plan->trees);
	*plan = (struct plan){0};
}

struct grow_settings plan_growth(const struct plan *plan, int threads, void (*progress)(int64_t done, int64_t total))
{
	return (struct grow_settings){.trees = plan->forest.trees,
				      .max_features = plan->forest.max_features,
				      .max_depth = plan->forest.max_depth,
				      .min_samples_leaf = plan->forest.min_samples_leaf,
				      .prior_tree = plan->pilot ? auto_leaf_prior_tree(plan->forest.trees) : 0,
				      .sample_fraction = plan->forest.sample_fraction,
				      .seed = plan->forest.seed,
				      .threads = threads,
				      .progress = progress};
}

/* The columns of the spec in the form that green_ml.register_pipeline stores. */
static const char find_sql[] =
    "SELECT p.pipeline_id, p.source_id, f.feature_set_id, f.version, f.holdout_limit = $3::numeric AND f.columns = ("
    "SELECT jsonb_agg(jsonb_build_object('name', c.value ->> 'column', 'type', c.value ->> 'type', "
    "'missing', c.value -> 'missing') ORDER BY c.ordinality) "
    "FROM jsonb_array_elements(jsonb_build_array($2::jsonb -> 'label') || ($2::jsonb -> 'features')) "
    "WITH ORDINALITY AS c) "
    "FROM green_ml.pipeline p JOIN green_ml.current_feature_set f USING (pipeline_id) WHERE p.name = $1";

static bool find_pipeline(PGconn *db, struct taking *taking, struct plan *plan, struct fail *fail)
{
	const struct spec *spec = taking->request->spec;
	PGresult *row = db_queryf(db, fail, "sss", find_sql, spec->name, spec->json, spec->holdout_limit);
	bool known, same;

	if (!row)
		return fail_prefix(fail, "could not look up pipeline \"%s\"", spec->name);
	known = PQntuples(row) == 1;
	same = known && db_bool(row, 0, 4);
	if (known) {
		plan->pipeline_id = (int)db_int(row, 0, 0);
		taking->source_id = (int)db_int(row, 0, 1);
		plan->feature_set_id = (int)db_int(row, 0, 2);
		taking->feature_set_version = (int)db_int(row, 0, 3);
	}
	db_free(row);
	if (!known)
		return fail_set(fail, EXIT_WRONG_USE,
				"pipeline \"%s\" of \"%s\" is not registered: run database/migrate", spec->name,
				spec->file);
	return same ||
	       fail_set(fail, EXIT_WRONG_USE,
			"the columns or the holdout of \"%s\" differ from those registered for pipeline \"%s\": "
			"run database/migrate",
			spec->file, spec->name);
}

static bool find_loads(PGconn *db, struct taking *taking, struct plan *plan, struct fail *fail)
{
	const struct spec *spec = taking->request->spec;
	int64_t newest = spec->train_on == TRAIN_ON_LAST_LOADS ? spec->train_on_count : INT64_MAX;
	PGresult *row = db_queryf(
	    db, fail, "ddl",
	    "WITH known AS (SELECT load_id, EXISTS (SELECT FROM green_ml.preprocessing d WHERE d.feature_set_id = $2 "
	    "AND d.load_id = l.load_id) AS prepared FROM green_ml.load l WHERE source_id = $1 AND state = 'done') "
	    "SELECT coalesce(array_agg(load_id ORDER BY load_id), '{}'), "
	    "coalesce(array_agg(load_id ORDER BY load_id) FILTER (WHERE prepared), '{}'), "
	    "(SELECT coalesce(array_agg(load_id ORDER BY load_id), '{}') FROM (SELECT load_id FROM known WHERE "
	    "prepared "
	    "ORDER BY load_id DESC LIMIT $3) AS newest), count(*) FILTER (WHERE NOT prepared) FROM known",
	    taking->source_id, plan->feature_set_id, newest);

	if (!row)
		return fail_prefix(fail, "could not list the loads of source \"%s\"", spec->source);
	plan->known_loads = xstrdup(db_text(row, 0, 0));
	taking->prepared = xstrdup(db_text(row, 0, 1));
	taking->chosen = xstrdup(db_text(row, 0, 2));
	taking->unprepared = db_int(row, 0, 3);
	db_free(row);
	return true;
}

static struct dataset *build_dataset(const struct spec *spec, const struct feature_set *set,
				     const struct dataset_rows *rows, struct fail *fail)
{
	struct dataset_names names = {
	    .label_name = spec->label.name, .labels = set->labels, .label_count = set->label_count};
	struct dataset *dataset;

	names.features = xcalloc((size_t)set->feature_count, sizeof(*names.features));
	for (int f = 0; f < set->feature_count; f++)
		names.features[f] = (struct dataset_column){.name = set->features[f].name,
							    .type = set->features[f].type,
							    .texts = set->features[f].texts,
							    .text_count = set->features[f].text_count};
	dataset = dataset_build(rows, &names, fail);
	free(names.features);
	return dataset;
}

static bool read_snapshot(PGconn *db, struct taking *taking, struct plan *plan, struct fail *fail)
{
	const struct spec *spec = taking->request->spec;
	struct plan_window window = {.train_on = spec->train_on, .count = spec->train_on_count};
	struct dataset_rows rows = {0};
	struct feature_set set = {0};
	bool done = false;

	if (!db_begin_snapshot(db, fail) || !find_pipeline(db, taking, plan, fail) ||
	    !find_loads(db, taking, plan, fail) || !feature_set_load(db, plan->feature_set_id, &set, fail))
		goto out;
	window.loads = taking->chosen;
	window.all = strcmp(taking->chosen, taking->prepared) == 0;
	dataset_rows_init(&rows, set.feature_count);
	if (!plan_rows_read(db, &set, &window, &rows, &plan->loads, fail) || !db_commit(db, fail))
		goto out;
	plan->dataset = build_dataset(spec, &set, &rows, fail);
	if (!plan->dataset)
		fail_prefix(fail, "pipeline \"%s\"", spec->name);
	done = plan->dataset && dataset_write(plan->dataset, &taking->data, fail);
out:
	db_rollback(db);
	dataset_rows_release(&rows);
	feature_set_release(&set);
	return done;
}

/* The spec's forest, gate and train_on objects, keys sorted. */
static char *make_settings(const struct spec *spec)
{
	json_t *root = json_loads(spec->json, 0, NULL);
	json_t *settings = json_object();
	static const char *const keys[] = {"forest", "gate", "train_on"};
	char *text;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_set(settings, keys[i], json_object_get(root, keys[i]));
	text = json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(settings);
	json_decref(root);
	return text;
}

/* The hash that makes a plan unique: everything that the training depends on. */
static void hash_content(const struct taking *taking, const struct plan *plan, char hex[DIGEST_HEX_SIZE])
{
	unsigned char hash[DIGEST_SIZE];
	char data_hex[DIGEST_HEX_SIZE];
	struct text content;

	digest_bytes(taking->data.data, taking->data.size, hash);
	digest_hex(hash, data_hex);
	text_init(&content, MAX_CONTENT);
	text_printf(&content,
		    "pipeline %s\nfeature-set %d\nknown-loads %s\nloads %s\nsettings %s\nretrain %s\ndata %s\n",
		    taking->request->spec->name, taking->feature_set_version, plan->known_loads, plan->loads,
		    taking->settings, taking->request->retrain_id ? taking->request->retrain_id : "", data_hex);
	digest_bytes(content.data, content.size, hash);
	digest_hex(hash, hex);
	text_release(&content);
}

static bool check_retrain(PGconn *db, const struct taking *taking, const struct plan *plan, struct fail *fail)
{
	PGresult *row;
	bool known;

	if (!taking->request->retrain_id)
		return true;
	row = db_queryf(db, fail, "sd", "SELECT FROM green_ml.retrain WHERE retrain_id = $1::int AND pipeline_id = $2",
			taking->request->retrain_id, plan->pipeline_id);
	known = row && PQntuples(row) == 1;
	db_free(row);
	return known || fail_set(fail, EXIT_WRONG_USE, "pipeline \"%s\" has no retrain %s: see green_ml.retrain",
				 taking->request->spec->name, taking->request->retrain_id);
}

/* plan->id stays 0 where there is none. */
static bool find_existing(PGconn *db, struct plan *plan, const char *content, struct fail *fail)
{
	PGresult *row =
	    db_queryf(db, fail, "ds",
		      "SELECT plan_id, min_samples_leaf, pilot FROM green_ml.training_plan WHERE pipeline_id = $1 AND "
		      "content_sha256 = decode($2, 'hex')",
		      plan->pipeline_id, content);

	if (!row)
		return fail_prefix(fail, "could not look up the plan");
	plan->id = PQntuples(row) == 1 ? (int)db_int(row, 0, 0) : 0;
	if (plan->id) {
		plan->forest.min_samples_leaf = (int)db_int(row, 0, 1);
		shares_set_pilot(plan, db_text(row, 0, 2));
	}
	db_free(row);
	return true;
}

/* min_samples_leaf "auto": the pilot's trees are kept for growing. */
static bool search_leaf(const struct taking *taking, struct plan *plan, struct fail *fail)
{
	struct grow_settings settings = plan_growth(plan, taking->request->threads, output_progress);
	struct auto_leaf found;
	bool done = auto_leaf_search(plan->dataset, &settings, &found, fail);

	output_progress_end();
	if (!done)
		return false;
	plan->forest.min_samples_leaf = found.sizes[found.chosen].min_samples_leaf;
	plan->forest.max_features = found.max_features;
	plan->pilot = auto_leaf_json(&found);
	plan->pilot_trees = found.tree_count;
	plan->trees = found.pilot;
	found.pilot = (struct grown){0};
	auto_leaf_release(&found);
	return true;
}

static bool insert(PGconn *db, const struct taking *taking, const struct plan *plan, const char *content,
		   struct fail *fail)
{
	char *profile = plan_profile(plan->dataset), now[CLOCK_TEXT_SIZE];
	char *pilot = plan->pilot ? json_dumps(plan->pilot, JSON_COMPACT) : NULL;
	bool stored =
	    db_runf(db, fail, "ddsssdlysslsss",
		    "INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, "
		    "min_samples_leaf, seed, data, retrain_id, content_sha256, run_id, simulated_at, profile, pilot) "
		    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, decode($10, 'hex'), $11, $12, $13, $14) "
		    "ON CONFLICT DO NOTHING",
		    plan->pipeline_id, plan->feature_set_id, plan->known_loads, plan->loads, taking->settings,
		    plan->forest.min_samples_leaf, (int64_t)plan->forest.seed, taking->data.data, taking->data.size,
		    taking->request->retrain_id, content, taking->request->run_id,
		    clock_is_simulated() ? clock_format(clock_now_s(), now) : NULL, profile, pilot);

	free(pilot);
	free(profile);
	return stored;
}

/* A plan and its pilot, where that is kept, are there together or not at all. Where another process has stored the same
 * plan meanwhile, its pilot holds the same trees. */
static bool store(PGconn *db, const struct taking *taking, struct plan *plan, struct fail *fail)
{
	char content[DIGEST_HEX_SIZE];

	hash_content(taking, plan, content);
	if (!check_retrain(db, taking, plan, fail) || !find_existing(db, plan, content, fail))
		return false;
	plan->existed = plan->id != 0;
	if (plan->existed)
		return true;
	if (plan->forest.min_samples_leaf == 0 && !search_leaf(taking, plan, fail))
		return fail_prefix(fail, "could not choose min_samples_leaf");
	return (db_begin(db, fail) && insert(db, taking, plan, content, fail) &&
		find_existing(db, plan, content, fail) &&
		(!taking->request->keep_pilot || shares_store_pilot(db, plan, fail)) && db_commit(db, fail)) ||
	       fail_prefix(fail, "could not store the plan");
}

bool plan_take(PGconn *db, const struct plan_request *request, struct plan *plan, struct fail *fail)
{
	struct taking taking = {.request = request};
	bool done;

	*plan = (struct plan){.forest = request->spec->forest, .gate = request->spec->gate};
	text_init(&taking.data, DATASET_MAX_SIZE);
	taking.settings = make_settings(request->spec);
	done = read_snapshot(db, &taking, plan, fail) && store(db, &taking, plan, fail);
	if (taking.unprepared > 0)
		log_warning("loads that preprocessing has not taken in are left out", "loads", "%lld",
			    (long long)taking.unprepared, NULL);
	free(taking.prepared);
	free(taking.chosen);
	free(taking.settings);
	text_release(&taking.data);
	if (!done)
		plan_release(plan);
	return done;
}
