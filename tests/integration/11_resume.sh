#!/usr/bin/env bash
# data-fetch --start-row auto --min-new-rows N: a source that grows is loaded where its finished loads end.
. "$(dirname "$0")/lib.sh"

DATA=$TMP/data
mkdir "$DATA" "$TMP/outputs"
cat >"$TMP/spec.json" <<'JSON'
{"name": "small", "id": "id", "label": {"column": "y", "type": "category"}, "features": [{"column": "a", "type": "integer"}]}
JSON
postgres_start
green_ml_database resume --pipeline "$TMP/spec.json" >"$TMP/migrate.log" 2>&1 || { cat "$TMP/migrate.log"; exit 1; }

fetch() {
	as loader timeout 30 "$BIN/data-fetch" --pipeline "$TMP/spec.json" --data-root "$DATA" "$@"
}
auto() { # ARGUMENT...
	fetch --csv grows.csv --start-row auto "$@"
}
rows() { # FIRST LAST
	awk -v first="$1" -v last="$2" 'BEGIN { for (i = first; i <= last; i++) printf "r%d,%s,%d\n", i, i % 2 ? "yes" : "no", i }'
}
file() { # LAST: the source has grown to that row
	{ echo 'id,y,a' && rows 1 "$1"; } >"$DATA/grows.csv"
}
stored() { sql "SELECT count(*), count(DISTINCT _id), max(_row) FROM green_ml_data.small"; }
loads() { sql "SELECT count(*) FROM green_ml.load"; }
outcome() { jq -c '[.start_row, .rows, .rows_known, .rejected, .rows_waiting, .load_id > 0]' "$OUT" 2>/dev/null || cat "$OUT"; }
reset() { sql "TRUNCATE green_ml_data.small" && sql "UPDATE green_ml.load SET state = 'failed'"; }

# --- from nothing, then what has come
file 100
exits 'a source that nothing was loaded from' 0 auto --json
is 'is loaded from its beginning' "$(outcome)" '[0,100,0,0,0,true]'
exits 'again' 0 env OUTPUT_DIR="$TMP/outputs" PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" --data-root "$DATA" \
	--csv grows.csv --start-row auto
like 'there is nothing to do' "$(cat "$OUT")" '^nothing loaded: 0 new rows behind row 100 of grows.csv, waiting for 1$'
is 'the outputs are there' "$(cd "$TMP/outputs" && head -n 1 load_id rows rows_known rejected | xargs)" \
	'==> load_id <== 0 ==> rows <== 0 ==> rows_known <== 0 ==> rejected <== 0'
is 'no load is made' "$(loads)" 1
is 'the run is done' "$(sql "SELECT state FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" done
file 130
exits 'rows have come, fewer than wanted' 0 auto --min-new-rows 31 --json
is 'they wait' "$(outcome)" '[100,0,0,0,30,false]'
exits 'as many as wanted' 0 env START_ROW=auto MIN_NEW_ROWS=30 PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" \
	--data-root "$DATA" --csv grows.csv --json
is 'they are loaded' "$(outcome)" '[100,30,0,0,0,true]'
is 'once' "$(stored)" '130|130|130'
file 200
exits 'the first ones of them' 0 auto --n-rows 20 --min-new-rows 20 --json
is 'are loaded' "$(outcome)" '[130,20,0,0,0,true]'
exits 'and the others by the next' 0 auto --json
is 'which goes on there' "$(outcome)" '[150,50,0,0,0,true]'
exits 'a number of rows works with a minimum too' 0 fetch --csv grows.csv --start-row 190 --min-new-rows 11 --json
is 'too few' "$(outcome)" '[190,0,0,0,10,false]'

# --- gaps
reset
fetch --csv grows.csv --n-rows 40 >/dev/null 2>&1
fetch --csv grows.csv --start-row 100 --n-rows 50 >/dev/null 2>&1
exits 'a gap' 0 auto --json --n-rows 30
is 'is filled' "$(outcome)" '[40,30,0,0,0,true]'
exits 'to its end and further' 0 auto --json
is 'known rows are known' "$(outcome)" '[70,80,50,0,0,true]'
is 'all are there once' "$(stored)" '200|200|200'
exits 'then' 0 auto --json
is 'everything is covered' "$(outcome)" '[200,0,0,0,0,false]'
reset
fetch --csv grows.csv --start-row 50 --n-rows 50 >/dev/null 2>&1
exits 'without the first rows' 0 auto --json --n-rows 10
is 'the first rows are next' "$(outcome)" '[0,10,0,0,0,true]'
fetch --csv grows.csv --start-row 5 --n-rows 60 >/dev/null 2>&1
exits 'loads that overlap' 0 auto --json
is 'cover what both cover' "$(outcome)" '[100,100,0,0,0,true]'

# --- what covers nothing
reset
printf 'id,y,a\n' >"$DATA/other.csv" && rows 1 30 >>"$DATA/other.csv"
fetch --csv other.csv >/dev/null 2>&1
file 60
sed -i 's/^r50,no,50$/r50,no,many/' "$DATA/grows.csv"
exits 'a load that fails' 3 auto
exits 'covers nothing' 0 auto --n-rows 40 --json
is 'nor does one of another place, whose rows are known' "$(outcome)" '[0,10,30,0,0,true]'
exits 'a reject that is allowed' 0 auto --max-rejects 1 --json
is 'counts as read' "$(outcome)" '[40,19,0,1,0,true]'
exits 'then' 0 auto --json
is 'the next row is behind it' "$(outcome)" '[60,0,0,0,0,false]'
file 64
printf 'r65,yes' >>"$DATA/grows.csv" # somebody is just writing it
exits 'a row that is only half there, among too few' 0 auto --min-new-rows 10 --json
is 'is left alone' "$(outcome)" '[60,0,0,0,5,false]'
exits 'among enough' 3 auto --min-new-rows 5
file 55
exits 'a source that has shrunk' 0 auto --json
is 'gives nothing' "$(outcome)" '[60,0,0,0,0,false]'
like 'and is warned of' "$(cat "$ERR")" 'level=warning.*fewer rows than were loaded.*start_row=60'

# --- two at once, while the source grows
reset
file 8000
auto --min-new-rows 10 --json >"$TMP/one.out" 2>"$TMP/one.err" &
one=$!
auto --min-new-rows 10 --json >"$TMP/two.out" 2>"$TMP/two.err" &
two=$!
ok 'two at once: the first' wait $one
ok 'two at once: the second' wait $two
is 'each row is there once' "$(stored)" '8000|8000|8000'
is 'one of them stored them' "$(cat "$TMP/one.out" "$TMP/two.out" | jq -s 'map(.rows) | add')" 8000
is 'one load is done' "$(sql "SELECT count(*) FROM green_ml.load WHERE state = 'done'")" 1
# The first is held in the middle; the source grows before the second reads it.
file 9000
sql "BEGIN; LOCK TABLE green_ml_data.small IN EXCLUSIVE MODE; SELECT pg_sleep(1)" >/dev/null &
locker=$!
waiting() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'green_ml_loader' AND wait_event_type = 'Lock'")" = "$1" ]; }
locked() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'green_ml_data.small'::regclass")" = 1 ]; }
wait_for 5 locked
auto >"$TMP/one.out" 2>"$TMP/one.err" &
one=$!
wait_for 5 waiting 1
file 9500
auto >"$TMP/two.out" 2>"$TMP/two.err" &
two=$!
wait_for 5 waiting 2
wait $locker
ok 'two at once on a source that grows: the first' wait $one
ok 'two at once on a source that grows: the second' wait $two
is 'each row is there once, the new ones too' "$(stored)" '9500|9500|9500'
exits 'then' 0 auto --json
is 'everything is covered' "$(outcome)" '[9500,0,0,0,0,false]'

# --- over HTTP from a server that knows no ranges, plain and gzipped
reset
file 300
gzip -kf "$DATA/grows.csv"
background http "$BIN/stub-http" --root "$DATA" --log "$TMP/http.log" --seconds 60
wait_for 5 test -s "$TMP/http.out"
URL=http://127.0.0.1:$(cat "$TMP/http.out")
for name in grows.csv grows.csv.gz; do
	reset
	file 300 && gzip -kf "$DATA/grows.csv"
	exits "$name over HTTP" 0 fetch --csv "$URL/$name" --start-row auto --json
	is 'is loaded' "$(outcome)" '[0,300,0,0,0,true]'
	file 333 && gzip -kf "$DATA/grows.csv"
	exits 'grown' 0 fetch --csv "$URL/$name" --start-row auto --min-new-rows 34 --json
	is 'by too little' "$(outcome)" '[300,0,0,0,33,false]'
	exits 'with a lower minimum' 0 fetch --csv "$URL/$name" --start-row auto --min-new-rows 33 --json
	is 'is loaded from there' "$(outcome)" '[300,33,0,0,0,true]'
	is 'each row once' "$(stored)" '333|333|333'
done
unlike 'no range was asked for' "$(cat "$TMP/http.log")" '^Range:'
reset
exits 'a gzipped file' 0 fetch --csv grows.csv.gz --start-row auto --json
is 'is loaded' "$(outcome)" '[0,333,0,0,0,true]'

# --- wrong use
for wrong in soon -1 1.5 4294967296; do
	exits "--start-row $wrong" 2 fetch --csv grows.csv --start-row "$wrong"
	like 'is named' "$(cat "$ERR")" "START_ROW\) is .*$wrong.*expected a whole number from 0 to 2147483647, or auto"
done
exits 'a minimum that the number of rows never reaches' 2 auto --n-rows 10 --min-new-rows 11
like 'is named' "$(cat "$ERR")" 'min-new-rows 11 .*more than the 10 rows'
plan_done
