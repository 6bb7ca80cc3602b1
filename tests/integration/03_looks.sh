#!/usr/bin/env bash
# How often a model that is as good as ever would be retrained in a year of daily loads, and that drops are found.
. "$(dirname "$0")/lib.sh"

exits "1,000 stationary years: at most 5 % ever retrain; drops of 5, 10 and 20 points are found in each" 0 "$BIN/looks" --check
sed 's/^/# /' "$OUT"
exits "with every drop above 0 a need" 0 "$BIN/looks" --check --low 0 --seed 2 --streams 300
not_ok "the check can fail: 20 holdout rows do not show a drop of 5 points" "$BIN/looks" --check --reference 20 --streams 50
plan_done
