#!/usr/bin/env bash
# Each step of a pipeline loses its pod once, then its process, and the result is what an undisturbed run by hand makes of
# the same rows, byte for byte. So does a tick of the scheduler, and so do trees that several pods grow. About five minutes.
planned=36
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin
SPEC=pipeline/specs/insurance.json

# --- a step in the middle of its work ---------------------------------------------------------------------------------
# Holds a table, so that the step which needs it waits for as long as it takes to hit it.
hold() { # TABLE
	sql_there "BEGIN; LOCK TABLE $1 IN EXCLUSIVE MODE; SELECT pg_sleep(300) /* holds $1 */" >/dev/null 2>&1 &
	wait_for 20 holds "$1"
}
holds() { # TABLE
	[ "$(sql_there "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* holds $1 */' AND wait_event = 'PgSleep'")" = 1 ]
}
release() { # TABLE
	sql_there "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%/* holds $1 */' AND wait_event = 'PgSleep'" >/dev/null
}
waits() { # ROLE: one of its sessions is stopped by what is held
	[ "$(sql_there "SELECT count(*) FROM pg_stat_activity WHERE usename = 'green_ml_$1' AND wait_event_type = 'Lock'")" -gt 0 ]
}
pod_of() { # STEP [PHASE]: its pod in the workflow
	kube get pods -l "workflows.argoproj.io/workflow=$WORKFLOW" ${2:+--field-selector "status.phase=$2"} -o name | grep -m 1 -- "-$1-"
}
processes() { # PATTERN: of the whole command line, in a pod
	local pid
	for pid in $(pgrep -f "$1"); do
		! grep -q kubepods "/proc/$pid/cgroup" 2>/dev/null || echo "$pid"
	done | grep .
}
declare -A PATTERN=([data-fetch]='^/usr/local/bin/data-fetch( |$)' [preprocessing]='^/usr/local/bin/preprocessing( |$)'
	[model-training]='^/usr/local/bin/model-training( |$)' [scheduler]='^/usr/local/bin/scheduler run'
	[verify]='^/usr/local/bin/model-api verify' [deploy]='^argoexec resource apply|/argoexec resource apply')

# The two ways to hit a step; each says in $TMP/hit whom it has hit.
lose_pod() { # STEP
	local pod uid
	pod=$(pod_of "$1" Running) && uid=$(kube get "$pod" -o 'jsonpath={.metadata.uid}') &&
		kube delete "$pod" --force --grace-period=0 >/dev/null 2>&1 && echo "$1" >>"$TMP/hit" && echo "$uid" >>"$TMP/lost"
}
kill_process() { # STEP
	local pids
	# shellcheck disable=SC2086
	pids=$(processes "${PATTERN[$1]}") && kill -9 $pids && echo "$1" >>"$TMP/hit"
}

# Submits a whole pipeline and hits each of its steps. The first time a deployment waits until model-api has started, and
# verify waits for a model-api that is stopped.
hit_all() { # HOW START_ROW
	local entry step table role before='' api
	: >"$TMP/hit"
	: >"$TMP/lost"
	kube delete deployment model-api --ignore-not-found >/dev/null
	hold green_ml_data.insurance
	WORKFLOW=$(argo submit -o name pipeline/full-pipeline.yaml -p n_rows=20000 -p start_row="$2" | tail -n 1)
	for entry in data-fetch:green_ml_data.insurance:loader preprocessing:green_ml_data.insurance_cell:preprocessor \
		model-training:green_ml.training_plan:trainer; do
		IFS=: read -r step table role <<<"$entry"
		holds "$table" || hold "$table"
		[ -z "$before" ] || release "$before"
		wait_for 100 waits "$role" && wait_for 10 "$1" "$step"
		before=$table
	done
	release "$before"
	wait_for 100 "$1" deploy
	wait_for 100 pod_of verify
	api=$(processes '^/usr/local/bin/model-api$') && kill -STOP "$api"
	wait_for 60 "$1" verify
	[ -z "$api" ] || kill -CONT "$api"
	wait_for 200 finished "$WORKFLOW"
}
nodes() { # STEP: how many attempts failed, how many went well
	kube get workflow "$WORKFLOW" -o json | jq -r --arg step "$1" '
		[.status.nodes[] | select(.type == "Pod" and (.displayName | startswith($step + "("))) | .phase == "Succeeded"]
		| "\(map(select(not)) | length) \(map(select(.)) | length)"'
}
# A process that was killed is a failed attempt. A lost pod is one too, or Argo makes it anew under its old name.
tried_again() { # HOW STEP
	local pods
	if [ "$1" = kill_process ]; then
		[[ $(nodes "$2") == [1-9]*' 1' ]]
	else
		pods=$(kube get pods -l "workflows.argoproj.io/workflow=$WORKFLOW" -o 'jsonpath={.items[*].metadata.uid}')
		[[ $(nodes "$2") == *' 1' ]] && ! grep -qF -f "$TMP/lost" <<<"$pods"
	fi
}

# --- what it must come to: the same rows by hand, on this machine -----------------------------------------------------
postgres_start
export DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register
green_ml_database hand --pipeline "$SPEC" >/dev/null
mapfile -t arguments < <(sed -n 's/^ *args: \[\(--rows.*\), --output.*/\1/p' pipeline/overlays/local/data-source.yaml | sed 's/, /\n/g; s/"//g')
"$BIN/generate" "${arguments[@]}" --output "$TMP/rows.csv" 2>/dev/null
by_hand() { # START_ROW
	as loader "$BIN/data-fetch" --pipeline "$SPEC" --csv rows.csv --start-row "$1" --n-rows 20000 &&
		as preprocessor "$BIN/preprocessing" --pipeline "$SPEC" && as trainer "$BIN/model-training" --pipeline "$SPEC"
}
came_to="SELECT (SELECT count(*) FROM green_ml_data.insurance), (SELECT count(DISTINCT _id) FROM green_ml_data.insurance),
	(SELECT sum(_rows) FROM green_ml_data.insurance_cell), (SELECT count(DISTINCT (_load_id, _row)) FROM green_ml_data.insurance_prep),
	(SELECT count(*) FROM green_ml.load WHERE state = 'done'), (SELECT count(*) FROM green_ml.model), (SELECT count(*) FROM green_ml.promotion),
	(SELECT encode(sha256, 'hex') || ' ' || holdout_k || ' of ' || holdout_n FROM green_ml.model ORDER BY model_id DESC LIMIT 1)"

start_row=0
for how in lose_pod kill_process; do
	hit_all "$how" "$start_row"
	is "$how: each step is hit once" "$(tr '\n' ' ' <"$TMP/hit")" 'data-fetch preprocessing model-training deploy verify '
	succeeded "$how: the pipeline ends well"
	for step in data-fetch preprocessing model-training deploy verify; do
		ok "$how: $step was tried again" tried_again "$how" "$step"
	done
	ok 'the same rows by hand' by_hand "$start_row"
	is "$how: the same rows, loads, model, accuracy" "$(sql_there "$came_to")" "$(sql "$came_to")"
	is "$how: it is served" "$(served)" "$(sql_there 'SELECT max(promotion_id) FROM green_ml.promotion')"
	start_row=$((start_row + 20000))
done

# --- a tick of the scheduler ------------------------------------------------------------------------------------------
argo cron create pipeline/scheduler-cron.yaml >/dev/null
argo cron suspend scheduler >/dev/null
submit 150 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=220000
succeeded 'rows that have drifted'
: >"$TMP/hit"
hold green_ml.decision
tick "$TMP/tick" &
ticking=$!
tick_is_there() {
	WORKFLOW=$(name_in "$TMP/tick")
	[ -n "$WORKFLOW" ]
}
wait_for 20 tick_is_there
tick_is_there
wait_for 60 waits scheduler && wait_for 10 lose_pod scheduler
killed_too() {
	waits scheduler && kill_process scheduler
}
wait_for 100 killed_too
release green_ml.decision
wait "$ticking" || :
is 'the scheduler loses its pod, then its process' "$(tr '\n' ' ' <"$TMP/hit")" 'scheduler scheduler '
succeeded 'the tick ends well'
is 'one decision' "$(sql_there 'SELECT count(*), min(verdict) FROM green_ml.decision')" '1|train'
WORKFLOW=$(trainings)
is 'one need, one training' "$(sql_there "SELECT count(*), min(workflow) FROM green_ml.retrain")" "1|$WORKFLOW"
wait_for 120 finished "$WORKFLOW"
succeeded 'which ends well'
ok 'the same rows by hand' by_hand 220000
is 'and comes to the same model' "$(sql_there "$came_to")" "$(sql "$came_to")"

# --- trees that are grown by several pods -----------------------------------------------------------------------------
submit 150 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=260000
succeeded 'more rows'
submit 250 --from workflowtemplate/train-sharded -p shards=3
succeeded 'a training on three pods'
is 'each grew its share' "$(kube get workflow "$WORKFLOW" -o json |
	jq -r '[.status.nodes[] | select(.type == "Pod" and .phase == "Succeeded" and (.displayName | startswith("share("))) | .displayName[:7]] | sort | join(" ")')" \
	'share(0 share(1 share(2'
ok 'the same rows by hand, in one process' by_hand 260000
is 'come to the same model' "$(sql_there "$came_to")" "$(sql "$came_to")"
plan_done
