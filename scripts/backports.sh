#!/bin/sh
# backports.sh: on Debian 12, lets apt take ngtcp2 from bookworm-backports (bookworm's own is too
# old); every other package stays bookworm's.  Where the machine has that suite already, only the
# pin is made; on later releases nothing is.  The archive is the one that the machine uses for
# bookworm, found by asking apt, whichever format its sources are in.  Root only.
#
# backports.sh [ETC]: ETC stands in for /etc in the tests.
set -eu
etc=${1-/etc}
sources=$etc/apt/sources.list.d/qhcp-backports.sources
pin=$etc/apt/preferences.d/qhcp-ngtcp2

# shellcheck source=/dev/null
. "$etc/os-release"
[ "${ID-}" = debian ] && [ "${VERSION_CODENAME-}" = bookworm ] || exit 0

# targets FIELDS FILTER ...: the package indexes that apt is configured to use
targets() {
    fields=$1
    shift
    apt-get indextargets --format "$fields" 'Created-By: Packages' 'Component: main' "$@" | sort -u
}

# signed_by FILE URI: the key option of the entry for this archive, as a field of a .sources file
signed_by() {
    case $1 in
    *.sources)
        awk -v uri="${2%/}" '
            function flush() { if (mine && key != "") { printf "%s", key; exit } mine = 0; key = ""; on = 0 }
            /^[ \t]*$/ { flush(); next }
            /^#/ { next }
            /^[^ \t]/ { on = tolower($0) ~ /^signed-by:/ }
            tolower($1) == "uris:" { for (i = 2; i <= NF; i++) { u = $i; sub(/\/$/, "", u); if (u == uri) mine = 1 } }
            on { key = key $0 "\n" }
            END { flush() }' "$1"
        ;;
    *)
        awk -v uri="${2%/}" '$1 == "deb" && index($0, uri) && match($0, /signed-by=[^] ]+/) {
            print "Signed-By: " substr($0, RSTART + 10, RLENGTH - 10); exit }' "$1"
        ;;
    esac
}

# shellcheck disable=SC2016 # the variables are apt's
if [ -z "$(targets '$(RELEASE)' 'Release: bookworm-backports')" ]; then
    archive() { targets '$(REPO_URI) $(SOURCESENTRY)' 'Origin: Debian' 'Codename: bookworm' | head -n 1; }
    found=$(archive)
    if [ -z "$found" ]; then # apt has never looked at its sources
        apt-get -q update
        found=$(archive)
    fi
    if [ -z "$found" ]; then
        echo "backports: apt has no source for Debian bookworm, so none for its backports" >&2
        exit 1
    fi
    uri=${found%% *}
    file=${found#* }
    {
        echo "# ngtcp2 for QHCP; the pin beside it ($pin) keeps the rest away"
        printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\n' "$uri"
        signed_by "${file%:*}" "$uri"
    } >"$sources.new"
    mv "$sources.new" "$sources"
fi
if ! [ -e "$pin" ]; then
    printf '%s\n' '# QHCP needs ngtcp2 1.11' 'Package: libngtcp2*' \
        'Pin: release n=bookworm-backports' 'Pin-Priority: 500' >"$pin.new"
    mv "$pin.new" "$pin"
fi
