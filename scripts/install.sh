#!/bin/sh
# install.sh GROUP ...: sees to it that the packages of these groups (packages.txt) are installed.
# All there: it says nothing and needs neither network nor root.  Otherwise root installs them,
# a user calls sudo for that, and one without sudo is told the command.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# The packages of the groups that are missing or too old, one per line.
missing() {
    for group in "$@"; do
        while read -r of package oldest; do
            [ "$of" = "$group" ] || continue
            # shellcheck disable=SC2016 # the variables are dpkg-query's
            state=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$package" 2>/dev/null |
                sed -n 's/^installed //p' | head -n 1)
            if [ -z "$state" ]; then
                echo "$package"
            elif [ -n "$oldest" ] && dpkg --compare-versions "$state" lt "$oldest"; then
                echo "$package"
            fi
        done <"$here/packages.txt"
    done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install: this needs Debian's apt. On another system, install what" >&2
    echo "  $here/packages.txt names, and then: meson setup build && ninja -C build" >&2
    exit 1
fi
wanted=$(missing "$@" | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install: missing: $wanted" >&2
        echo "Only root may install, and there is no sudo. Have root run:" >&2
        echo "  sh $here/install.sh $*" >&2
        exit 1
    fi
    exec sudo sh "$here/install.sh" "$@"
fi

export DEBIAN_FRONTEND=noninteractive
sh "$here/backports.sh"
apt-get -q -o DPkg::Lock::Timeout=300 update
# shellcheck disable=SC2086 # one word a package
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $wanted
# What is only compared with is not to serve on this machine: nginx would, on port 80, from now on.
for service in haproxy nginx; do
    case " $wanted " in *" $service "*)
        if [ -d /run/systemd/system ]; then systemctl disable --now -q "$service"; fi
        ;;
    esac
done
left=$(missing "$@" | tr '\n' ' ')
if [ -n "$left" ]; then
    echo "install: still missing or too old: $left(needed: $here/packages.txt)" >&2
    exit 1
fi
