#!/usr/bin/env bash
# Any malloc-compatible library serves, named by its path, also one whose
# functions have a prefix.
. "$(dirname "$0")/lib.sh"

lib=$(ldconfig -p | awk '!at && /libtbbmalloc\.so\.2/ { at = $NF } END { print at }')
[ -n "$lib" ] || skip "libtbbmalloc2 is not installed"
need h2load
file 1k 1K
start_nghttpd
ports
simple_conf "127.0.0.1:$NGHTTPD_PORT proto=h2c"
start_heapgate --allocator "$lib,prefix=scalable_"

it "serves with a library given by path and prefix"
has "$(maps "$(worker)")" libtbbmalloc
has "$(metrics | grep '^heapgate_allocator_info{')" libtbbmalloc
load 5000 20 10 "$URL/1k"
is "$LOAD_OK" 5000 "succeeded"
