#!/usr/bin/env bash
# Joules and grams: the worked example of docs/CARBON.md, computed from the document and by the database; what a run row holds
# in a control group of its own and in one that is shared; constants and reservations by the environment.
. "$(dirname "$0")/lib.sh"
SPEC=$ROOT/pipeline/specs/insurance.json
DOC=$ROOT/docs/CARBON.md

# --- the document -----------------------------------------------------------------------------------------------------
example() { # STEP COLUMN: 2 the calculation, 3 the result
	awk -F' *\\| *' -v step="$1" -v column="$2" '/^### / { inside = $0 == "### A worked example" }
		inside && $2 == step { print $(column + 1) }' "$DOC"
}
steps=('core-seconds reserved' 'program, J' 'PostgreSQL, J' 'memory, J' 'all, J' 'operational, g' 'embodied, g'
	'SCI, g per retraining' 'SCI, g per 1000 predictions')
for step in "${steps[@]}"; do
	is "docs/CARBON.md: $step" \
		"$(python3 -c 'import sys; print("%.*f" % (len((sys.argv[2] + ".").split(".")[1]), eval(sys.argv[1])))' \
			"$(example "$step" 2)" "$(example "$step" 3)")" "$(example "$step" 3)"
done
number() { # REGEX with one group, in the paragraph before the table
	sed -n '/^### A worked example/,/^|/p' "$DOC" | tr '\n' ' ' | sed -nE "s/.*[^0-9.,]$1.*/\1/p" | tr -d ,
}
cores=$(number '([0-9.]+) core ') memory=$(number '([0-9.]+) MB reserved') wall=$(number '([0-9.]+) s wall')
cpu=$(number '([0-9.]+) CPU seconds,') peak=$(number '([0-9.]+) MB at its peak') postgres=$(number '([0-9.]+) CPU seconds in')
intensity=$(number 'at ([0-9.]+) gCO2') predictions=$(number 'answers ([0-9,]+) predictions')

# --- the database -------------------------------------------------------------------------------------------------------
postgres_start
export GREEN_ML_REGISTER=$BIN/register
green_ml_database accounting --pipeline "$SPEC" >"$TMP/migrate.out"
sql "INSERT INTO green_ml.run (program, pipeline, state, lease_until, started_at, wall_s, cpu_s, postgres_cpu_s, peak_rss_mb,
		requested_cpu, requested_memory_mb, version)
	VALUES ('model-training', 'insurance', 'done', now(), '2026-03-03 10:00Z', $wall, $cpu, $postgres, $peak, $cores, $memory, '');
	INSERT INTO green_ml.decision (pipeline_id, decided_at, simulated, verdict, rule, reasons, policy, reading_gco2_per_kwh,
		inputs, run_id)
	VALUES (1, '2026-03-03 09:45Z', false, 'train', 'small_drop', '{}', 'now', $intensity, '{}', 1),
		(1, '2026-03-03 08:30Z', false, 'wait', 'small_drop', '{}', 'now', 999, '{}', 1),
		(1, '2026-03-03 10:00Z', true, 'wait', 'small_drop', '{}', 'now', 999, '{}', 1);
	INSERT INTO green_ml.api_usage (instance, process_started_at, at, simulated, pipeline, predictions, cpu_s, wall_s, memory_mb)
	VALUES ('a', '2026-03-03 09:00Z', '2026-03-03 10:30Z', false, 'insurance', $predictions, 0, 0, 0)"
shown() { # STEP EXPRESSION: of the first run, with as many digits as the document
	local digits
	digits=$(example "$1" 3)
	digits=${digits#*.}
	is "the views say the same: $1" "$(sql "SELECT round(($2)::numeric, ${#digits}) FROM green_ml.run_cost WHERE run_id = 1")" \
		"$(example "$1" 3)"
}
shown 'all, J' energy_j
shown 'operational, g' operational_g
shown 'embodied, g' embodied_g
is "per 1000 predictions" "$(sql "SELECT round(g_per_1000_predictions::numeric, 6) FROM green_ml.sci WHERE step = 'all'")" \
	"$(example 'SCI, g per 1000 predictions' 3)"
is "methods are beside the numbers" "$(sql "SELECT cpu_method, postgres_method, energy_method FROM green_ml.run_cost")" \
	"getrusage|backend|linear"
sql "INSERT INTO green_ml.run (program, pipeline, state, lease_until, started_at, wall_s, cpu_s, version, node)
	VALUES ('scheduler', 'insurance', 'done', now(), '2026-03-03 13:00Z', 1, 0.02, '', 'n')"
is "no reading within two hours: no grams, and it is said" "$(sql "SELECT operational_g IS NULL, embodied_g > 0, cpu_s, cpu_method,
	postgres_method FROM green_ml.run_cost WHERE run_id = 2")$(sql "SELECT runs_without_reading FROM green_ml.sci
	WHERE step = 'scheduler'")" "t|t|0.37|getrusage + pod|unknown1"
as metrics sql "INSERT INTO green_ml.run_measurement (run_id, pod_cpu_s, postgres_cpu_s, measured_j, source)
	VALUES (2, 0.5, 0.1, 7, 'prometheus+kepler')"
is "what was measured from outside takes its place" "$(sql "SELECT cpu_s, cpu_method, postgres_cpu_s, postgres_method, energy_method,
	round(energy_j::numeric, 3) FROM green_ml.run_cost WHERE run_id = 2")" \
	"0.5|pod (prometheus+kepler)|0.1|apportioned|kepler|7.354"
run as metrics sql "UPDATE green_ml.run_measurement SET pod_cpu_s = 0"
like "for good" "$(cat "$ERR")" 'permission denied|append-only'
is "the constants of the document are those of the table" "$(sql "SELECT string_agg(concat_ws(' ', machine, watt_per_busy_core,
	watt_per_idle_core, pue, embodied_kg, server_cores), ', ' ORDER BY machine) FROM green_ml.energy_model
	WHERE machine IN ('aws', 'default', 'gcp')")" "$(awk -F' *\\| *' '
	$2 ~ /^`(default|aws|gcp)`/ { split($2, name, "`"); print name[2], $3, $4, $5, $6, $7 }' "$DOC" | sort | paste -sd, | sed 's/,/, /g')"

# --- what programs store --------------------------------------------------------------------------------------------------
"$BIN/generate" --rows 3000 --output "$TMP/insurance.csv"
fetch() { # NAME=VALUE... START_ROW
	run as loader env "${@:1:$#-1}" "$BIN/data-fetch" --pipeline "$SPEC" --data-root "$TMP" --csv "$TMP/insurance.csv" --n-rows 500 \
		--start-row "${*: -1}"
}
fetch GREEN_ML_MACHINE=aws GREEN_ML_REQUEST_MILLICPU=250 GREEN_ML_REQUEST_MEMORY_MB=64 0
is "machine and reservation by the environment" "$(sql "SELECT machine, requested_cpu, requested_memory_mb FROM green_ml.run
	WHERE program = 'data-fetch'")" "aws|0.25|64"
is "getrusage is the check" "$(sql "SELECT process_cpu_s > 0 AND cpu_s BETWEEN process_cpu_s - 0.01 AND process_cpu_s * 1.05 + 0.02
	FROM green_ml.run WHERE program = 'data-fetch'")" t
fetch GREEN_ML_MACHINE=nowhere 500
like "an unknown machine is an error" "$STATUS $(cat "$ERR")" '^2 .*GREEN_ML_MACHINE is .*nowhere.*energy_model has no such machine'
fetch GREEN_ML_REQUEST_MILLICPU=much 500
like "so is a reservation that is no number" "$STATUS $(cat "$ERR")" '^2 .*GREEN_ML_REQUEST_MILLICPU is .*much'

# A control group of its own, where this machine lets us make one.
group=
for folder in /sys/fs/cgroup/cpuacct /sys/fs/cgroup; do
	[ -e "$folder/cpuacct.usage" ] || [ -e "$folder/cgroup.controllers" ] || continue
	mkdir "$folder/green-ml-test-$$" 2>/dev/null && group=$folder/green-ml-test-$$ && break
done
if [ -z "$group" ]; then
	skip "a control group of its own" "it cannot be made here"
else
	at_exit rmdir "$group"
	run as loader sh -c 'echo $$ >"$1/cgroup.procs" && shift && "$@"' - "$group" "$BIN/data-fetch" --pipeline "$SPEC" \
		--data-root "$TMP" --csv "$TMP/insurance.csv" --n-rows 500 --start-row 1000
	like "a control group of its own" "$(sql "SELECT cpu_method, cpu_s BETWEEN process_cpu_s * 0.9 - 0.02 AND process_cpu_s * 1.1 + 0.02
		FROM green_ml.run WHERE program = 'data-fetch' ORDER BY run_id DESC LIMIT 1")" '^cgroup-v[12]\|t$'
fi
plan_done
