#!/bin/sh
# static-library.sh ARCHIVE OUT DIR: makes OUT, a static library of one relocatable object: the
# objects of ARCHIVE linked together, every symbol but qhcp_* made local.  Whoever links it cannot
# collide with a name of ours, nor come to depend on one.  DIR is for what lies between.
set -eu
archive=$1 out=$2 dir=$3
mkdir -p "$dir"
object=$dir/qhcp.o
"${LD:-ld}" -r --whole-archive "$archive" -o "$object"
"${OBJCOPY:-objcopy}" --wildcard --keep-global-symbol 'qhcp_*' "$object"
rm -f "$out"
"${AR:-ar}" rcsD "$out" "$object"
