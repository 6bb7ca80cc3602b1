#!/usr/bin/env bash
# The scheduler as a Deployment that watches (pipeline/components/watch), and a tick by an event from outside
# (pipeline/examples/tick-on-event.yaml): rows come, it looks at once, has a training submitted, follows it to its end, and
# a pod that is taken away in between is nothing.
planned=27
. "$(dirname "$0")/lib.sh"
cluster_begin
green_ml_begin

decisions() {
	sql_there 'SELECT count(*) FROM green_ml.decision'
}
more_decisions_than() { # NUMBER
	[ "$(decisions)" -gt "$1" ]
}
retrain_is() { # STATE...
	local state
	state=$(sql_there 'SELECT state FROM green_ml.retrain ORDER BY retrain_id DESC LIMIT 1')
	[[ " $* " = *" $state "* ]]
}
last() { # COLUMNS of the last decision
	sql_there "SELECT $1 FROM green_ml.decision ORDER BY decision_id DESC LIMIT 1"
}

submit 300 pipeline/full-pipeline.yaml -p n_rows=100000
succeeded 'a model serves'

# --- the component, as an overlay opts in
cp -r pipeline database "$TMP/"
echo 'components: [../../components/watch]' >>"$TMP/pipeline/overlays/local/kustomization.yaml"
kubectl kustomize "$TMP/pipeline/overlays/local" | awk 'BEGIN { RS = "---\n" } /kind: Deployment\n/ && /name: scheduler-watch\n/' >"$TMP/watch.yaml"
like 'the overlay with components/watch renders its Deployment' "$(cat "$TMP/watch.yaml")" 'image: localhost/green-ml/scheduler:|image: green-ml/scheduler:'
# Readings that need no provider, and one pipeline only.
sed -i "s|value: /etc/green-ml/specs\$|value: /etc/green-ml/specs/insurance.json|" "$TMP/watch.yaml"
ok 'it is applied' kube apply --server-side -f "$TMP/watch.yaml"
ok 'with readings of its own' kube set env deployment/scheduler-watch "CARBON_PROVIDER=list:$(today)/P1D:200,200" SETTLE_S=1 TICK_MIN=15
ok 'it becomes ready' kube rollout status deployment/scheduler-watch --timeout=90s
ok 'it ticks when it starts' wait_for 40 more_decisions_than 0
is 'and finds nothing new' "$(last 'verdict, rule')" 'skip|not_enough_evidence'

# --- rows
before=$(decisions)
submit 180 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=100000
succeeded 'rows come'
ok 'it looks at them at once' wait_for 30 more_decisions_than "$before"
is 'for the first time' "$(last look)" 1
before=$(decisions)
submit 180 pipeline/data-fetch-pipeline.yaml -p n_rows=20000 -p start_row=220000
succeeded 'rows of later weeks, which have drifted'
# A quick one may have ended before argo has noticed that the fetch has.
ok 'have a training submitted' wait_for 60 retrain_is accepted succeeded
name=$(trainings)
is 'one' "$(wc -w <<<"$name")" 1
is 'as the decision says' "$(sql_there "SELECT workflow FROM green_ml.decision WHERE verdict = 'train' ORDER BY decision_id DESC LIMIT 1")" "$name"

# --- its pod is taken away while the training runs
pod=$(kube get pods -l app.kubernetes.io/name=scheduler-watch -o 'jsonpath={.items[0].metadata.name}')
began=$SECONDS
ok 'the pod ends when it is asked to' kube delete pod "$pod" --wait
is 'within seconds' "$([ $((SECONDS - began)) -lt 20 ] && echo yes || echo $((SECONDS - began)))" yes
ok 'another one takes over' kube rollout status deployment/scheduler-watch --timeout=90s
ok 'the training ends' wait_for 240 finished "$name"
ok 'and it is followed to its end' wait_for 60 retrain_is succeeded
is 'nothing was submitted twice' "$(trainings)" "$name"
is 'no run was lost' "$(sql_there "SELECT count(*) FROM green_ml.run_state WHERE program = 'scheduler' AND state NOT IN ('done', 'running')")" 0
explain "CPU seconds of its ticks: $(sql_there "SELECT count(*), round(sum(cpu_s)::numeric, 3) FROM green_ml.run WHERE program = 'scheduler'")"

# --- an event from outside
ok 'the example of an event is accepted' kube apply --server-side -f pipeline/examples/tick-on-event.yaml
scheduler_account
TOKEN=$(kube create token green-ml-event)
printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" >"$TMP/curl"
like 'rows that somebody tells of' "$(argo_api "/events/$NAMESPACE/rows" '{"pipeline": "insurance"}')" ' 200 ?$'
ticked() {
	[ -n "$(kube get workflows -l workflows.argoproj.io/workflow-event-binding=tick-on-rows -o 'jsonpath={.items[?(@.status.phase=="Succeeded")].metadata.name}')" ]
}
ok 'are a tick' wait_for 90 ticked
plan_done
