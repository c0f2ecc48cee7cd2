/*
 * stray: a preloaded library that counts the allocations libc serves, by the
 * place that asked. In a worker that runs any allocator but "system" each of
 * them is stray: it went past the table. With "system" the calls made by the
 * program's own text are the table's, so those of libraries are stray.
 *
 * STRAY_OUT=PREFIX: the process keeps its counts in the file PREFIX.PID, a
 * shared mapping that can be read at any moment. Each line is one place:
 *
 *     <calls> <main|lib> <function> <object> <symbol>
 *
 * Promises: allocates nothing itself. Frees are not counted: what was never
 * allocated outside cannot be freed there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_SITES 1024 /* a power of two; later places share the last line */
#define LINE    128  /* bytes of one place's line, the newline included */
#define DIGITS  12   /* width of the count at a line's begin */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

struct site {
	const void *caller; /* NULL: this slot is free */
	uint64_t calls;
	char *line; /* in the mapping */
};

static struct site sites[N_SITES];
static char *out;                      /* the mapping; NULL: not counting */
static size_t n_used;                  /* lines in use */
static uintptr_t main_begin, main_end; /* the program's own text */
static __thread int busy;              /* this thread is counting already */

static void write_line(struct site *s, const char *what)
{
	Dl_info di = {0};
	char text[LINE * 2];
	int own = (uintptr_t)s->caller >= main_begin && (uintptr_t)s->caller < main_end;

	if (!dladdr(s->caller, &di) || !di.dli_fname)
		di.dli_fname = "?";
	const char *base = strrchr(di.dli_fname, '/');
	unsigned long off = (unsigned long)s->caller -
			    (unsigned long)(di.dli_saddr ? di.dli_saddr : di.dli_fbase);
	int n = snprintf(text, sizeof(text), "%*s %s %s %s %s+0x%lx", DIGITS, "0",
			 own ? "main" : "lib", what, base ? base + 1 : di.dli_fname,
			 di.dli_sname ? di.dli_sname : "", off);
	if (n > LINE - 1)
		n = LINE - 1;
	memset(s->line, ' ', LINE - 1);
	s->line[LINE - 1] = '\n';
	memcpy(s->line, text, (size_t)n);
}

static struct site *find_site(const void *caller, const char *what)
{
	size_t h = ((uintptr_t)caller >> 2) * 0x9e3779b97f4a7c15u >> 54;

	for (size_t i = 0; i < N_SITES; i++) {
		struct site *s = &sites[(h + i) % N_SITES];
		if (s->caller == caller)
			return s;
		if (s->caller || n_used == N_SITES - 1)
			continue;
		s->caller = caller;
		s->line = out + LINE * n_used++;
		write_line(s, what);
		return s;
	}
	return NULL;
}

static void count(const void *caller, const char *what)
{
	if (!out || busy)
		return;
	busy = 1;
	int saved = errno;
	struct site *s = find_site(caller, what);
	if (s) {
		uint64_t n = ++s->calls;
		for (int i = DIGITS - 1; n; i--, n /= 10)
			s->line[i] = (char)('0' + n % 10);
	}
	errno = saved;
	busy = 0;
}

#define COUNT() count(__builtin_return_address(0), __func__)

void *malloc(size_t size)
{
	COUNT();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	COUNT();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	COUNT();
	return __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t total;
	COUNT();
	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, total);
}

void *memalign(size_t align, size_t size)
{
	COUNT();
	return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	COUNT();
	return __libc_memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	COUNT();
	void *got = __libc_memalign(align, size);
	if (!got)
		return ENOMEM;
	*p = got;
	return 0;
}

/* The first object is the program; what it maps is "main". */
static int find_main(struct dl_phdr_info *info, size_t size, void *user)
{
	(void)size;
	(void)user;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		main_begin = info->dlpi_addr + ph->p_vaddr;
		main_end = main_begin + ph->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void stray_start(void)
{
	const char *prefix = getenv("STRAY_OUT");
	char path[4096];

	if (!prefix)
		return;
	snprintf(path, sizeof(path), "%s.%d", prefix, (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	void *map = MAP_FAILED;
	if (ftruncate(fd, LINE * N_SITES) == 0)
		map = mmap(NULL, LINE * N_SITES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0);
	close(fd);
	if (map == MAP_FAILED)
		return;
	dl_iterate_phdr(find_main, NULL);
	out = map;
}
