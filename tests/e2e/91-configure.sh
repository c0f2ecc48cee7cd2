#!/usr/bin/env bash
# configure writes config.mak.autogen and nothing that make could not do
# without; what it was told, make uses.
. "$(dirname "$0")/lib.sh"

need autoconf pkg-config
# A user's make has none of the test runner's settings.
unset B SANITIZE CC CTAGS
mkdir -p tree/allocators
cp "$TOP/Makefile" "$TOP/configure.ac" "$TOP/config.mak.in" tree
cp "$TOP"/allocators/{*.h,mem.c} tree/allocators
cd tree

it "is made by autoconf alone"
make -s configure >/dev/null
ls -A | sort >before
./configure --prefix=/opt/somewhere CFLAGS=-O1 >configure.out
is "$(ls -A | sort | comm -13 before - | grep -vxE 'before|configure.out' |
	tr '\n' ' ')" "config.log config.mak.autogen config.status " "new files"

it "tells make what it was told"
has "$(cat config.mak.autogen)" "prefix = /opt/somewhere"
has "$(make help)" "prefix=/opt/somewhere"
has "$(make -n V=1 build/allocators/mem.o)" " -O1 "

it "gives way to config.mak and the command line"
echo 'CFLAGS = -O3' >config.mak
has "$(make -n V=1 build/allocators/mem.o)" " -O3 "
has "$(make -n V=1 build/allocators/mem.o CFLAGS=-O0)" " -O0 "

it "builds, and a changed flag builds anew, an unchanged one does not"
make -s build/allocators/mem.o >/dev/null
make build/allocators/mem.o >again
has_not "$(cat again)" CC
make build/allocators/mem.o DEBUG=1 >other
has "$(cat other)" CC
