#!/bin/sh
# package.sh: Debian packages of this tree into build/packages, built by dpkg-buildpackage from a copy of what git
# knows, and looked over by lintian.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=step.sh
. "$root/scripts/step.sh"

"$root/scripts/need.sh" build package
out=$root/build/packages
rm -rf "$out"
mkdir -p "$out/qhcp"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp -a --parents -t "$out/qhcp")
cd "$out/qhcp"
step 'building the packages' "$out/build.log" dpkg-buildpackage -us -uc -b
step 'lintian' "$out/lintian.log" lintian --fail-on error --suppress-tags bad-distribution-in-changes-file \
    "$out"/qhcp_*.changes
rm -rf "$out/qhcp"
echo "in build/packages:"
cd "$out" && ls -- *.deb
