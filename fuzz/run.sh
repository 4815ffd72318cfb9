#!/bin/sh
# run.sh FUZZER CORPUS DIR: fuzzes for $FUZZ_SECONDS, starting from the corpus; prints TAP.  What is
# found new goes to DIR/found-NAME, not into the tree; a crashing input is kept in DIR and named.
set -u
fuzzer=$1 corpus=$2 dir=$3
name=${fuzzer##*/fuzz-}
seconds=${FUZZ_SECONDS:-2}
log=$dir/$name.log
echo 1..1
if [ -z "$(ls -A "$corpus" 2>&1)" ] || ! [ -d "$corpus" ]; then
    echo "not ok 1 - fuzz_$name has a corpus in fuzz/corpus/$name"
    exit 1
fi
mkdir -p "$dir/found-$name" || exit 1
# libFuzzer ends when more than so many whole seconds have passed, and 0 is for ever.
[ "$seconds" -le 1 ] && limit=1 || limit=$((seconds - 1))
if "$fuzzer" -max_total_time="$limit" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$dir/crash-$name-" "$dir/found-$name" "$corpus" >"$log" 2>&1; then
    sed -n 's/^Done\|^stat::number_of_executed_units/# &/p' "$log"
    echo "ok 1 - $name survives $seconds s of fuzzing"
else
    tail -n 60 "$log" | sed 's/^/# /'
    echo "not ok 1 - $name survives $seconds s of fuzzing"
    exit 1
fi
