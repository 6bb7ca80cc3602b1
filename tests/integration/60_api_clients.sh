#!/usr/bin/env bash
# model-api and programs of others: the clients of Triton and KServe as they are, schemathesis with the OpenAPI file, and
# promtool with the metrics. pip installs the Python ones into build/clients, once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/api.sh"
VENV=$(dirname "$(dirname "$BIN")")/clients
WANTED=$ROOT/tests/integration/clients.txt

install_clients() {
	exec 8>"$VENV.lock"
	flock -w 180 8 || return 1
	! cmp -s "$WANTED" "$VENV/installed.txt" || return 0
	rm -rf "$VENV"
	python3 -m venv "$VENV" && timeout 180 "$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$WANTED" || return 1
	cp "$WANTED" "$VENV/installed.txt"
}

postgres_start
green_ml_database api --pipeline "$CASES/spec.json" >/dev/null
model_bytes '' "$TMP/one.bin"
FIRST=$(promote "$(insert_model towns "$TMP/one.bin")")
api_start api --drain-s 0 --log-sample 1
ok "a model" wait_for 5 serves "$FIRST"

if command -v promtool >/dev/null; then
	predict '{"row":[34,2.5,"Berlin"]}' >"$OUT"
	get /metrics >"$TMP/metrics"
	exits "promtool has nothing to say about the metrics" 0 promtool check metrics <"$TMP/metrics"
	is "nothing at all" "$(cat "$OUT" "$ERR")" ""
else
	skip "promtool has nothing to say about the metrics" "promtool is not installed"
fi

if ! (install_clients) >"$TMP/pip.out" 2>&1; then
	skip "the clients of others" "pip could not install them in 180 s: $(tail -n 1 "$TMP/pip.out" | tr -d '#')"
	plan_done
fi
exits "tritonclient" 0 "$VENV/bin/python" "$ROOT/tests/integration/clients.py" triton "$URL"
once="[\"yes\", \"no\"], [[0.125, 0.875], [0.75, 0.25]], \"r1\", [\"yes\"], true"
is "what it sees" "$(cat "$OUT")" "[true, true, true, true, false, \"green-ml\", [\"INT32\", \"FP32\", \"BYTES\"], $once, $once, \
\"[400] \\\"inputs\\\" must be an array of at least one tensor\"]"
exits "kserve" 0 "$VENV/bin/python" "$ROOT/tests/integration/clients.py" kserve "$URL"
is "what it sees" "$(cat "$OUT")" '[true, true, true, "r1", "prediction", ["yes", "no"], [[0.125, 0.875], [0.75, 0.25]], ["yes"], ["yes"], ["yes"]]'

# What is right in its form may still be no row of the model, so a 400 to it is no fault.
exits "schemathesis finds nothing" 0 env -C "$TMP" -u BIN "$VENV/bin/schemathesis" run "$URL/openapi.json" --exclude-checks positive_data_acceptance \
	--max-examples 20 --seed 1 --no-color
like "in many cases" "$(cat "$OUT")" '[0-9]{3,} generated, [0-9]{3,} passed'
is "the server lives" "$(code /health/live)" 200
unlike "and has had no fault of its own" "$(get /metrics)" 'code="500"'
plan_done
