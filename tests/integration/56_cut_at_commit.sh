#!/usr/bin/env bash
# The connection to PostgreSQL is cut at each COMMIT of each program, just before the server sees it and just before the
# program hears of it: the program says that the outcome is unknown and asks for another try, and that leaves the same
# facts as a run that nothing disturbed.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip_all "python3 is not installed"
. "$ROOT/tests/torture/steps.sh"
export DB_CONNECT_TRIES=1
SERVER=$PGHOST

# Runs a step through the proxy; its status in $STATUS, its log in $ERR. Returns false when it made no such COMMIT.
cut() { # STEP N before|after
	local proxy=$TMP/proxy-$1-$2-$3
	mkdir "$proxy"
	echo 0 >"$proxy/count"
	background "proxy" python3 "$ROOT/tests/integration/cut_commit.py" "$proxy/.s.PGSQL.5432" "$SERVER/.s.PGSQL.5432" "$2" "$3" \
		"$proxy/count"
	wait_for 5 test -S "$proxy/.s.PGSQL.5432"
	copy "t_${1//-/_}" cut
	STATUS=0
	PGHOST=$proxy PGDATABASE=cut step "$1" timeout 30 >"$OUT" 2>"$ERR" || STATUS=$?
	kill "$PID"
	wait "$PID" 2>/dev/null || :
	[ "$(cat "$proxy/count")" -ge "$2" ]
}

for name in data-fetch data-fetch-known preprocessing model-training; do
	expect "$name"
	for when in before after; do
		for n in 1 2 3 4 5 6 7 8; do
			cut "$name" $n $when || break
			is "$name, cut $when COMMIT $n: another try may succeed" "$STATUS" 75
			like "and the sentence says what is known" "$(grep -h level=error "$ERR")" \
				'it is unknown whether the work was committed, a rerun finds out: lost the database connection'
			status=0
			rerun "$name" cut || status=$?
			is "$name, cut $when COMMIT $n: the rerun" "$status $(difference "$name" cut)" "0 "
		done
		ok "$name commits, and each was cut" test $n -gt 1 -a $n -lt 8
	done
done
plan_done
