#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spelling, by codespell: comments, messages, pages.
cd "$(dirname "$0")/../.." || exit 1
if ! command -v codespell >/dev/null; then
  echo 'skipped  lint: codespell finds nothing: no codespell'
  exit 0
fi
# Words that are right here: options of mount(8) and names of kernels' and programs' own.
words=ro,rw,fo,ot,te,nd,ans,ser,fle,inout,doesnt,seh,sme,hda,pres,ans,childs,parms,anc,iff,hist,creat,unx,caf,craete
# Misspelt on purpose, in tests of suggestions.
words+=,optoins,opne,nmae
faults=$(codespell --ignore-words-list "$words" --skip './build*,./.git,./.cache,./tests/schema,./tests/bench/results,./LICENSE' \
  src include man tests tools README.md CONTRIBUTING.md SECURITY.md completions config-samples 2>&1)
if [ -z "$faults" ]; then
  echo 'ok       lint: codespell finds nothing'
else
  echo 'FAILED   lint: codespell finds nothing'
  sed 's/^/    /' <<<"$faults" | head -60
  exit 1
fi
