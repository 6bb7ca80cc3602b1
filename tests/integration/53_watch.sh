#!/usr/bin/env bash
# scheduler run --watch: wakes for rows and by its timer, survives the database, ends on SIGTERM, costs next to nothing.
. "$(dirname "$0")/lib.sh"

postgres_start
spec=$ROOT/pipeline/specs/insurance.json
green_ml_database watch --pipeline "$spec" >/dev/null
export DATA_ROOT=$TMP GREEN_ML_REGISTER=$BIN/register PIPELINE_SPEC=$spec
load() { # START ROWS
	START_ROW=$1 N_ROWS=$2 as loader "$BIN/data-fetch" --csv "$TMP/rows.csv" >/dev/null 2>&1
	as preprocessor "$BIN/preprocessing" >/dev/null 2>&1
}
decisions() {
	sql "SELECT count(*) FROM green_ml.decision"
}
is_at_least() { # WHAT NUMBER
	[ "$($1)" -ge "$2" ]
}
watching() { # NAME ARGUMENT...
	local name=$1
	shift
	background "$name" as scheduler "$BIN/scheduler" run --watch --carbon list:2026-01-01T00:00:00Z/P3650D:300 --via command \
		--command "PGUSER=green_ml_trainer exec $BIN/model-training --threads 2 >/dev/null" "$@"
}
"$BIN/generate" --rows 40000 --output "$TMP/rows.csv" 2>/dev/null
load 0 8000
as trainer "$BIN/model-training" --threads 2 >/dev/null 2>&1

exits "explain does not watch" 2 as scheduler "$BIN/scheduler" explain --watch --via command --command true
exits "nor does a clock that stands still" 2 as scheduler "$BIN/scheduler" run --watch --now 2026-01-01T00:00:00Z --via command --command true

watching long --settle-s 0.2
ok "it ticks when it starts" wait_for 5 is_at_least decisions 1
sleep 0.5
is "and then no more by itself" "$(decisions)" 1
load 8000 3000
ok "rows that were taken in wake it" wait_for 5 is_at_least decisions 2
is "to look at them" "$(sql "SELECT look, rows_evidence > 2900 FROM green_ml.decision ORDER BY decision_id DESC LIMIT 1")" "1|t"
for start in 11000 12000 13000; do load $start 10; done
wait_for 5 is_at_least decisions 3 || :
sleep 0.8
is "loads that come together are looked at together" "$([ "$(decisions)" -le 5 ] && echo few)" few
as trainer "$BIN/model-training" --threads 2 >/dev/null 2>&1
before=$(decisions)
is "a challenger that is refused does not wake it, a promotion does" "$(wait_for 2 is_at_least decisions $((before + 1)) && echo woken || echo asleep)" \
	"$([ "$(sql 'SELECT count(*) FROM green_ml.promotion')" -gt 1 ] && echo woken || echo asleep)"
kill "$PID"
wait "$PID" && STATUS=0 || STATUS=$?
is "SIGTERM ends it" "$STATUS" 0
is "with every run closed" "$(sql "SELECT count(*) FROM green_ml.run WHERE program = 'scheduler' AND state <> 'done'")" 0

# --- the database goes away and comes back
before=$(decisions)
watching outage --settle-s 0.1 --tick-min 0.02 # 1.2 s
ok "by its timer" wait_for 10 is_at_least decisions $((before + 2))
postgres_stop QUIT
sleep 1
ok "it stays when the database is away" kill -0 "$PID"
postgres_start
before=$(decisions)
ok "and goes on when it is back" wait_for 20 is_at_least decisions $((before + 2))
kill "$PID"
wait "$PID" || :

# --- what a day costs: 96 ticks and one load of 20,000 rows. CPU seconds of the program and of its backend.
before=$(sql "SELECT coalesce(max(run_id), 0) FROM green_ml.run")
watching day --settle-s 0.1 --tick-min 0.001 # 0.06 s
load 14000 20000
wait_for 30 is_at_least decisions $(($(decisions) + 96))
read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ <"/proc/$PID/stat"
kill "$PID"
wait "$PID" || :
ticks=$(sql "SELECT count(*) FROM green_ml.run WHERE program = 'scheduler' AND run_id > $before")
spent=$(sql "SELECT round((sum(cpu_s) + sum(postgres_cpu_s))::numeric, 3) FROM green_ml.run WHERE program = 'scheduler' AND run_id > $before")
echo "# $ticks ticks and a look at 20,000 rows: $spent CPU-s, program and backend; the process used $((user + system)) hundredths"
is "a day of ticks and a load costs less than one CPU second for each 96 ticks" \
	"$(sql "SELECT $spent * 96 / $ticks < 1")" t
plan_done
