#!/usr/bin/env bash
# make install puts everything below DESTDIR and prefix, and the program runs
# from there; make uninstall takes it away again.
. "$(dirname "$0")/lib.sh"

need make
# What is built is old enough: the flags it was built with are not known here.
tree() {
	make -s -C "$TOP" -o release NO_PROFILE=1 B="$B" DESTDIR="$TMPDIR/root" \
		prefix=/opt/hg "$@"
}

it "installs the program, the pages and the examples"
tree install >/dev/null
has "$("$TMPDIR/root/opt/hg/bin/heapgate" -V)" heapgate
[ -e "$TMPDIR/root/opt/hg/share/doc/heapgate/README.md" ] || flunk "no README"
is "$(find "$TMPDIR/root" -type f -o -type l | grep -vc "^$TMPDIR/root/opt/hg/" ||
	true)" 0 "files elsewhere"
find "$TMPDIR/root" -name '*.conf' | grep -q . || flunk "no example config"

it "uninstalls them"
tree uninstall >/dev/null
is "$(find "$TMPDIR/root" -type f)" "" "left"
