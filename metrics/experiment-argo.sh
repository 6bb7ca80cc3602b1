# shellcheck shell=bash
# The road "argo" of metrics/experiment, which sources this. The cluster holds Argo and pipeline/overlays/local; this runs as root
# on its only node, because short pods are counted there (metrics/watch-pods), and starts a Prometheus of its own
# (metrics/prometheus/host). What a user types is typed here: argo submit, with a simulated clock.
#
# Every run begins with an empty database. Weekly and scheduler are two pipelines on one source.

kube() {
	timeout 300 kubectl --request-timeout=60s "$@"
}
database() { # psql's arguments; as the superuser
	kube exec -i my-database-cluster-0 -- psql -U postgres -d app -v ON_ERROR_STOP=1 -XAtq "$@"
}

experiment_start() {
	local program i
	for program in kubectl argo jq prometheus promtool psql; do
		command -v "$program" >/dev/null || wrong "$program is not in the PATH; the cluster's: eval \"\$(tests/cluster/cluster env)\""
	done
	[ -z "$carbon" ] || wrong '--carbon is for --on local'
	kube get statefulset my-database-cluster >/dev/null || wrong 'the cluster does not hold pipeline/overlays/local: run pipeline/local'
	work=$(mktemp -d)
	trap experiment_stop EXIT
	children=()
	metrics/prometheus/host "$work/prometheus" 9099 1s >"$work/prometheus.log" 2>&1 &
	children+=($!)
	for ((i = 0; i < 60; i++)); do
		curl -sf -m 2 -o /dev/null http://127.0.0.1:9099/-/ready && break
		sleep 1
	done
	[ "$i" -lt 60 ] || { cat "$work/prometheus.log" >&2 && return 1; }
	argo cron create pipeline/scheduler-cron.yaml >/dev/null 2>&1 || :
	argo cron suspend scheduler >/dev/null # ticks are submitted from it, at simulated times
	set_default train-and-deploy fake_computation true # the scheduler submits without this parameter
	rm -f "$output/pods-argo.csv"
}

# Anew for every run: pods of a retraining are named after its number, which begins at 1 again.
watch_pods() {
	if [ -n "${children[1]:-}" ]; then
		kill "${children[1]}"
		wait "${children[1]}" || :
	fi
	rm -f "$work/counted"
	metrics/watch-pods "$work/counted" green-ml >"$work/watch.log" 2>&1 &
	children[1]=$!
}

experiment_stop() {
	[ "${#children[@]}" = 0 ] || kill "${children[@]}" 2>/dev/null || :
	wait 2>/dev/null || :
	set_default train-and-deploy fake_computation false || :
	rm -rf "$work"
}

set_default() { # TEMPLATE PARAMETER VALUE
	local index
	index=$(kube get workflowtemplate "$1" -o json |
		jq --arg name "$2" '.spec.arguments.parameters | map(.name == $name) | index(true)')
	kube patch workflowtemplate "$1" --type json \
		-p "[{\"op\":\"replace\",\"path\":\"/spec/arguments/parameters/$index/value\",\"value\":\"$3\"}]" >/dev/null
}

# Two specs on the source "insurance"; that of "weekly" has limits that no drop reaches, so its ticks only watch.
put_specs() {
	mkdir -p "$work/specs"
	jq '.name = "insurance-scheduler" | .source = "insurance"' pipeline/specs/insurance.json >"$work/specs/insurance-scheduler.json"
	jq '.name = "insurance-weekly" | .source = "insurance"
		| .retrain += {low_accuracy_decrease: 0.99, max_accuracy_decrease: 1}' pipeline/specs/insurance.json >"$work/specs/insurance-weekly.json"
	kube create configmap pipeline-specs --from-file="$work/specs" --dry-run=client -o yaml |
		kube apply --server-side --force-conflicts -f - >/dev/null
}

empty_database() {
	local owner
	kube delete deployment model-api --ignore-not-found >/dev/null
	kube delete workflows --all >/dev/null # retrainings are counted from 1 again, and their workflows are named after the count
	owner=$(database -c "SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = 'app'")
	kube exec -i my-database-cluster-0 -- psql -U postgres -d postgres -XAtq -v ON_ERROR_STOP=1 \
		-c 'DROP DATABASE app WITH (FORCE)' -c "CREATE DATABASE app OWNER $owner"
	kubectl kustomize pipeline/overlays/local | awk 'BEGIN { RS = "---\n"; ORS = "---\n" } /kind: Job\n/ && /name: green-ml-migrate\n/' >"$work/job.yaml"
	kube delete job green-ml-migrate --ignore-not-found >/dev/null
	kube apply --server-side -f "$work/job.yaml" >/dev/null
	kube wait --for=condition=complete job/green-ml-migrate --timeout=120s >/dev/null
}

submit() { # ARGUMENT...: and waits; what argo says goes into the log
	timeout 900 argo submit --wait "$@" >"$work/argo.log" 2>&1 || {
		cat "$work/argo.log" >&2
		return 1
	}
}

# One that fails is repeated, as the cron's next one would do what it left undone; both are charged.
tick() { # PIPELINE PRESET TIME
	local arguments=(--from cronwf/scheduler -p "specs=/etc/green-ml/specs/$1.json" -p "preset=$2" -p "now=$3"
		-p "carbon=list:$WEEKS_FIRST_TIME/P7D:$WEEKS_INTENSITIES")
	submit "${arguments[@]}" || { echo "experiment: a tick failed, the next one follows" >&2 && submit "${arguments[@]}"; }
}

# Until what the tick submitted has ended.
follow_training() {
	local name
	for name in $(kube get workflows -o name | grep train-and-deploy-insurance-scheduler || :); do
		timeout 900 argo wait "${name#*/}" >/dev/null 2>&1
	done
}

experiment_run() { # FAKE_SCALE REPEAT
	local week now background i
	kube patch configmap green-ml-settings --type merge -p "{\"data\":{\"FAKE_COMPUTATION_SCALE\":\"$1\"}}" >/dev/null
	set_default train-and-deploy fake_computation "$(awk -v scale="$1" 'BEGIN { print (scale > 0 ? "true" : "false") }')"
	put_specs
	empty_database
	watch_pods
	for ((week = 1; week <= WEEKS; week++)); do
		now=$(weeks_time "$week")
		echo "experiment: week $week" >&2
		submit pipeline/data-fetch-pipeline.yaml -p pipeline=insurance-scheduler -p "n_rows=$(weeks_rows "$week")" \
			-p "start_row=$(weeks_start "$week")" -p "now=$now"
		[ "$week" = 1 ] || tick insurance-weekly none "$now"
		timeout 900 argo submit --wait pipeline/train-and-deploy-pipeline.yaml -p pipeline=insurance-weekly -p "now=$now" \
			-p "fake_computation=$(awk -v scale="$1" 'BEGIN { print (scale > 0 ? "true" : "false") }')" >"$work/weekly.log" 2>&1 &
		background=$!
		tick insurance-scheduler seed "$now"
		follow_training
		wait "$background" || { cat "$work/weekly.log" >&2 && return 1; }
	done
	# Ticks that find nothing new, for what the others of a week's 672 cost.
	for i in 1 2 3; do
		tick insurance-scheduler seed "$(date -u -d "$now + $((15 * i)) minutes" +%Y-%m-%dT%H:%M:%SZ)"
	done
	sleep 12 # the last scrapes, and the last look of watch-pods at the names
	measure "$1" "$2"
	weeks_csv=$work/weeks.csv
	database --csv -P tuples_only=off -f - <metrics/weeks.sql >"$weeks_csv"
}

# What was counted inside and outside of every pod, into pods-argo.csv.
measure() { # FAKE_SCALE REPEAT
	local host password
	host=$(kube get service my-database-cluster-rw -o 'jsonpath={.spec.clusterIP}')
	password=$(kube get secret green-ml-metrics -o 'jsonpath={.data.password}' | base64 -d)
	[ -e "$output/pods-argo.csv" ] ||
		echo 'fake_scale,repeat,run_id,program,workflow,pod,cpu_s,prometheus_main_cpu_s,prometheus_pod_cpu_s,cgroup_pod_cpu_s,postgres_cpu_s' >"$output/pods-argo.csv"
	PGHOST=$host PGUSER=green_ml_metrics PGDATABASE=app PGPASSWORD=$password metrics/measure-pods \
		--prometheus http://127.0.0.1:9099 --cgroups "$work/counted" | tr '\t' ',' | sed "s/^/$1,$2,/" >>"$output/pods-argo.csv"
	# Pods of the pipeline that run none of our programs with a row in the database.
	awk -F '[\t,]' -v run="$1,$2" 'NR == FNR { seen[$6]; next }
		!($1 in seen) && match($1, /-(deploy|verify|notify)-[0-9]+$/) {
			step = substr($1, RSTART + 1); sub(/-.*/, "", step)
			print run ",," step "," substr($1, 1, RSTART - 1) "," $1 ",,,," $2 ","
		}' "$output/pods-argo.csv" "$work/counted" >"$work/more"
	cat "$work/more" >>"$output/pods-argo.csv"
}

# How far the two agree, over steps of more than ten CPU seconds; and what a pod of Argo costs beside its program.
experiment_more() {
	echo
	awk -F, '
	NR == 1 { next }
	$3 == "" { others[$1]++; others_cpu[$1] += $10; next }
	$10 != "" && $7 != "" { more[$6] += $10 - $7; sum += $10 - $7 } # a pod may hold several runs
	$7 + 0 > 10 && $8 != "" {
		difference = 100 * ($8 / $7 - 1)
		steps++; ours += $7; theirs += $8
		if (difference ^ 2 > worst ^ 2) worst = difference
	}
	$7 + 0 > 10 && $8 == "" { missed++ }
	END {
		printf "CPU seconds by container_cpu_usage_seconds_total against ours, %d steps of more than 10 s: %.2f against %.2f (%+.2f %%), the farthest %+.2f %%%s.\n",
			steps, theirs, ours, ours ? 100 * (theirs / ours - 1) : 0, worst, missed ? "; " missed " were not seen" : ""
		for (pod in more) pods++
		if (pods) printf "A pod of Argo took %.3f CPU-s beside its program, the mean of %d (init and wait container, executor).\n", sum / pods, pods
		for (fake in others) printf "Not in the sums: the pods of deploy, verify and notify, %.2f CPU-s in %d pods (fake computation %s).\n",
			others_cpu[fake], others[fake], fake
	}' "$output/pods-argo.csv"
}
