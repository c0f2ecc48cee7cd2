# The default target builds ./heapgate. The first lines are the manual.
#
#   make                 build ./heapgate; no configure needed
#   make check           lints, unit tests, fuzz seeds, end-to-end tests
#   make demo            the allocators side by side, in under a minute
#   make release         build/release/heapgate, as it is meant to be run
#   make install         that, into $(DESTDIR)$(prefix)
#   make help            all targets
#
# Settings come from, later ones win: this file, config.mak.autogen (written
# by ./configure, see "make configure"), config.mak (yours, never committed),
# the command line ("make DEBUG=1").
#
# Define V=1 to see the commands instead of one short line for each.
#
# Define DEVELOPER=1 for more warnings and to make each an error.
#
# Define DEBUG=1 for a build without optimisation; DEBUG=2 adds the slow
# self-checks (x_check) at run time.
#
# Define SANITIZE=address,undefined (or any -fsanitize= list) for a sanitizer
# build. It goes to build/san, so it lives beside the normal one.
#
# Define B=DIR to build below DIR instead of build/. Only a build in build/
# also puts ./heapgate in the top directory.
#
# Define NO_HARDEN=1 to leave out the hardening flags (PIE, RELRO, stack
# protector, fortified libc calls).
#
# Define NO_LTO=1 to compile each file by itself. Without it, and by gcc, the program
# is optimised as a whole; test programs are not, they link faster so.
#
# Define NO_PROFILE=1 to install the program as "make" builds it. Without it, and by gcc,
# that is built twice for a release: first it counts its branches in a run of some
# seconds, then it is laid out by what was counted (contrib/train.sh).
#
# Define CC, CFLAGS, CPPFLAGS, LDFLAGS, PKG_CONFIG, prefix, DESTDIR as usual.
# CFLAGS is yours: what the program cannot do without is added to it.
#
# The allocators are loaded when heapgate starts. Never add -ljemalloc,
# -lmimalloc or -ltcmalloc here: linking one replaces malloc for all of them.

all:

VERSION = 0.1.0

ifeq ($(origin CC),default)
CC = gcc
endif
ifdef PROFILE
CFLAGS ?= -O3 -g
endif
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
CTAGS ?= ctags
CLANG ?= clang
prefix ?= /usr/local

-include config.mak.autogen
-include config.mak

bindir ?= $(prefix)/bin
docdir ?= $(prefix)/share/doc/heapgate
mandir ?= $(prefix)/share/man
unitdir ?= $(prefix)/lib/systemd/system

ifdef SANITIZE
B ?= build/san
endif
B ?= build

# --- flags ---------------------------------------------------------------

PKGS = libnghttp2 libevent_core openssl libcares jansson
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
CHECK_LIBS := $(shell $(PKG_CONFIG) --libs check 2>/dev/null)

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith
ifdef DEVELOPER
WARN += -Werror -Wformat=2 -Wundef -Wvla -Wold-style-definition
endif

ifndef NO_HARDEN
HARDEN = -fstack-protector-strong -fPIE -fno-plt
HARDEN_LD = -pie -Wl,-z,relro -Wl,-z,now
ifndef SANITIZE
ifndef DEBUG
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
endif

ifeq ($(findstring gcc,$(notdir $(CC)))$(NO_LTO)$(SANITIZE)$(DEBUG),gcc)
LTO = -flto=auto -ffat-lto-objects
NO_LTO_LD = -fno-lto
endif

# The two builds of "make release".
PROFILE_count = -fprofile-generate=$(abspath $B)/profile -fprofile-update=prefer-atomic
PROFILE_use = -fprofile-use=$(abspath $B)/profile -fprofile-correction \
	-Wno-missing-profile

OPT = $(PROFILE_$(PROFILE))
ifdef DEBUG
OPT += -O0 -g3 -DHEAPGATE_DEBUG=$(DEBUG)
endif
ifdef SANITIZE
OPT += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
SAN_LD = -fsanitize=$(SANITIZE)
endif

DEFS = -D_GNU_SOURCE -DHEAPGATE_VERSION='"$(VERSION)"'
ALL_CPPFLAGS = $(DEFS) -Isrc -I. $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS) $(OPT) $(ALL_CPPFLAGS) \
	$(PKG_CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) -Wl,--as-needed $(CFLAGS) $(PROFILE_$(PROFILE)) $(SAN_LD) \
	$(LDFLAGS)
LIBS = $(PKG_LIBS) -ldl -lm

ifndef V
Q_CC = @echo '    CC   ' $@;
Q_LD = @echo '    LINK ' $@;
Q_AR = @echo '    AR   ' $@;
Q_GEN = @echo '    GEN  ' $@;
Q = @
endif

# --- what there is -------------------------------------------------------

MAIN = src/server/main.c
MEM_SRC := $(sort $(wildcard allocators/*.c))
SRC := $(filter-out $(MAIN),$(sort $(wildcard src/*/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/check_*.c))
# Helpers that several unit tests share: every tests/unit/*.c without check_.
UNIT_LIB_SRC := $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.c)))
FUZZ_SRC := $(filter-out tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c)))

obj = $(patsubst %.c,$B/%.o,$1)
GEN = $B/gen/dygraphs.c $B/gen/dashboard.c
MEM_OBJ = $(call obj,$(MEM_SRC))
OBJ = $(call obj,$(SRC))
UNIT_LIB_OBJ = $(call obj,$(UNIT_LIB_SRC))
UNIT = $(patsubst %.c,$B/%,$(UNIT_SRC))
FUZZ = $(patsubst %.c,$B/%,$(FUZZ_SRC))
FUZZ_CLANG = $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(FUZZ_SRC))
COST = $B/tests/bench/cost_exec.so
STRAY = $(if $(wildcard tests/e2e/stray.c),$B/tests/e2e/stray.so)
LIBRARIES = $B/libheapgate.a $B/libmem.a

# What one unit test, fuzzer or bench links besides: LIBS_<name> = -l...
LIBS_check_h1_peers = -lhttp_parser
LIBS_bench_tls = -lssl -lcrypto

# --- building ------------------------------------------------------------

all: $B/heapgate
ifeq ($B,build)
all: heapgate
heapgate: $B/heapgate
	$Q ln -f $< $@ 2>/dev/null || cp -f $< $@
endif

$B/heapgate: $(call obj,$(MAIN)) $(LIBRARIES) $B/.ldflags
	$(Q_LD) $(CC) $(HARDEN) $(LTO) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

# The program as it is meant to be run.
ifeq ($(NO_PROFILE)$(LTO),-flto=auto -ffat-lto-objects)
RELEASE = $B/release/heapgate
else
RELEASE = $B/heapgate
endif
release: $(RELEASE)
build_release = $(MAKE) --no-print-directory $(MAKE_JOBS) B=$B/release PROFILE=$1 \
	$B/release/heapgate
$B/release/heapgate: $(MAIN) $(SRC) $(MEM_SRC) $(wildcard src/*/*.h allocators/*.h) \
		$(GEN) $B/.cflags $B/.ldflags contrib/train.sh
	$Q rm -rf $B/release
	+$Q $(call build_release,count)
	@echo '    TRAIN' $@
	$Q contrib/train.sh $@
	+$Q $(call build_release,use)

$B/libmem.a: $(MEM_OBJ)
$B/libheapgate.a: $(OBJ) $(GEN:.c=.o)
$B/libmem.a $B/libheapgate.a:
	$(Q_AR) rm -f $@ && $(AR) crs $@ $^

$B/%.o: %.c $B/.cflags
	@mkdir -p $(@D)
	$(Q_CC) $(CC) $(ALL_CFLAGS) $(if $(filter tests/%,$<),,$(LTO)) -MMD -MP -c -o $@ $<

$B/tests/unit/check_%: $B/tests/unit/check_%.o $(UNIT_LIB_OBJ) $(LIBRARIES) \
		$B/.ldflags
	$(Q_LD) $(CC) $(ALL_LDFLAGS) $(NO_LTO_LD) -o $@ $(filter %.o %.a,$^) $(CHECK_LIBS) \
		$(LIBS_$(@F)) $(LIBS)

# The main that replays seeds is in an archive, so that a fuzzer may bring
# one of its own.
$B/tests/fuzz/libreplay.a: $B/tests/fuzz/replay.o
	$(Q_AR) rm -f $@ && $(AR) crs $@ $^
$B/tests/fuzz/%: $B/tests/fuzz/%.o $B/tests/fuzz/libreplay.a $(LIBRARIES) \
		$B/.ldflags
	$(Q_LD) $(CC) $(ALL_LDFLAGS) $(NO_LTO_LD) -o $@ $(filter %.o %.a,$^) \
		$(LIBS_$(@F)) $(LIBS)

$B/tests/e2e/stray.so $(COST): $B/%.so: %.c $B/.cflags
	@mkdir -p $(@D)
	$(Q_LD) $(CC) -std=gnu11 $(WARN) -O2 -g -D_GNU_SOURCE -fPIC -shared \
		-fno-builtin -o $@ $< -ldl

$B/tests/bench/bench_%: $B/tests/bench/bench_%.o $B/libmem.a $B/.ldflags
	$(Q_LD) $(CC) $(ALL_LDFLAGS) $(NO_LTO_LD) -o $@ $(filter %.o %.a,$^) $(LIBS_$(@F)) \
		-ldl -lm

# dygraphs, for the charts of "heapgate ab": Debian's libjs-dygraphs as it is
# installed, made into C. Without the package the report has tables only.
DYGRAPHS ?= /usr/share/javascript/dygraphs
embed = { echo 'extern const char $1[];'; echo 'const char $1[] = {'; \
	if [ -e $2 ]; then od -An -v -td1 $2 | \
	sed 's/ *\(-\{0,1\}[0-9]\{1,\}\)/\1,/g'; fi; echo '0};'; }
$B/gen/dygraphs.c: $(wildcard $(DYGRAPHS)/dygraph.min.js $(DYGRAPHS)/dygraph.min.css)
	@mkdir -p $(@D)
	$(Q_GEN) { $(call embed,report_dygraphs_js,$(DYGRAPHS)/dygraph.min.js); \
		$(call embed,report_dygraphs_css,$(DYGRAPHS)/dygraph.min.css); } >$@
# The page of the metrics listener.
ASSETS = src/server/assets
$B/gen/dashboard.c: $(wildcard $(ASSETS)/*)
	@mkdir -p $(@D)
	$(Q_GEN) { $(call embed,dashboard_html,$(ASSETS)/dashboard.html); \
		$(call embed,dashboard_css,$(ASSETS)/dashboard.css); \
		$(call embed,dashboard_js,$(ASSETS)/dashboard.js); } >$@
$B/gen/%.o: $B/gen/%.c $B/.cflags
	$(Q_CC) $(CC) $(ALL_CFLAGS) -c -o $@ $<

# A stamp is touched only when the flags differ from last time.
stamp = @mkdir -p $(@D); printf '%s\n' $1 >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
quote = '$(subst ','\'',$1)'
$B/.cflags: FORCE
	@$(if $(PKG_LIBS),:,echo "libraries are missing: make deps" >&2; exit 1)
	$(call stamp,$(call quote,$(CC) $(ALL_CFLAGS) $(LTO)))
$B/.ldflags: FORCE
	$(call stamp,$(call quote,$(CC) $(LTO) $(ALL_LDFLAGS) $(LIBS)))

-include $(patsubst %.o,%.d,$(MEM_OBJ) $(OBJ) $(UNIT_LIB_OBJ) \
	$(patsubst %.c,$B/fuzz/obj/%.o,$(MEM_SRC) $(SRC)) \
	$(call obj,$(MAIN) $(UNIT_SRC) $(FUZZ_SRC) tests/fuzz/replay.c \
	$(wildcard tests/bench/*.c)))

# --- checking ------------------------------------------------------------
#
# check and demo must work as the very first command. They probe, install
# what is missing, and run make anew, which then sees the new packages.

NPROC := $(shell nproc 2>/dev/null || echo 2)
MAKE_JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(NPROC))
RUN_ENV = B=$B SANITIZE='$(SANITIZE)' CC='$(CC)' CTAGS='$(CTAGS)' \
	LINT_CFLAGS='$(ALL_CPPFLAGS) $(PKG_CFLAGS)'

packages:
	@$(probe) || $(MAKE) --no-print-directory deps
ifndef PROBED
check demo: packages
	+@$(MAKE) --no-print-directory $(MAKE_JOBS) PROBED=1 $@
else
check: all $(UNIT) $(FUZZ) $(STRAY) $(COST)
	@$(RUN_ENV) tests/run all
demo: all
	@B=$B tests/demo/demo.sh
endif

check-quick: $(UNIT) $(FUZZ)
	@$(RUN_ENV) tests/run unit fuzz
check-unit: $(UNIT)
	@$(RUN_ENV) tests/run unit
check-fuzz: $(FUZZ)
	@$(RUN_ENV) tests/run fuzz
check-e2e: all $(STRAY)
	@$(RUN_ENV) tests/run e2e
check-release: release all $(STRAY)
	@$(RUN_ENV) HEAPGATE='$(abspath $(RELEASE))' tests/run e2e
check-cost: all $(COST)
	@$(RUN_ENV) tests/run cost
# The figures that check-cost compares with, before and after.
cost-record: all $(COST)
	@B=$B tests/bench/cost.py record
check-lint:
	@$(RUN_ENV) tests/run lint

# Fuzzing for real wants clang; everything is compiled once more for it.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS = -fsanitize=fuzzer-no-link,address,undefined
FUZZ_CC = $(CLANG) -std=gnu11 -O1 -g -fno-omit-frame-pointer $(ALL_CPPFLAGS) \
	$(PKG_CFLAGS)
FUZZ_OBJ = $(patsubst %.c,$B/fuzz/obj/%.o,$(MEM_SRC) $(SRC)) \
	$(patsubst $B/%.c,$B/fuzz/obj/%.o,$(GEN))
$B/fuzz/obj/gen/%.o: $B/gen/%.c
	@mkdir -p $(@D)
	$(Q_CC) $(FUZZ_CC) $(FUZZ_FLAGS) -c -o $@ $<
$B/fuzz/obj/%.o: %.c $B/.cflags
	@mkdir -p $(@D)
	$(Q_CC) $(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
$B/fuzz/libheapgate.a: $(FUZZ_OBJ)
	$(Q_AR) rm -f $@ && $(AR) crs $@ $^
$B/fuzz/%: tests/fuzz/%.c $B/fuzz/libheapgate.a $(wildcard tests/fuzz/*.h)
	$(Q_LD) $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.c %.a,$^) \
		$(LIBS_$(@F)) $(LIBS)
fuzz-smoke: $(FUZZ_CLANG)
	@for f in $(FUZZ_CLANG); do n=$${f##*/}; mkdir -p $B/fuzz/corpus/$$n; \
		echo "fuzz $$n for $(FUZZ_SECONDS) s"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$B/fuzz/$$n- $B/fuzz/corpus/$$n \
			$$(ls -d tests/fuzz/seeds/$$n 2>/dev/null) \
			2>$B/fuzz/$$n.log || { tail -n 40 $B/fuzz/$$n.log; exit 1; }; \
		tail -n 7 $B/fuzz/$$n.log; done

# The lines of the HTTP/1 codec that its unit tests reach; wants gcovr.
COVERED = $(patsubst %.c,$B/cov/%,$(wildcard tests/unit/check_h1_*.c))
coverage:
	@$(MAKE) --no-print-directory B=$B/cov NO_HARDEN=1 \
		CFLAGS='-O0 -g --coverage' $(COVERED)
	@for t in $(COVERED); do $$t || exit 1; done
	@gcovr -r . --object-directory $B/cov/src/http --filter 'src/http/h1.*\.c' \
		--fail-under-line 95 $B/cov/src/http

# Benches but for those of instructions measure the program as it is installed.
BENCH_ENV = B=$B HEAPGATE="$${HEAPGATE:-$(abspath $(RELEASE))}"
bench: release $B/tests/bench/bench_tls $B/tests/bench/bench_stalls
	@$(BENCH_ENV) tests/bench/peers.py $(BENCH_ARGS)
bench-mem: $B/tests/bench/bench_mem
	@$< $(BENCH_ARGS)
bench-accounting: all $(COST)
	$Q $(MAKE) --no-print-directory B=$B/plain \
		CPPFLAGS='$(CPPFLAGS) -DMEM_ACCOUNTING=0' \
		$B/plain/heapgate $B/plain/tests/bench/cost_exec.so
	@B=$B tests/bench/cost.py accounting $B/plain
bench-replay: release
	@$(BENCH_ENV) tests/bench/replay.py $(BENCH_ARGS)
bench-rss: release $B/tests/bench/bench_pin
	@$(BENCH_ENV) tests/bench/rss.py $(BENCH_ARGS)
bench-scale: release
	@$(BENCH_ENV) tests/bench/scale.py $(BENCH_ARGS)
bench-load: release
	@$(BENCH_ENV) tests/bench/load.py $(BENCH_ARGS)
bench-campaigns: release
	@$(BENCH_ENV) tests/bench/campaigns.py $(BENCH_ARGS)

# Reference pages that the program itself knows best.
docs: all
	$(Q_GEN) $B/heapgate config-docs >docs/config.md
	$(Q_GEN) $B/heapgate metrics-docs >docs/metrics.md

# --- packages ------------------------------------------------------------

DEBS = pkg-config libnghttp2-dev libevent-dev libssl-dev libc-ares-dev \
	libjansson-dev libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 \
	libtbbmalloc2 libjs-dygraphs libncurses-dev check libhttp-parser-dev curl openssl valgrind nghttp2-client \
	nghttp2-server python3 universal-ctags
# What some end-to-end tests talk to, which are skipped without it.
CHECK_DEBS = autoconf chromium nodejs python3-grpcio tmux
# Each of these starts a service when it is installed.
BENCH_DEBS = nginx haproxy h2o nghttp2-proxy

probe = { $(PKG_CONFIG) --exists $(PKGS) check && \
	PATH=$$PATH:/usr/sbin:/sbin && \
	for c in curl openssl h2load nghttp nghttpd python3 $(CTAGS); do \
		command -v $$c || exit 1; done && \
	for l in jemalloc.so.2 mimalloc.so.2 tcmalloc_minimal.so.4 \
		tbbmalloc.so.2; do \
		ldconfig -p | grep -q "lib$$l" || exit 1; done && \
	test -e /usr/include/http_parser.h; } >/dev/null 2>&1

apt = set -e; \
	if ! command -v apt-get >/dev/null; then \
		echo "no apt-get here; wanted, by Debian's names: $1" >&2; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then as=; \
	elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || \
		[ -t 0 ]; }; then as=sudo; \
	else echo "packages are missing; run this once, then make again:" >&2; \
		echo "    apt-get update && apt-get install -y" $1 >&2; exit 1; fi; \
	get="$$as env DEBIAN_FRONTEND=noninteractive $2 apt-get -q"; \
	ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || $$get update; \
	$$get install -y --no-install-recommends $1 || { $$get update && \
		$$get install -y --no-install-recommends $1; }

check_probe = { for c in autoconf chromium node tmux; do \
		command -v $$c || exit 1; done && \
	/usr/bin/python3 -c 'import grpc'; } >/dev/null 2>&1

deps:
	@$(call apt,$(DEBS))
check-deps:
	@$(check_probe) || { $(call apt,$(CHECK_DEBS)); }
bench-deps:
	@echo "These packages bring services, which Debian starts when it" \
		"installs them: $(BENCH_DEBS)."
	@echo "To stop them again: systemctl disable --now nginx haproxy h2o" \
		"nghttpx"
	@$(call apt,$(BENCH_DEBS),RUNLEVEL=1)

# --- the rest ------------------------------------------------------------

INSTALL = install
install: release
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(docdir)/examples
	$(INSTALL) -m 755 $(RELEASE) $(DESTDIR)$(bindir)/heapgate
	for f in README.md LICENSE $(wildcard docs/*.md); do \
		$(INSTALL) -m 644 $$f $(DESTDIR)$(docdir)/ || exit 1; done
	for f in $(wildcard examples/*/*.conf); do d=$${f%/*}; \
		$(INSTALL) -d $(DESTDIR)$(docdir)/$$d && \
		$(INSTALL) -m 644 $$f $(DESTDIR)$(docdir)/$$d/ || exit 1; done
	for f in $(wildcard docs/man/*.[1-8]); do s=$${f##*.}; \
		$(INSTALL) -d $(DESTDIR)$(mandir)/man$$s && \
		$(INSTALL) -m 644 $$f $(DESTDIR)$(mandir)/man$$s/ || exit 1; done
	for f in $(wildcard contrib/*.service); do \
		$(INSTALL) -d $(DESTDIR)$(unitdir) && \
		$(INSTALL) -m 644 $$f $(DESTDIR)$(unitdir)/ || exit 1; done
uninstall:
	rm -f $(DESTDIR)$(bindir)/heapgate $(DESTDIR)$(unitdir)/heapgate.service
	rm -f $(patsubst docs/man/%,$(DESTDIR)$(mandir)/man?/%,$(wildcard docs/man/*.[1-8]))
	rm -rf $(DESTDIR)$(docdir)

configure: configure.ac
	$(Q_GEN) autoconf -o $@ $<

clean:
	rm -rf build heapgate
distclean: clean
	rm -rf configure configure~ config.log config.status config.mak.autogen autom4te.cache

help:
	@echo 'make             build ./heapgate'
	@echo 'make release     build/release/heapgate, laid out by what a run has counted'
	@echo 'make check       everything below but fuzz-smoke'
	@echo 'make check-lint  layers, headers, sizes, words, docs in step'
	@echo 'make check-unit  unit tests (Check)'
	@echo 'make check-fuzz  replay the seeds of the fuzzers'
	@echo 'make check-e2e   end-to-end tests'
	@echo 'make check-release  the same on the release'
	@echo 'make check-cost  instructions and allocations of a request, as recorded'
	@echo 'make cost-record record these anew; shows before and after'
	@echo '                 ONLY=PATTERN: only the tests whose names match'
	@echo 'make check-quick check-unit and check-fuzz'
	@echo 'make fuzz-smoke  each fuzzer for FUZZ_SECONDS=60 (wants clang)'
	@echo 'make coverage    lines of the HTTP/1 codec that unit tests reach (gcovr)'
	@echo 'make demo        the allocators side by side'
	@echo 'make bench       CPU per request beside nghttpx, haproxy, h2o, nginx'
	@echo 'make bench-mem   ns per allocation and free, by allocator and size'
	@echo 'make bench-accounting  instructions that counting memory costs'
	@echo 'make bench-replay  allocators by peak memory: live and by a replayed trace'
	@echo 'make bench-rss   resident memory: idle, in flight, churn, burst, pinning'
	@echo 'make bench-scale CPU and memory against connections, routes, servers, …'
	@echo 'make bench-load  what the load generator can drive beside what a worker can serve'
	@echo 'make bench-campaigns  what heapgate ab finds where nothing and where 10 % differs'
	@echo 'make docs        write docs/config.md and docs/metrics.md anew'
	@echo 'make deps        install the Debian packages for build and check'
	@echo 'make packages    make deps, if something is missing'
	@echo 'make check-deps  install what some end-to-end tests talk to: a browser, gRPC, …'
	@echo 'make bench-deps  install the peers; they start services'
	@echo 'make configure   write ./configure by autoconf (not needed to build)'
	@echo 'make install     the release; DESTDIR=$(DESTDIR) prefix=$(prefix)'
	@echo 'make uninstall   remove what install put there'
	@echo 'make clean       remove build/ and ./heapgate'
	@echo 'make distclean   clean, and what configure left'
	@echo
	@echo 'Settings: V=1 DEVELOPER=1 DEBUG=1|2 SANITIZE=address,undefined B=DIR'
	@echo 'NO_HARDEN=1 NO_LTO=1 NO_PROFILE=1; the head of the Makefile explains each.'

FORCE:
.PHONY: all release packages check demo check-quick check-unit check-fuzz check-e2e check-release check-cost cost-record check-lint coverage fuzz-smoke \
	bench bench-accounting bench-mem bench-replay bench-rss bench-scale bench-load bench-campaigns docs deps check-deps bench-deps install uninstall clean distclean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
