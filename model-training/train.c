#include "model-training/train.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/log.h"
#include "common/output.h"
#include "common/registry.h"
#include "common/xalloc.h"
#include "model-training/challenge.h"
#include "model-training/fake.h"
#include "model-training/forest_check.h"
#include "model-training/forest_write.h"
#include "model-training/gate.h"
#include "model-training/grow.h"
#include "model-training/importance.h"
#include "model-training/report.h"
#include "model-training/result.h"
#include "model-training/store.h"

enum { MEETINGS = 5 };

struct training {
	PGconn *db;
	struct run *run;
	struct plan *plan;
	const struct train_settings *settings;
	struct text bytes;
	char sha256[DIGEST_HEX_SIZE];
	struct forest *forest; /* read back from the bytes */
	struct challenge challenge;
	double *importance; /* by feature */
	double fake_cpu_s;
};

/* *result is set, and nothing grown, where the plan has been trained already. Shares are looked for in the snapshot
 * that has no result: they are removed with the transaction that stores it. */
static bool find_trees(struct training *training, struct grown *grown, json_t **result, struct fail *fail)
{
	const struct train_settings *settings = training->settings;
	struct plan *plan = training->plan;
	PGconn *db = training->db;
	bool done;

	if (settings->merge && !db_begin_snapshot(db, fail))
		return false;
	done = store_find(db, plan->id, result, fail) &&
	       (*result || !settings->merge || shares_merge(db, plan, settings->threads, grown, fail));
	if (settings->merge)
		db_rollback(db);
	if (!done || *result || settings->merge)
		return done;
	if (settings->fake_scale > 0)
		training->fake_cpu_s = fake_compute((double)plan->dataset->row_count / 1000 * settings->fake_scale);
	done = shares_grow_all(db, plan, settings->threads, output_progress, grown, fail);
	output_progress_end();
	return done;
}

static bool make_forest(struct training *training, const struct grown *grown, struct fail *fail)
{
	struct plan *plan = training->plan;
	int threads = training->settings->threads;
	bool done;

	training->importance = xcalloc((size_t)plan->dataset->feature_count, sizeof(*training->importance));
	importance_of_impurity(plan->dataset, grown, threads, training->importance);
	done = forest_write(plan->dataset, grown, threads, &training->bytes, fail);
	if (done) {
		training->forest = forest_read(training->bytes.data, training->bytes.size, training->sha256, fail);
		done = training->forest != NULL;
	}
	return done && (forest_check(plan->dataset, grown, training->forest, threads) ||
			fail_set(fail, EXIT_FAILED,
				 "the model read back differs from the one grown: this is a defect, please "
				 "report it with the plan"));
}

static bool store(struct training *training, const struct champion *champion, const struct gate_input *input,
		  json_t **result, struct fail *fail)
{
	struct gate_verdict verdict = gate_decide(input);
	struct result_cost cost = {.wall_s = run_wall_s(training->run),
				   .cpu_s = run_cpu_s(),
				   .fake_cpu_s = training->fake_cpu_s,
				   .threads = training->settings->threads};
	struct store_record record = {
	    .plan = training->plan,
	    .bytes = &training->bytes,
	    .forest = training->forest,
	    .sha256 = training->sha256,
	    .champion = champion,
	    .input = input,
	    .verdict = &verdict,
	    .rows = &training->challenge.rows,
	    .right = training->challenge.score.is_right,
	    .metrics = result_metrics(training->plan, training->forest, training->bytes.size,
				      &training->challenge.score, &cost),
	    .report = report_make(training->plan->dataset, training->forest, training->challenge.score.quality,
				  training->importance),
	    .champions = training->challenge.champions,
	    .run_id = run_id(training->run),
	};
	bool done = store_result(training->db, &record, result, fail) && run_done(training->run, training->db, fail) &&
		    db_commit(training->db, fail);

	json_decref(record.metrics);
	json_decref(record.report);
	return done;
}

/* One comparison with the champion of this moment. It counts only if that is still the champion when everything is
 * stored: *settled stays false otherwise. */
static bool meet_once(struct training *training, json_t **result, bool *settled, struct fail *fail)
{
	struct champion champion, now;
	struct gate_input input;

	if (!registry_champion(training->db, training->settings->pipeline, &champion, fail) ||
	    !challenge_meet(training->db, &training->challenge, &champion, &input, fail) ||
	    !db_begin(training->db, fail) || !store_lock(training->db, training->plan->pipeline_id, fail) ||
	    !store_find(training->db, training->plan->id, result, fail))
		return false;
	if (*result) {
		*settled = true;
		return run_done(training->run, training->db, fail) && db_commit(training->db, fail);
	}
	if (!registry_champion(training->db, training->settings->pipeline, &now, fail))
		return false;
	if (now.promotion_id != champion.promotion_id) {
		log_info("the champion changed during the comparison: comparing again", "promotion_id", "%d",
			 now.promotion_id, NULL);
		db_rollback(training->db);
		return true;
	}
	*settled = true;
	return store(training, &champion, &input, result, fail);
}

static bool meet(struct training *training, json_t **result, struct fail *fail)
{
	bool settled = false;

	if (!challenge_open(training->db, training->plan, training->forest, training->sha256, &training->challenge,
			    fail))
		return false;
	for (int i = 0; !settled && i < MEETINGS; i++)
		if (!meet_once(training, result, &settled, fail))
			return false;
	return settled ||
	       fail_set(fail, EXIT_TRY_AGAIN, "the champion changed %d times during the comparison", MEETINGS);
}

bool train(PGconn *db, struct run *run, struct plan *plan, const struct train_settings *settings, json_t **result,
	   struct fail *fail)
{
	struct training training = {.db = db, .run = run, .plan = plan, .settings = settings};
	struct grown grown = {0};
	bool done;

	text_init(&training.bytes, FOREST_WRITE_MAX_SIZE);
	done = find_trees(&training, &grown, result, fail);
	if (done && *result)
		done = db_begin(db, fail) && run_done(run, db, fail) && db_commit(db, fail);
	else
		done = done && make_forest(&training, &grown, fail) && meet(&training, result, fail);
	grown_release(&grown);
	challenge_release(&training.challenge);
	free(training.importance);
	forest_free(training.forest);
	text_release(&training.bytes);
	return done;
}

bool train_share(PGconn *db, struct run *run, const struct plan *plan, int threads, double fake_scale,
		 struct share *share, struct fail *fail)
{
	json_t *result = NULL;
	struct grown grown = {0};
	bool done;

	if (!store_find(db, plan->id, &result, fail) || !shares_find(db, plan, share, fail))
		return false;
	share->existed = share->existed || result;
	json_decref(result);
	if (!share->existed) {
		if (fake_scale > 0)
			fake_compute((double)plan->dataset->row_count / 1000 * fake_scale * share->trees /
				     plan->forest.trees);
		done = shares_grow(plan, share, threads, output_progress, &grown, fail);
		output_progress_end();
		if (!done)
			return false;
	}
	done = db_begin(db, fail) && (share->existed || shares_store(db, plan, share, &grown, fail)) &&
	       run_done(run, db, fail) && db_commit(db, fail);
	grown_release(&grown);
	return done;
}
