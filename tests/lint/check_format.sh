#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-format and shell syntax, as checks.
cd "$(dirname "$0")/../.." || exit 1
status=0

verdict() {  # NAME FAULTS
  if [ -z "$2" ]; then
    echo "ok       lint: $1"
  else
    echo "FAILED   lint: $1"
    sed 's/^/    /' <<<"$2" | head -60
    status=1
  fi
}

if command -v clang-format >/dev/null; then
  faults=$(find src include tests -name '*.cpp' -o -name '*.hpp' | sort |
    xargs -r clang-format --dry-run --Werror --ferror-limit=1 2>&1 | grep 'error:' | sed 's/: error:.*//')
  verdict 'clang-format has nothing to change' "$faults"
else
  echo 'skipped  lint: clang-format has nothing to change: no clang-format'
fi

scripts=$(ls quickstart tests/run .ci/run 2>/dev/null; find tests -name '*.sh'
  grep -rlE '^#!/bin/(bash|sh|busybox)' tests/vm)
faults=$(for script in $scripts; do bash -n "$script" 2>&1; done)
verdict 'shell scripts parse' "$faults"
if command -v shellcheck >/dev/null; then
  # shellcheck disable=SC2086
  verdict 'shellcheck finds nothing' "$(shellcheck -S warning -f gcc $scripts 2>&1)"
else
  echo 'skipped  lint: shellcheck finds nothing: no shellcheck'
fi

if command -v man >/dev/null && ls man/*.8 >/dev/null 2>&1; then
  faults=$(for page in man/*.[0-9]; do
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s|^|$page: |"
  done)
  verdict 'man pages format without a warning' "$faults"
fi
exit $status
