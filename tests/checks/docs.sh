#!/usr/bin/env bash
# The documents say what the programs do.
. "$(dirname "$0")/../integration/lib.sh"
cd "$ROOT"

BIN=$BIN docs/settings >"$TMP/settings"
is "docs/SETTINGS.md is what the programs' --help says (BIN=... docs/settings > docs/SETTINGS.md)" \
	"$(diff "$TMP/settings" docs/SETTINGS.md | head -n 20)" ""

dead_links() {
	local file target
	git ls-files '*.md' | while read -r file; do
		grep -oE '\]\([^)# ]+' "$file" | sed 's/^](//' | { grep -v '://' || :; } | while read -r target; do
			[ -e "$(dirname "$file")/$target" ] || echo "$file: $target"
		done
	done
}
if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
	is "every relative link in a document leads to a file" "$(dead_links)" ""
else
	skip "every relative link in a document leads to a file" "not a git checkout"
fi

missing=
for program in data-fetch preprocessing model-training model-api scheduler; do
	grep -q "\`$program\`" README.md || missing+=" $program"
done
is "README.md names every program" "$missing" ""
plan_done
