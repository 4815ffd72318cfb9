#!/bin/sh
# need.sh GROUP ...: install.sh as a step of run_quic.sh.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=step.sh
. "$here/step.sh"
log=$(mktemp "${TMPDIR:-/tmp}/qhcp-install.XXXXXX")
step 'installing what is missing' "$log" sh "$here/install.sh" "$@"
[ ! -s "$log" ] || echo 'installed what was missing'
rm -f "$log"
