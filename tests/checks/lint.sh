#!/usr/bin/env bash
# What no compiler says of its own: "make lint", and part of "make test".
#
# Formatting is asked of the files that differ from LINT_BASE (default: the last commit, or the one before it in a clean
# tree), so that nobody has to answer for lines not touched.
. "$(dirname "$0")/../integration/lib.sh"
cd "$ROOT"

in_git=1
git rev-parse --verify -q HEAD >/dev/null 2>&1 || in_git=

sources() { # PATTERN...
	if [ -n "$in_git" ]; then
		git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -e "$f" ] || echo "$f"; done
	else
		local pattern
		for pattern; do
			find . -path ./build -prune -o -type f -name "$pattern" -print | sed 's|^\./||'
		done
	fi
}

changed() {
	local base=${LINT_BASE:-HEAD}
	if [ -z "$in_git" ]; then
		sources '*.c' '*.h'
		return
	fi
	[ -n "${LINT_BASE:-}" ] || [ -n "$(git status --porcelain)" ] || base=HEAD~1
	git rev-parse --verify -q "$base" >/dev/null || base=$(git hash-object -t tree /dev/null)
	{
		git diff --name-only --diff-filter=d "$base" -- '*.c' '*.h'
		git ls-files --others --exclude-standard -- '*.c' '*.h'
	} | sort -u
}

# Two versions of clang-format do not agree on everything, so one has to be named.
formatter=
for name in clang-format-14 clang-format; do
	"$name" --version 2>/dev/null | grep -q 'version 14\.' && formatter=$name && break
done
if [ -z "$formatter" ]; then
	skip "changed files are formatted" "clang-format 14 is not installed"
else
	mapfile -t files < <(changed)
	ok "changed files are formatted (make format)" "$formatter" -n -Werror "${files[@]:-/dev/null}"
fi

headers_alone() {
	local header failed=0 flags
	flags=$(pkg-config --cflags libpq libcurl jansson libmicrohttpd zlib libcrypto) || return 1
	for header in $(sources '*.h'); do
		# shellcheck disable=SC2086
		printf '#include "%s"\n' "$header" | ${CC:-gcc} -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -I. $flags \
			-fsyntax-only -x c - || failed=1
	done
	return $failed
}
ok "every header compiles alone" headers_alone

# common/banned.h stops the compiler; this finds the files that do not get to see it. Comments and strings are left out.
banned_functions() {
	local names
	names=$(sed -n 's/^#define \([a-z]*\)(.*BANNED.*/\1/p' common/banned.h | paste -sd'|')
	! sources '*.c' '*.h' | grep -v '^common/banned\.h$' | xargs -r awk -v names="(^|[^A-Za-z0-9_])($names)[ \t]*\\\\(" '
		FNR == 1 { inside = 0 }
		{
			line = $0
			gsub(/\\./, "", line); gsub(/"[^"]*"/, "", line); gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
			if (inside) { if (!sub(/^.*\*\//, "", line)) next; inside = 0 }
			sub(/\/\/.*/, "", line)
			if (sub(/\/\*.*/, "", line)) inside = 1
			if (line ~ names) print FILENAME ":" FNR ": " $0
		}' | grep .
}
ok "no banned function is called" banned_functions

# Dependencies point one way: program -> its modules -> common -> libraries. Tests may include what they like.
layers() {
	! grep -nE '^#include "' $(sources '*.c' '*.h') /dev/null | grep -v '^tests/' | awk -F: '
		{
			from = $1; sub(/\/.*/, "", from)
			to = $3; sub(/^#include "/, "", to); sub(/".*/, "", to)
			if (to !~ /\//) { print $1 ":" $2 ": \"" to "\" is not written from the root"; next }
			sub(/\/.*/, "", to)
			if (to != from && to != "common" && from != "data" && from != "database")
				print $1 ":" $2 ": " from " must not include from " to
		}' | grep .
}
ok "includes point one way" layers

scripts_parse() {
	local script failed=0
	for script in $(git grep -lIE '^#!.*\b(ba)?sh\b|^# shellcheck shell=bash' 2>/dev/null || sources '*.sh'); do
		bash -n "$script" || failed=1
	done
	return $failed
}
ok "every script parses" scripts_parse

plan_done
