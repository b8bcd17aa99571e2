#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that embeds the installed library builds and runs with what pkg-config says, with --static and without.
# Also that the install makes nsinit's name and page.
# Usage: check_pkgconfig.sh BUILD
set -u
build=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED   lint: a program that embeds the installed library builds: $1"
  sed 's/^/    /' "$work/log"
  exit 1
}

DESTDIR=$work/dest meson install -C "$build" --no-rebuild --quiet >"$work/log" 2>&1 || fail 'meson install'
pc=$(find "$work/dest" -name caisson.pc)
[ -n "$pc" ] || fail 'no caisson.pc is installed'
# The prefix is the one that it was configured for, and the files are below DESTDIR.
prefix=$work/dest$(sed -n 's/^prefix=//p' "$pc")
cat >"$work/program.cpp" <<'END'
#include <caisson/caisson.hpp>
#include <cstdio>

int main(int argc, char** argv) {
  caisson::run_init_if_asked(argc, argv);
  const auto found = caisson::Factory({.root = "/nowhere"}).load("none");
  std::puts(found ? "found" : std::string(caisson::to_string(found.error().code())).c_str());
}
END
for way in '' --static; do
  flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$prefix" --cflags --libs $way caisson) ||
    fail "pkg-config $way"
  # shellcheck disable=SC2086
  "${CXX:-g++}" -o "$work/program" "$work/program.cpp" $flags >"$work/log" 2>&1 || fail "link with '$flags'"
  "$work/program" >"$work/log" 2>&1 || fail "the program linked with '$flags'"
  [ "$(cat "$work/log")" = ContainerDestroyed ] || fail "the program linked with '$flags' says something else"
done
[ "$(readlink "$prefix/bin/nsinit")" = caisson ] && "$prefix/bin/nsinit" --version >"$work/log" 2>&1 &&
  [ "$(cat "$work/log")" = 'nsinit version 0.1' ] || fail 'no nsinit is installed'
[ -e "$prefix/share/man/man8/nsinit.8" ] || fail 'no manual page of nsinit is installed'
echo 'ok       lint: a program that embeds the installed library builds'
