# shellcheck shell=bash disable=SC2034
# The rows of tests/bench/forest and tests/bench/accuracy; to be sourced, with ROOT, BIN and WORK set.
#
#   make_set NAME [ROWS]    sets the array rows to the options that name them to bench-forest and peers.py; ROWS: every
#                           n-th row, so that at most so many are left

columns_but() { head -n 1 "$1" | tr , '\n' | grep -vxE "$2" | paste -sd,; }

thin() { # FILE ROWS
	local step=$((($(wc -l <"$1") - 2) / $2 + 1))
	awk -v step="$step" 'NR == 1 || (NR - 2) % step == 0' "$1"
}

make_set() {
	local file=$WORK/$1.csv
	case $1 in
	low)
		"$BIN/generate" --rows 600000 --output "$file"
		rows=(--label ps_ind_02_cat --features ps_ind_01,ps_ind_03,ps_ind_15,ps_car_01_cat,ps_car_06_cat --id id)
		;;
	wide)
		"$BIN/generate" --rows 100000 --output "$file"
		rows=(--label ps_ind_02_cat --features "$(columns_but "$file" 'id|target|ps_ind_02_cat')" --id id)
		;;
	gaussian)
		"$ROOT/tests/bench/gaussian" >"$file"
		rows=(--label label --features "$(columns_but "$file" label)")
		;;
	flights)
		file=$ROOT/build/data/flights.csv
		[ -e "$file" ] || { echo "no flights: run make data-flights" >&2 && return 1; }
		rows=(--label delay --features carrier,origin,dest,month,day,hour,distance --id id)
		;;
	*) echo "no such set: $1" >&2 && return 1 ;;
	esac
	if [ -n "${2:-}" ]; then
		thin "$file" "$2" >"$WORK/$1-thin.csv"
		file=$WORK/$1-thin.csv
	fi
	rows+=(--csv "$file")
}
