#!/usr/bin/env bash
# bench-forest: types it infers, the split, the keys it prints, and rows of every bad kind.
. "$(dirname "$0")/lib.sh"
BENCH=$BIN/bench-forest

bench() { run timeout 60 "$BENCH" --json --threads 2 --trees 10 "$@"; }
value() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$OUT" "$1"; }

# x decides the label; the rest has every type, and holes.
{
	echo id,x,size,name,empty,late,same,label
	for ((i = 0; i < 600; i++)); do
		size=$((i % 37)).5 late=$((i * 7 % 100)) name=n$((i % 5))
		((i % 50)) || size=NA
		((i != 599)) || late=1e3
		((i % 9)) || name=
		echo "r$i,$((i % 20)),$size,$name,,$late,4,$([ $((i % 20)) -lt 10 ] && echo low || echo high)"
	done
} >"$TMP/rows.csv"
columns=x,size,name,empty,late,same

bench --csv "$TMP/rows.csv" --id id --label label --features $columns
is "it ends well" "$STATUS" 0
is "types" "$(value types)" \
	"{'x': 'integer', 'size': 'real', 'name': 'category', 'empty': 'integer', 'late': 'real', 'same': 'integer'}"
is "missing values" "$(value missing)" "{'size': 12, 'name': 67, 'empty': 600}"
is "accuracy" "$(value accuracy)" 1.0
is "rows" "$(value rows)" 600
train=$(value rows_train)
is "a fifth by id, as in a pipeline without a name" "$train" "$(python3 -c '
import hashlib
print(sum(int.from_bytes(hashlib.sha256(b"\0r%d" % i).digest()[:8], "big") >= 2**64 // 5 for i in range(600)))')"
bench --csv "$TMP/rows.csv" --id id --source other --label label --features $columns
is "another fifth of another source" "$(value rows_train)" "$(python3 -c '
import hashlib
print(sum(int.from_bytes(hashlib.sha256(b"other\0r%d" % i).digest()[:8], "big") >= 2**64 // 5 for i in range(600)))')"
keys='fit_wall_s fit_cpu_s peak_rss_mb nodes accuracy log_loss brier predict_ns_per_row_table predict_ns_per_row_trees rows threads model_sha256'
is "the promised keys" "$(for key in $keys; do value "$key" >/dev/null && printf '%s ' "$key"; done)" "$keys "

bench --csv "$TMP/rows.csv" --id id --label label --features $columns --min-samples-leaf auto
is "auto tries sizes" "$(python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(len(r["auto"]["sizes"]) > 2,
	r["min_samples_leaf"] == r["auto"]["min_samples_leaf"], r["auto_cpu_s"] <= r["fit_cpu_s"])' "$OUT")" "True True True"

bench --csv "$TMP/rows.csv" --label label --features x
is "by row number" "$(value rows_train)" "$(python3 -c '
import hashlib
print(sum(int.from_bytes(hashlib.sha256(b"\0%d" % i).digest()[:8], "big") >= 2**64 // 5 for i in range(1, 601)))')"

# Test rows of a file of their own: an unseen text, an unseen label, a missing one.
printf 'name,x,label\nn1,3,low\nother,3,low\nn1,3,odd\nn1,15,\n' >"$TMP/test.csv"
bench --csv "$TMP/rows.csv" --test-csv "$TMP/test.csv" --label label --features x,name
is "all rows train" "$(value rows_train) $(value rows_test)" "600 3"
is "an unknown label is wrong" "$(value accuracy)" 0.666667
is "unseen text, row without label" "$(value unseen_texts) $(value rows_without_label)" "1 1"
run "$BENCH" --csv "$TMP/rows.csv" --label label --features x --trees 3
like "lines without --json" "$(cat "$OUT")" '^accuracy +1\.0$'

refuses() { # DESC CODE TEXT OPTIONS...
	local desc=$1 code=$2 text=$3
	shift 3
	bench "$@"
	is "$desc: exit code" "$STATUS" "$code"
	like "$desc: message" "$(cat "$ERR")" "$text"
}
given() { printf '%b' "$1" >"$TMP/bad.csv"; }

refuses "no file" 1 "could not read file" --csv "$TMP/none.csv" --label label --features x
refuses "no such column" 3 'has no column \\"y\\"' --csv "$TMP/rows.csv" --label label --features x,y
refuses "label as feature" 2 "cannot be the label and a feature" --csv "$TMP/rows.csv" --label x --features x
refuses "column twice" 2 "twice" --csv "$TMP/rows.csv" --label label --features x,x
refuses "no features" 2 "features" --csv "$TMP/rows.csv" --label label --features ,
refuses "leaf 0" 2 "min-samples-leaf" --csv "$TMP/rows.csv" --label label --features x --min-samples-leaf 0
given 'x,label\n'
refuses "no row" 3 "no data row" --csv "$TMP/bad.csv" --label label --features x
given 'x,label\n1,a\n2\n'
refuses "a field short" 3 "line 3: expected 2 fields, found 1" --csv "$TMP/bad.csv" --label label --features x
given 'x,label\n1,a\n2,a\n3,a\n4,a\n5,a\n6,a\n7,a\n8,a\n9,a\n'
refuses "one class" 3 "at least two labels" --csv "$TMP/bad.csv" --label label --features x
given 'x,label\n1,a\n'
refuses "one row" 3 "0 test rows|0 training rows" --csv "$TMP/bad.csv" --label label --features x
given 'x,label\nInf,a\n1,b\n-Inf,a\nNaN,b\n1,a\n'
bench --csv "$TMP/bad.csv" --test-csv "$TMP/bad.csv" --label label --features x
is "Inf is a text" "$(value types)" "{'x': 'category'}"
given 'x,label\n1,a\nb,b\n'
refuses "a text among the test's numbers" 3 'line 3: column \\"x\\" holds \\"b\\"' --csv "$TMP/rows.csv" \
	--test-csv "$TMP/bad.csv" --label label --features x


# --- many values, many labels ----------------------------------------------------------------------------------------
many() { awk "BEGIN { print \"x,y,label\"; for (i = 0; i < $1; i++) print i \",\" i % 7 \",\" ($2) }" >"$TMP/many.csv"; }
many 90000 'i < 45000'
bench --csv "$TMP/many.csv" --label label --features x,y --min-samples-leaf 5
is "70,000 distinct values are binned, which is said" "$(value binned) $(value accuracy)" "['x'] 1.0"
many 20000 'int(i / 20)'
bench --csv "$TMP/many.csv" --label label --features x,y --max-features 2
is "1,000 labels" "$(value classes)" 1000
like "are learnt" "$(value accuracy)" '^(1.0|0.9)'
many 10000 'i % 5000'
refuses "5,000 labels" 3 'distinct labels, at most 4096 are possible' --csv "$TMP/many.csv" --label label --features x

# --- more threads than trees, and too little memory ------------------------------------------------------------------
"$BIN/generate" --rows 50000 --output "$TMP/wide.csv" 2>"$ERR"
columns=$(head -n 1 "$TMP/wide.csv" | tr , '\n' | grep -vx 'id\|ps_ind_02_cat' | paste -sd ,)
wide() { run "$BENCH" --json --csv "$TMP/wide.csv" --label ps_ind_02_cat --features "$columns" "$@"; }
wide --trees 1 --threads 1
one=$(value model_sha256)
for threads in 2 3 8 1024; do
	wide --trees 1 --threads $threads
	is "a tree of $threads threads" "$(value model_sha256)" "$one"
done
wide --trees 100000 --threads 2
is "a model too large: exit code, nothing on stdout" "$STATUS $(cat "$OUT")" "1 "
like "a model too large: said after the first tree" "$(cat "$ERR")" \
	'the model would be of at least [0-9]+ MB, as the first of its 100000 trees has [0-9]+ nodes, and at most 400 MB are possible: give'
"$BIN/generate" --rows 300000 --output "$TMP/many.csv"
run "$BENCH" --json --csv "$TMP/many.csv" --label ps_ind_02_cat --features ps_ind_01,ps_ind_03,ps_ind_15,ps_car_01_cat \
	--trees 100000 --min-samples-leaf auto
is "auto where every size is too large: exit code, nothing on stdout" "$STATUS $(cat "$OUT")" "1 "
like "auto where every size is too large: message" "$(cat "$ERR")" \
	'with leaves of 100 draws the model of 100000 trees would still be of about [0-9]+ MB, and at most 400 MB are possible: give'
limited() { # KB FEATURES OPTIONS...
	(ulimit -v "$1" && exec "$BENCH" --json --csv "$TMP/wide.csv" --label ps_ind_02_cat --features "$2" "${@:3}")
}
few=ps_reg_03,ps_car_13,ps_car_12
case $(readelf -d "$BENCH" 2>/dev/null) in
*libasan*) skip "limits of memory" "the sanitizer needs more than any" ;;
*)
	run limited 60000 "$columns" --threads 1 --trees 2
	is "a limit of memory: exit code, nothing on stdout" "$STATUS $(cat "$OUT")" "1 "
	like "a limit of memory: message" "$(cat "$ERR")" 'out of memory: .*allow more of it, or give less to do at once: fewer rows, fewer threads'
	run limited 100000 $few --threads 1 --trees 3000
	is "a limit that the trees exceed: exit code, nothing on stdout" "$STATUS $(cat "$OUT")" "1 "
	like "a limit that the trees exceed: message" "$(cat "$ERR")" \
		'the 2999 trees would take about [0-9]+ MB of memory, as the first has [0-9]+ nodes, and ulimit -v leaves [0-9]+ MB: allow'
	run limited 60000 $few --threads 1 --trees 30000 --min-samples-leaf auto
	is "a limit that the pilot exceeds: exit code, nothing on stdout" "$STATUS $(cat "$OUT")" "1 "
	like "a limit that the pilot exceeds: message" "$(cat "$ERR")" \
		'memory.*allow more of it, or give'
	run limited 40000 $few --threads 8 --trees 8
	is "a limit for few trees at once: exit code" "$STATUS" 0
	like "a limit for few trees at once: says so" "$(cat "$ERR")" 'fewer trees grow at once than there are threads.* trees=[1-7]$'
	limited=$(value model_sha256)
	run "$BENCH" --json --csv "$TMP/wide.csv" --label ps_ind_02_cat --features $few --threads 1 --trees 8
	is "a limit for few trees at once: the same model" "$limited" "$(value model_sha256)"
	;;
esac

# --- the limits of a container, of control groups of both versions ------------------------------------------------------
in_container() { # "FILE CONTENT"... -- OPTIONS...: the program sees only these files as its control group
	local files=()
	while [ "$1" != -- ]; do
		files+=("$1")
		shift
	done
	unshare --mount bash -c 'mount -t tmpfs none /sys/fs/cgroup || exit 99
		while [ "$1" != -- ]; do
			mkdir -p "/sys/fs/cgroup/$(dirname "${1%% *}")"
			echo "${1#* }" >"/sys/fs/cgroup/${1%% *}"
			shift
		done
		shift
		exec "$@"' bash "${files[@]}" "$@"
}
if ! in_container 'cpu.max max 100000' -- true 2>"$ERR"; then
	skip "the limits of a container" "no file system may be mounted here"
else
	is "processors: no limit" "$(in_container 'cpu.max max 100000' -- "$BENCH" --csv "$TMP/wide.csv" --label ps_ind_02_cat \
		--features $few --trees 1 | awk '$1 == "threads" { print $2 }')" "$(nproc)"
	for limit in 'cpu.max 90000 100000' 'cpu/cpu.cfs_quota_us 90000|cpu/cpu.cfs_period_us 100000'; do
		IFS='|' read -r -a files <<<"$limit"
		is "processors: ${limit%% *}" "$(in_container "${files[@]}" -- "$BENCH" --csv "$TMP/wide.csv" \
			--label ps_ind_02_cat --features $few --trees 1 | awk '$1 == "threads" { print $2 }')" 1
	done
	case $(readelf -d "$BENCH" 2>/dev/null) in
	*libasan*) ;;
	*)
		for file in memory.max memory/memory.limit_in_bytes; do
			run in_container "$file 60000000" -- "$BENCH" --csv "$TMP/wide.csv" --label ps_ind_02_cat --features $few \
				--threads 1 --trees 3000
			is "memory: $file: exit code" "$STATUS" 1
			like "memory: $file: message" "$(cat "$ERR")" \
				"the 2999 trees would take .* and the container's limit leaves [0-9]+ MB: allow"
		done
		;;
	esac
fi
plan_done
