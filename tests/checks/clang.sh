#!/usr/bin/env bash
# Everything compiles without a warning with clang too, and the unit tests pass there.
. "$(dirname "$0")/../integration/lib.sh"
cd "$ROOT"

command -v clang >/dev/null || skip_all "clang is not installed"
unset MAKEFLAGS MAKELEVEL MFLAGS
ok "clang builds everything" make --no-print-directory -j2 CC=clang DEVELOPER=1 all unit
for test in build/release-clang/unit/test_*; do
	[ -x "$test" ] || continue
	case $test in *.*) continue ;; esac
	ok "${test##*/} passes with clang" "$test"
done
plan_done
