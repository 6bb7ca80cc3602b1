#!/usr/bin/env bash
# data-fetch: what is loaded, what is refused, and that each row is there exactly once whatever happens.
. "$(dirname "$0")/lib.sh"

export GREEN_ML_REGISTER=$BIN/register
DATA=$TMP/data
mkdir "$DATA"
cat >"$TMP/spec.json" <<'JSON'
{"name": "small", "id": "id", "label": {"column": "y", "type": "category"},
 "features": [{"column": "a", "type": "integer"}, {"column": "b", "type": "real"}, {"column": "c", "type": "category"}]}
JSON
# A second pipeline on the same rows: column a must suit both.
cat >"$TMP/other.json" <<'JSON'
{"name": "other", "source": "small", "id": "id", "label": {"column": "c", "type": "category"},
 "features": [{"column": "a", "type": "real", "missing": ["-", ""]}]}
JSON

postgres_start
green_ml_database fetch --pipeline "$TMP/spec.json" >"$TMP/migrate.log" 2>&1 || { cat "$TMP/migrate.log"; exit 1; }

fetch() {
	as loader timeout 30 "$BIN/data-fetch" --pipeline "$TMP/spec.json" --data-root "$DATA" "$@"
}
rows() { # FIRST LAST: rows of the table, columns in another order than the raw table's and one more
	awk -v first="$1" -v last="$2" 'BEGIN {
		print "c,id,extra,b,a,y"
		for (i = first; i <= last; i++) printf "k%d,r%d,x,%.2f,%d,%s\n", i % 3, i, i / 4, i * 7 - 20, i % 2 ? "yes" : "no"
	}'
}
stored() { sql "SELECT count(*) FROM green_ml_data.small"; }
state() { sql "SELECT state, rows, rows_known, rejected FROM green_ml.load ORDER BY load_id DESC LIMIT 1"; }
reset() { sql "TRUNCATE green_ml_data.small" && sql "UPDATE green_ml.load SET state = 'failed'"; }
json() { as loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" --data-root "$DATA" --json "$@"; }

# --- the command line
exits "--help" 0 "$BIN/data-fetch" --help
like "--help names the settings" "$(cat "$OUT")" 'START_ROW'
exits "--version" 0 "$BIN/data-fetch" --version
exits "an unknown option is wrong use" 2 "$BIN/data-fetch" --nonsense
exits "without a pipeline" 2 "$BIN/data-fetch" --csv x.csv
exits "without a CSV" 2 fetch
exits "N_ROWS must be a number" 2 env N_ROWS=many "$BIN/data-fetch" --pipeline "$TMP/spec.json" --csv x.csv
like "and the message names it" "$(cat "$ERR")" 'N_ROWS.*many'

# --- a file
rows 1 100 >"$DATA/a.csv"
mkdir "$TMP/outputs"
exits "a file is loaded" 0 env OUTPUT_DIR="$TMP/outputs" PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" \
	--data-root "$DATA" --csv a.csv --n-rows 40
first_load=$(cat "$TMP/outputs/load_id")
is "the result is said" "$(cat "$OUT")" "load $first_load: 40 rows, 0 known, 0 rejected from a.csv"
is "outputs" "$(cd "$TMP/outputs" && head -n 1 rows rows_known rejected | xargs)" "==> rows <== 40 ==> rows_known <== 0 ==> rejected <== 0"
is "rows keep their numbers, ids and texts" \
	"$(sql "SELECT _row, _id, y, a, b, c FROM green_ml_data.small WHERE _row IN (1, 3, 40) ORDER BY _row")" \
	$'1|r1|yes|-13|0.25|k1\n3|r3|yes|1|0.75|k0\n40|r40|no|260|10.00|k1'
is "the load row is done" "$(sql "SELECT location, start_row, n_rows, state, rows, rows_known, rejected, length(sha256),
	finished_at IS NOT NULL, simulated_at FROM green_ml.load")" "a.csv|0|40|done|40|0|0|32|t|"
is "the run is done and has its cost" "$(sql "SELECT program, pipeline, state, cpu_s > 0 FROM green_ml.run")" \
	"data-fetch|small|done|t"

# --- again
exits "the same again" 0 fetch --csv a.csv --n-rows 40 --json
is "is known as that load" "$(jq -c '[.load_id, .repeat, .rows, .rows_known, .rejected]' "$OUT" 2>/dev/null || cat "$OUT")" \
	"[$first_load,true,0,40,0]"
is "makes no load" "$(sql "SELECT count(*) FROM green_ml.load")" 1
is "but a run" "$(sql "SELECT count(*) FROM green_ml.run WHERE state = 'done'")" 2
exits "the absolute path is the same place" 0 fetch --csv "$DATA/a.csv" --n-rows 40
like "and says so" "$(cat "$OUT")" "^already loaded as load $first_load: 0 rows, 40 known, 0 rejected from a.csv$"
exits "an overlapping window" 0 fetch --csv a.csv --start-row 30 --n-rows 20
like "stores what is new" "$(cat "$OUT")" ': 10 rows, 10 known, 0 rejected'
exits "the next window" 0 env N_ROWS=30 START_ROW=50 PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" \
	--data-root "$DATA" --csv a.csv
like "takes the settings' old names" "$(cat "$OUT")" ': 30 rows, 0 known'
is "START_ROW skips data rows" "$(sql "SELECT min(_row), max(_row) FROM green_ml_data.small
	WHERE _load_id = (SELECT max(load_id) FROM green_ml.load)")" "51|80"
exits "to the end" 0 fetch --csv a.csv
like "the rest" "$(cat "$OUT")" ': 20 rows, 80 known'
exits "a window behind the end is empty" 0 fetch --csv a.csv --start-row 1000
like "and warned of" "$(cat "$ERR")" 'level=warning.*no rows'
exits "an empty window again is a repeat too" 0 fetch --csv a.csv --start-row 1000
like "though nothing clashes" "$(cat "$OUT")" '^already loaded'
exits "a simulated clock" 0 fetch --csv a.csv --start-row 1001 --now 2023-11-14T09:00:00Z
is "is stored" "$(sql "SELECT simulated_at AT TIME ZONE 'UTC' FROM green_ml.load ORDER BY load_id DESC LIMIT 1")" "2023-11-14 09:00:00"

# --- the file grew, the file changed
rows 1 120 >"$DATA/a.csv"
exits "a file that grew" 0 fetch --csv a.csv
like "is no repeat" "$(cat "$OUT")" '^load.*: 20 rows, 100 known'
sed -i 's/,r5,x,1.25,/,r5,x,9.75,/; s/,r7,x,1.75,29,/,r7,x,1.75,30,/' "$DATA/a.csv"
exits "known ids with other content" 0 fetch --csv a.csv
like "are rejects" "$(cat "$OUT")" ': 0 rows, 118 known, 2 rejected'
like "are warned of" "$(cat "$ERR")" 'level=warning.*conflicts=2 first_line=6'
is "the stored rows stand" "$(sql "SELECT _id, a, b FROM green_ml_data.small WHERE _id IN ('r5', 'r7') ORDER BY 1")" \
	$'r5|15|1.25\nr7|29|1.75'
is "line and column are stored, the content is not" "$(sql "SELECT line, reason, content FROM green_ml.rejected_row ORDER BY 1")" \
	"6|the id is known from load $first_load, row 5, with another value in column \"b\"|
8|the id is known from load $first_load, row 7, with another value in column \"a\"|"
is "rejects were not counted against --max-rejects" "$(state)" "done|0|118|2"

# --- ids twice in one file
reset
printf 'id,y,a,b,c\n1,x,1,1,k\n2,x,2,2,k\n1,x,1,1,k\n2,x,2,2,other\n3,x,3,3,k\n' >"$DATA/twice.csv"
exits "an id twice in one file" 0 fetch --csv twice.csv --keep-rejects
like "equal: known, other content: reject, the first stands" "$(cat "$OUT")" ': 3 rows, 1 known, 1 rejected'
is "its content is kept when asked for" "$(sql "SELECT line, content FROM green_ml.rejected_row ORDER BY load_id DESC, line LIMIT 1")" \
	"5|2,x,2,2,other"

# --- every way to write a CSV
reset
printf '\xef\xbb\xbfid,"y",a,b,c\r\n"1","a, b",1,1e3,"say ""hi"""\r\n2,"two\nlines",-5,.5,back\\slash\ttab\r\n3,,NA,,\xc3\xa9' >"$DATA/odd.csv"
exits "quotes, CRLF, BOM, line ends in quotes, no final line end" 0 fetch --csv odd.csv
is "come out as they are" "$(sql "SELECT json_agg(s ORDER BY _row) FROM (SELECT _row, _id, y, a, b, c FROM green_ml_data.small) s")" \
	'[{"_row":1,"_id":"1","y":"a, b","a":"1","b":"1e3","c":"say \"hi\""}, 
 {"_row":2,"_id":"2","y":"two\nlines","a":"-5","b":".5","c":"back\\slash\ttab"}, 
 {"_row":3,"_id":"3","y":"","a":"NA","b":"","c":"é"}]'
printf 'id,y,a,b,c\n1,x,1,1,k\n2,\\N,2,2,\\.\n3,x,3,3,k\n' >"$DATA/copy.csv"
reset
exits "texts that mean something to COPY" 0 fetch --csv copy.csv
is "are only texts" "$(sql "SELECT y, c FROM green_ml_data.small WHERE _id = '2'")" '\N|\.'

# --- rejects
reset
refused() { # DESC CSV-TEXT PATTERN: exit 3, nothing stored, the reason stored
	printf "$2" >"$DATA/bad.csv"
	exits "$1" 3 fetch --csv bad.csv
	like "$1: said" "$(cat "$ERR")" "$3"
	is "$1: nothing stored" "$(stored)" 0
}
good='1,x,1,1,k\n'
refused "57 of 58 fields" "id,y,a,b,c$(printf ',x%d' {1..53})\n1$(printf ',1%.0s' {1..57})\n2$(printf ',1%.0s' {1..56})\n" \
	'1 of 2 rows cannot be read.*line 3: expected 58 fields, found 57'
is "the load row stays as failed" "$(state)" "failed|||1"
is "its rejects stay" "$(sql "SELECT line, reason, content FROM green_ml.rejected_row ORDER BY load_id DESC LIMIT 1")" \
	"3|expected 58 fields, found 57|"
is "the run has failed" "$(sql "SELECT state FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" failed
refused "text in a number column" "id,y,a,b,c\n${good}2,x,many,2,k\n" 'line 3: column ."a.": expected a whole number'
refused "a number out of range" "id,y,a,b,c\n${good}2,x,2147483648,2,k\n" 'line 3: column ."a.": expected a whole number'
refused "a real out of range" "id,y,a,b,c\n${good}2,x,1,1e39,k\n" 'line 3: column ."b.": expected a number within'
refused "infinity is no number" "id,y,a,b,c\n${good}2,x,1,inf,k\n" 'column ."b.": expected a number'
refused "an empty id" "id,y,a,b,c\n${good},x,2,2,k\n" 'line 3: column ."id.": expected an id of 1 to 1024 bytes'
refused "an id that no index takes" "id,y,a,b,c\n${good}$(printf 'i%.0s' {1..1025}),x,2,2,k\n" 'expected an id of 1 to 1024'
refused "a category that no index takes" "id,y,a,b,c\n${good}2,x,2,2,$(printf 'i%.0s' {1..1025})\n" 'column ."c.": expected a text'
refused "a byte that is no UTF-8" "id,y,a,b,c\n${good}2,x,2,2,\xff\n" 'line 3: bytes that are not UTF-8'
refused "a NUL" "id,y,a,b,c\n${good}2,x,2,2,k\\0\n" 'line 3: a NUL byte'
refused "an open quote" "id,y,a,b,c\n${good}2,x,2,2,\"k\n3,x,3,3,k\n" 'line 3: a quote is opened'
refused "no such column" "id,y,a,b\n1,x,1,1\n" 'line 1: the header has no column ."c.'
refused "no id column" "ident,y,a,b,c\n${good}" 'the header has no column ."id.'
refused "a column twice" "id,y,a,b,c,a\n1,x,1,1,k,1\n" 'line 1: column ."a." stands twice'
refused "an empty file" "" 'is empty: expected a header'
unlike "the values are not said" "$(sql "SELECT string_agg(error, ' ') FROM green_ml.load")" 'many|2147483648,2'
printf 'id,y,a,b,c\n1,x,1,1,k\n2,x,no,2,k\n3,x\n4,x,4,4,k\n' >"$DATA/two-bad.csv"
exits "one reject too many" 3 fetch --csv two-bad.csv --max-rejects 1
exits "as many as allowed" 0 fetch --csv two-bad.csv --max-rejects 2 --keep-rejects
like "the good rows are in" "$(cat "$OUT")" ': 2 rows, 0 known, 2 rejected'
is "the rejects are described" "$(sql "SELECT line, reason, content FROM green_ml.rejected_row
	WHERE load_id = (SELECT max(load_id) FROM green_ml.load) ORDER BY line")" \
	'3|column "a": expected a whole number from -2147483648 to 2147483647|2,x,no,2,k
4|expected 5 fields, found 2|3,x'
{ echo id,y,a,b,c && for i in {1..300}; do echo "$i,x,no,1,k"; done; } >"$DATA/all-bad.csv"
exits "a file of rejects" 3 fetch --csv all-bad.csv
like "is not read to its end" "$(cat "$ERR")" 'at least 100 of 100 rows'
is "100 of them are described" "$(sql "SELECT count(*) FROM green_ml.rejected_row
	WHERE load_id = (SELECT max(load_id) FROM green_ml.load)")" 100
printf 'id,y,a,b,c\n1,x,1,1,k\xff\n' >"$DATA/content.csv"
exits "content that is no text" 3 fetch --csv content.csv --keep-rejects
is "is made text" "$(sql "SELECT content FROM green_ml.rejected_row ORDER BY load_id DESC LIMIT 1")" '1,x,1,1,k?'

# --- two pipelines on one source
reset
green_ml_database other --pipeline "$TMP/spec.json" >/dev/null 2>&1
as owner "$ROOT/database/migrate" --pipeline "$TMP/other.json" >/dev/null 2>&1
printf 'id,y,a,b,c\n1,x,1,1,k\n2,x,-,2,k\n' >"$DATA/both.csv"
exits "a value that only one spec understands" 3 fetch --csv both.csv
like "is a reject" "$(cat "$ERR")" 'line 3: column ."a.": expected a whole number'
printf 'id,y,a,b,c\n1,x,1,1,k\n2,x,,2,k\n' >"$DATA/both.csv"
exits "a text that is missing to both" 0 fetch --csv both.csv
is "is stored as it is" "$(sql "SELECT a FROM green_ml_data.small WHERE _id = '2'")" ""
export PGDATABASE=fetch

# --- a spec that is not registered
sed 's/"name": "small"/"name": "new"/' "$TMP/spec.json" >"$TMP/new.json"
exits "a source that is not registered" 2 as loader "$BIN/data-fetch" --pipeline "$TMP/new.json" --data-root "$DATA" --csv a.csv
like "tells what to do" "$(cat "$ERR")" 'run database/migrate --pipeline'
sed 's/"column": "c"/"column": "d"/' "$TMP/spec.json" >"$TMP/changed.json"
exits "a spec with a new column" 2 as loader "$BIN/data-fetch" --pipeline "$TMP/changed.json" --data-root "$DATA" --csv a.csv
like "tells which" "$(cat "$ERR")" 'does not keep column ."d.'
exits "--as shares the source" 0 fetch --csv a.csv --n-rows 1 --as twin

# --- two at once
reset
rows 1 15000 >"$DATA/many.csv"
fetch --csv many.csv --json >"$TMP/one.out" 2>"$TMP/one.err" &
one=$!
fetch --csv many.csv --json >"$TMP/two.out" 2>"$TMP/two.err" &
two=$!
ok "two loads of the same file at once: the first" wait $one
ok "two loads of the same file at once: the second" wait $two
is "each row is there once" "$(stored)" 15000
is "one of them stored the rows, the other one knows" "$(cat "$TMP/one.out" "$TMP/two.out" | jq -c '[.rows, .rows_known, .repeat]' | sort)" \
	$'[0,15000,true]\n[15000,0,false]'
is "one load is done" "$(sql "SELECT count(*) FROM green_ml.load WHERE state = 'done' AND location = 'many.csv'")" 1
reset
{ rows 1 12000 | tac | grep '^k'; } >"$TMP/reversed"
{ rows 1 0 && cat "$TMP/reversed"; } >"$DATA/reversed.csv"
fetch --csv many.csv >"$TMP/one.out" 2>"$TMP/one.err" &
one=$!
fetch --csv reversed.csv >"$TMP/two.out" 2>"$TMP/two.err" &
two=$!
status=0
wait $one || status=$?
wait $two || status=$((status + $?))
like "the same ids in two orders: both end, or one asks for another try" "$status" '^(0|75)$'
is "and each row is there at most once" "$(sql "SELECT count(*) = count(DISTINCT _id) FROM green_ml_data.small")" t

# --- killed in the middle
reset
sql "BEGIN; LOCK TABLE green_ml_data.small IN EXCLUSIVE MODE; SELECT pg_sleep(1)" >/dev/null &
locker=$!
wait_for 5 eval '[ "$(sql "SELECT count(*) FROM pg_locks WHERE mode = '"'ExclusiveLock'"' AND relation = '"'green_ml_data.small'"'::regclass")" = 1 ]'
setsid env PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" --data-root "$DATA" --csv many.csv >/dev/null 2>&1 &
victim=$!
wait_for 5 eval '[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '"'green_ml_loader'"' AND wait_event_type = '"'Lock'"'")" = 1 ]'
kill -9 $victim
wait $victim 2>/dev/null || :
wait $locker
wait_for 5 eval '[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '"'green_ml_loader'"'")" = 0 ]'
is "killed: no row" "$(stored)" 0
is "killed: no load" "$(sql "SELECT count(*) FROM green_ml.load WHERE location = 'many.csv' AND state <> 'failed'")" 0
sql "BEGIN; LOCK TABLE green_ml_data.small IN EXCLUSIVE MODE; SELECT pg_sleep(1)" >/dev/null &
locker=$!
sleep 0.3
fetch --csv many.csv >"$TMP/one.out" 2>"$TMP/one.err" &
one=$!
wait_for 5 eval '[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '"'green_ml_loader'"' AND wait_event_type = '"'Lock'"'")" = 1 ]'
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'green_ml_loader' AND wait_event_type = 'Lock'" >/dev/null
status=0
wait $one || status=$?
wait $locker
is "the connection cut: try again" "$status" 75
is "the run is closed over a new one" "$(sql "SELECT state FROM green_ml.run ORDER BY run_id DESC LIMIT 1")" failed
exits "and the next try loads" 0 fetch --csv many.csv
is "everything" "$(stored)" 15000

# --- gzip
reset
rows 1 60 | gzip >"$DATA/z.csv.gz"
exits "a gzipped file" 0 fetch --csv z.csv.gz
like "is loaded" "$(cat "$OUT")" ': 60 rows'
{ rows 61 90 | gzip && rows 91 99 | tail -n +2 | gzip; } >"$DATA/members"
exits "gzip members behind each other, whatever the name" 0 fetch --csv members
like "are one file" "$(cat "$OUT")" ': 39 rows, 0 known'
head -c 300 "$DATA/z.csv.gz" >"$DATA/cut.csv.gz"
exits "a gzipped file that is cut off" 3 fetch --csv cut.csv.gz
like "is named" "$(cat "$ERR")" 'cut.csv.gz.*cut off after 300 bytes'
{ head -c 200 "$DATA/z.csv.gz" && echo garbage && tail -c +300 "$DATA/z.csv.gz"; } >"$DATA/damaged.gz"
exits "a damaged one" 3 fetch --csv damaged.gz
{ cat "$DATA/z.csv.gz" && echo garbage; } >"$DATA/garbage.gz"
exits "one with something else behind it" 3 fetch --csv garbage.gz
{ cat "$DATA/z.csv.gz" && head -c 512 /dev/zero; } >"$DATA/padded.gz"
exits "one with padding" 0 fetch --csv padded.gz
{ echo 'id,y,a,b,c' && yes '1,x,1,1,k' | head -c 103M; } | gzip -1 >"$DATA/bomb.gz"
exits "a gzip bomb" 3 fetch --csv bomb.gz --start-row 100000000 --max-ratio 100
like "is named" "$(cat "$ERR")" 'bomb.gz.*compressed more than 100 to 1'
exits "more bytes than allowed" 3 fetch --csv a.csv --max-bytes 1000
like "is said" "$(cat "$ERR")" 'more than 1000 bytes'

# --- where files may lie
echo secret >"$TMP/outside.csv"
ln -s "$TMP/outside.csv" "$DATA/link.csv"
ln -s a.csv "$DATA/inner.csv"
exits "a path outside of the data root" 2 fetch --csv ../outside.csv
exits "an absolute one" 2 fetch --csv "$TMP/outside.csv"
exits "a link out of it" 2 fetch --csv link.csv
like "is said" "$(cat "$ERR")" 'outside of the data root'
exits "a link within it is fine" 0 fetch --csv inner.csv --n-rows 1
exits "a folder" 2 fetch --csv .
exits "a file that is not there" 1 fetch --csv none.csv
exits "a data root that is not there" 2 env DATA_ROOT="$TMP/none" "$BIN/data-fetch" --pipeline "$TMP/spec.json" --csv a.csv
exits "file:// is refused" 2 fetch --csv "file://$DATA/a.csv"
exits "ftp:// is refused" 2 fetch --csv ftp://127.0.0.1/a.csv

# --- http
reset
rows 1 50000 >"$DATA/large.csv"
gzip -k "$DATA/large.csv"
rows 60001 80000 >"$DATA/next.csv"
cat >"$TMP/script" <<'SCRIPT'
GET /moved
status 302
header Location: /a.csv
repeat for ever
GET /to-file
status 302
header Location: file:///etc/passwd
GET /loop
status 302
header Location: /loop
repeat for ever
GET /gone
status 404
body not here
GET /busy
status 429
header Retry-After: 17
GET /broken
status 503
GET /reset
body-file data/next.csv
close-after 300000
GET /short
body-file data/next.csv
truncate 300000
GET /chunked-cut
chunked
body-file data/next.csv
truncate 500
GET /chunked
chunked
body-file data/next.csv
SCRIPT
background http "$BIN/stub-http" --script "$TMP/script" --root "$DATA" --log "$TMP/http.log" --seconds 60
wait_for 5 test -s "$TMP/http.out"
URL=127.0.0.1:$(cat "$TMP/http.out")
exits "over http" 0 fetch --csv "http://$URL/a.csv"
like "the URL is the location" "$(cat "$OUT")" ": 120 rows, 0 known, 0 rejected from http://$URL/a.csv"
exits "again" 0 fetch --csv "http://$URL/a.csv"
like "is a repeat" "$(cat "$OUT")" '^already loaded'
exits "a password" 0 fetch --csv "http://someone:hidden@$URL/a.csv?token=hidden&day=1"
unlike "is not said" "$(cat "$OUT" "$ERR")" hidden
is "is not stored" "$(sql "SELECT location FROM green_ml.load ORDER BY load_id DESC LIMIT 1")" "http://$URL/a.csv?token=***&day=1"
like "is sent" "$(cat "$TMP/http.log")" 'Authorization: Basic'
exits "gzipped" 0 fetch --csv "http://$URL/large.csv.gz"
like "is inflated" "$(cat "$OUT")" ': 49880 rows, 118 known, 2 rejected'
exits "the first rows only" 0 fetch --csv "http://$URL/large.csv" --n-rows 10
like "end the download early" "$(cat "$OUT")" ': 0 rows, 8 known, 2 rejected'
exits "a redirect" 0 fetch --csv "http://$URL/moved" --n-rows 5
exits "a redirect to file://" 1 fetch --csv "http://$URL/to-file"
like "is refused" "$(cat "$ERR")" 'redirects to an address that is not followed'
exits "redirects without end" 1 fetch --csv "http://$URL/loop"
exits "404" 1 fetch --csv "http://$URL/gone"
like "names status and URL" "$(cat "$ERR")" "http://$URL/gone.*status 404"
exits "429" 75 fetch --csv "http://$URL/busy"
like "tells how long to wait" "$(cat "$ERR")" 'status 429.*again in 17 s'
exits "503" 75 fetch --csv "http://$URL/broken"
before=$(stored)
exits "a connection reset in the middle" 75 fetch --csv "http://$URL/reset"
exits "a body that is cut off" 75 fetch --csv "http://$URL/short"
exits "chunks that are cut off" 75 fetch --csv "http://$URL/chunked-cut"
is "stored nothing" "$(stored)" "$before"
exits "the same in chunks, whole" 0 fetch --csv "http://$URL/chunked"
like "is loaded" "$(cat "$OUT")" ': 20000 rows, 0 known'
exits "nobody listens" 75 fetch --csv "http://127.0.0.1:$(free_port)/a.csv"
exits "http:// of nothing" 2 fetch --csv "http://"

# --- https
if command -v openssl >/dev/null && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null; then
	port=$(free_port)
	cd "$DATA"
	background https openssl s_server -accept "127.0.0.1:$port" -key "$TMP/key.pem" -cert "$TMP/cert.pem" -WWW
	cd "$ROOT"
	wait_for 5 eval "(: </dev/tcp/127.0.0.1/$port)"
	exits "https with a certificate that is trusted" 0 fetch --csv "https://localhost:$port/a.csv" --ca-file "$TMP/cert.pem"
	like "is loaded" "$(cat "$OUT")" ': 0 rows, 120 known, 0 rejected'
	exits "https with one that is not" 1 fetch --csv "https://localhost:$port/a.csv"
	like "names the certificate" "$(cat "$ERR")" 'certificate'
else
	skip "https" "openssl cannot make a certificate"
fi

# --- the database away
exits "the database away" 75 env PGHOST="$TMP" DB_CONNECT_TRIES=1 PGUSER=green_ml_loader "$BIN/data-fetch" --pipeline "$TMP/spec.json" \
	--data-root "$DATA" --csv a.csv

# --- shape of a real table
"$BIN/generate" --rows 500 --output "$DATA/insurance.csv"
as owner "$ROOT/database/migrate" --pipeline "$ROOT/pipeline/specs/insurance.json" >/dev/null 2>&1
exits "the insurance table" 0 as loader "$BIN/data-fetch" --pipeline "$ROOT/pipeline/specs/insurance.json" --data-root "$DATA" --csv insurance.csv
like "is loaded" "$(cat "$OUT")" ': 500 rows, 0 known, 0 rejected'

plan_done
