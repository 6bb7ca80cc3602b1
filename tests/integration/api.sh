# shellcheck shell=bash
# What the tests of model-api share; to be sourced after lib.sh. The model of tests/cases/request serves pipeline "towns".
#
#   client COMMAND...               tests/integration/client.py
#   model_bytes SED_SCRIPT FILE     bytes of that model, its description changed by sed
#   insert_model PIPELINE FILE [SHA256_SQL [SMOKE]]
#                                   print the id; another sha256 than that of the bytes is how a damaged model looks
#   promote MODEL_ID                print the promotion's id
#   api_start NAME OPTION...        start one; $PID, $PORT and $URL, its log in $TMP/NAME.err
#   api_stop PID                    ask it to stop and wait
#   get PATH CURL_OPTION...         the answer's body
#   predict BODY CURL_OPTION...
#   post PATH BODY CURL_OPTION...   JSON
#   code PATH CURL_OPTION...        the answer's status
#   metric SERIES                   its value; metric_is SERIES VALUE
#   serves PROMOTION_ID, models_are COUNT, log_holds NAME REGEX
CASES=$ROOT/tests/cases/request
API=$BIN/model-api
command -v python3 >/dev/null || skip_all "python3 is not installed"
command -v curl >/dev/null || skip_all "curl is not installed"

CLIENT=$ROOT/tests/integration/client.py
client() {
	"$CLIENT" "$@"
}

model_bytes() { # SED_SCRIPT FILE
	sed "$1" "$CASES/model.json" >"$TMP/model.json"
	python3 "$ROOT/tests/integration/model.py" "$TMP/model.json" >"$2"
}

insert_model() { # PIPELINE FILE [SHA256_SQL [SMOKE]]
	sql "WITH b AS (SELECT decode('$(base64 -w0 "$2")', 'base64') AS bytes),
	f AS (SELECT p.pipeline_id, f.feature_set_id FROM green_ml.pipeline p JOIN green_ml.feature_set f USING (pipeline_id)
		WHERE p.name = '$1' ORDER BY f.version DESC LIMIT 1),
	r AS (INSERT INTO green_ml.run (program, lease_until, version) VALUES ('test', now(), '0') RETURNING run_id),
	t AS (INSERT INTO green_ml.training_plan (pipeline_id, feature_set_id, known_loads, loads, settings, min_samples_leaf,
			seed, data, content_sha256, run_id)
		SELECT pipeline_id, feature_set_id, '{}', '{}', '{}', 1, 0, '', sha256(gen_random_uuid()::text::bytea), run_id FROM b, f, r
		RETURNING pipeline_id, feature_set_id, plan_id)
	INSERT INTO green_ml.model (pipeline_id, plan_id, feature_set_id, bytes, sha256, holdout_n, holdout_k, metrics, run_id, smoke)
	SELECT pipeline_id, plan_id, feature_set_id, bytes, ${3:-sha256(bytes)}, 100, 75, '{}', run_id, ${4:-NULL} FROM b, t, r
	RETURNING model_id"
}

promote() { # MODEL_ID
	sql "INSERT INTO green_ml.promotion (pipeline_id, model_id, reason) SELECT pipeline_id, model_id, 'test'
		FROM green_ml.model WHERE model_id = $1 RETURNING promotion_id"
}

api_start() { # NAME OPTION...
	local name=$1
	shift
	rm -f "$TMP/$name.port"
	background "$name" as api "$API" --host 127.0.0.1 --port 0 --port-file "$TMP/$name.port" "$@"
	wait_for 10 test -s "$TMP/$name.port" || cat "$TMP/$name.err" >&2
	PORT=$(cat "$TMP/$name.port")
	URL=http://127.0.0.1:$PORT
}

api_stop() { # PID
	kill "$1"
	wait "$1" || :
}

get() { # PATH CURL_OPTION...
	curl -s -m 20 "$URL$1" "${@:2}"
}
predict() { # BODY CURL_OPTION...
	get /predict -H 'Content-Type: application/json' -d "$1" "${@:2}"
}
post() { # PATH BODY CURL_OPTION...
	get "$1" -H 'Content-Type: application/json' -d "$2" "${@:3}"
}
code() { # PATH CURL_OPTION...
	curl -s -m 20 -o /dev/null -w '%{http_code}' "$URL$1" "${@:2}" || :
}
metric() { # SERIES
	get /metrics | awk -v series="$1" 'index($0, series " ") == 1 { print $2 }'
}
metric_is() { # SERIES VALUE
	[ "$(metric "$1")" = "$2" ]
}
models_are() { # COUNT
	[ "$(get /metrics | grep -c '^green_ml_api_model_info{')" = "$1" ]
}
serves() { # PROMOTION_ID
	[[ $(get /version) == *"\"promotion_id\":$1,"* ]]
}
log_holds() { # NAME REGEX
	grep -Eq -e "$2" "$TMP/$1.err"
}

