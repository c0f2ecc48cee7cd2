# heapgate: make | make check | make demo; make help tells the rest.

B ?= build
CC ?= gcc
-include config.mak.autogen
-include config.mak

PKGS = libnghttp2 libevent_core openssl libcares jansson
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Isrc -I.
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith
ifdef DEVELOPER
WARN += -Werror
endif
ifdef SANITIZE
CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
LDFLAGS += -fsanitize=$(SANITIZE)
endif
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(CPPFLAGS) $(shell pkg-config --cflags $(PKGS))
LIBS = $(shell pkg-config --libs $(PKGS)) -ldl -lm

MEM_SRC = $(wildcard allocators/*.c)
SRC = $(filter-out src/server/main.c,$(wildcard src/*/*.c))
MEM_OBJ = $(MEM_SRC:%.c=$B/%.o)
OBJ = $(SRC:%.c=$B/%.o)
TESTS = $(patsubst %.c,$B/%,$(wildcard tests/unit/check_*.c))

all: heapgate
heapgate: $B/src/server/main.o $B/libheapgate.a $B/libmem.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$B/libmem.a: $(MEM_OBJ)
	rm -f $@ && ar crs $@ $^
$B/libheapgate.a: $(OBJ)
	rm -f $@ && ar crs $@ $^
$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$B/tests/unit/%: $B/tests/unit/%.o $B/libheapgate.a $B/libmem.a
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(LIBS)
check: $(TESTS)
	@for t in $(TESTS); do $$t || exit 1; done
clean:
	rm -rf build heapgate
.PHONY: all check clean
.SECONDARY:
-include $(MEM_OBJ:.o=.d) $(OBJ:.o=.d)
