#!/bin/sh
# build.sh [TARGET ...]: installs what the build needs and leaves build/qhcp and the libraries in build/,
# and whatever else is a TARGET of the build.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=step.sh
. "$root/scripts/step.sh"

"$root/scripts/need.sh" build
mkdir -p "$root/build"
exec 9>"$root/build/.lock" # several menus may be opened at once
flock 9
if ! [ -e "$root/build/build.ninja" ]; then
    step 'configuring' "$root/build/configure.log" meson setup "$root/build" "$root" 9>&-
fi
step 'building' "$root/build/build.log" ninja -C "$root/build" shipped "$@" 9>&-
if ! [ -x "$root/build/qhcp" ]; then
    echo "run_quic.sh: the build made no $root/build/qhcp" >&2
    exit 1
fi
