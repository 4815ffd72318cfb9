#!/bin/sh
# run_quic.sh: everything about QHCP on a fresh Debian 12 or 13, in one command.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usage() {
    cat <<'HELP'
usage: ./run_quic.sh [COMMAND]

  (none)           the menu: run a load balancer or a server
  demo             three servers and a load balancer on this machine: one is killed and comes back
  build            build/qhcp and the libraries, in build/
  test [NAME ...]  the whole test suite, or the tests whose suite/name contains a NAME
  package          Debian packages, in build/packages
  test-package     builds, installs, upgrades and purges them in clean roots of Debian 12 and 13 (20 minutes)
  test-versions [REVISION]  this version and the one before it (or REVISION), together: both orders of upgrade, and back
  test-browsers    the page in Firefox; the test suite has it in Chromium
  fuzz [SECONDS]   each fuzzer for that long (default 60)
  bench [NAME ...] what docs/benchmarks.md shows, by name, with its arguments (default: detection); this installs
                   what is compared with, HAProxy and nginx, and wrk; their services are switched off
  help             this

Each installs first what is missing, with apt: as root directly, otherwise by sudo.
HELP
}

command=${1-menu}
[ $# -eq 0 ] || shift
case $command in
menu | demo | build)
    if [ $# -ne 0 ]; then
        echo "run_quic.sh: $command takes no arguments, but got: $*" >&2
        exit 2
    fi
    "$root/scripts/build.sh"
    ;;
esac
case $command in
menu) exec "$root/scripts/menu.sh" ;;
demo) exec python3 -B "$root/scripts/demo.py" ;;
build) echo "built: $root/build/qhcp, libqhcp.so, libqhcp.a" ;;
test)
    "$root/scripts/need.sh" build test ${CI:+bench}
    exec python3 -B "$root/scripts/test.py" "$@"
    ;;
fuzz)
    seconds=${1-60}
    case $seconds in
    '' | *[!0-9]* | 0*)
        echo "run_quic.sh: fuzz takes a number of seconds, but got: $seconds" >&2
        exit 2
        ;;
    esac
    "$root/scripts/need.sh" build test
    exec python3 -B "$root/scripts/test.py" --fuzz-only --fuzz-seconds "$seconds"
    ;;
package)
    if [ $# -ne 0 ]; then
        echo "run_quic.sh: package takes no arguments, but got: $*" >&2
        exit 2
    fi
    exec "$root/scripts/package.sh"
    ;;
test-package)
    "$root/scripts/need.sh" package roots
    exec python3 -B "$root/tests/package/test_roots.py" "$@"
    ;;
test-versions)
    "$root/scripts/need.sh" build test
    "$root/scripts/build.sh"
    exec python3 -B "$root/tests/versions/test_versions.py" "$@"
    ;;
test-browsers)
    "$root/scripts/need.sh" build test browsers
    "$root/scripts/build.sh"
    QHCP_BINARY=$root/build/qhcp exec python3 -B "$root/tests/tap.py" "$root/tests/browsers/test_firefox.py" "$@"
    ;;
bench)
    name=${1-detection}
    [ $# -eq 0 ] || shift
    if [ ! -f "$root/bench/$name/meson.build" ]; then
        echo "run_quic.sh: there is no benchmark \"$name\": $(cd "$root/bench" && echo */ | sed 's,/,,g; s/ /, /g')" >&2
        exit 2
    fi
    "$root/scripts/need.sh" build bench
    "$root/scripts/build.sh" benchmarks
    helpers=$root/build/bench/$name
    if [ -f "$root/bench/$name/main.py" ]; then
        QHCP_BINARY=$root/build/qhcp QHCP_BENCH_HELPERS=$helpers exec python3 -B "$root/bench/$name/main.py" "$@"
    fi
    [ -x "$helpers/$name" ] || name=qhcp-$name
    exec "$helpers/$name" "$@"
    ;;
help | -h | --help) usage ;;
*)
    echo "run_quic.sh: no command \"$command\"" >&2
    usage >&2
    exit 2
    ;;
esac
