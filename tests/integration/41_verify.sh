#!/usr/bin/env bash
# model-api verify: waits until every server of a name serves a promotion.
. "$(dirname "$0")/lib.sh"

server() { # NAME SCRIPT
	cat >"$TMP/$1.script"
	background "$1" "$BIN/stub-http" --script "$TMP/$1.script" --log "$TMP/$1.log" --seconds 60
	wait_for 5 test -s "$TMP/$1.out"
	PORT=$(head -n 1 "$TMP/$1.out")
}
verify() { # OPTION...
	"$BIN/model-api" verify --pipeline towns --service 127.0.0.1 --port "$PORT" "$@"
}

server soon <<'TEXT'
GET /version?pipeline=towns$
status 503
body {"error":"no model is loaded yet"}
GET /version?pipeline=towns$
body {"pipeline":"towns","promotion_id":6}
GET /version?pipeline=towns$
repeat for ever
body {"pipeline":"towns","promotion_id":7}
TEXT
exits 'the third answer is the one that is waited for' 0 verify --expect-promotion 7 --within-s 20
like 'and what is said' "$(cat "$OUT")" '^promotion 7 of towns is served by 1 server, after [0-9.]+ s$'
is 'three requests' "$(grep -c '^GET /version' "$TMP/soon.log")" 3
exits 'an earlier promotion is served by a later one' 0 verify --expect-promotion 6
exits 'a later one is not there in time' 1 verify --expect-promotion 8 --within-s 1
like 'which says what is there instead' "$(cat "$ERR")" 'promotion 8 of pipeline .*within 1 s: server 127.0.0.1: it serves promotion 7'

PORT=$(free_port)
exits 'nobody listens' 1 verify --expect-promotion 7 --within-s 0
like 'is said' "$(cat "$ERR")" '127\.0\.0\.1.*(connect|refused)'
exits 'a name without an address' 1 "$BIN/model-api" verify --pipeline towns --expect-promotion 7 \
	--service no-such-name.invalid --within-s 0
like 'is named' "$(cat "$ERR")" 'no address is known for \\"no-such-name\.invalid\\"'

exits '--help' 0 "$BIN/model-api" verify --help
like 'names the options' "$(cat "$OUT")" '--expect-promotion N'
exits 'a missing option' 2 "$BIN/model-api" verify --pipeline towns --service 127.0.0.1
like 'is named too' "$(cat "$ERR")" '--expect-promotion is missing'
exits 'a name that would change the URL' 2 "$BIN/model-api" verify --pipeline 'a&b=c' --expect-promotion 1 --service 127.0.0.1
plan_done
