#include "wrap_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "trace.h"
#include "wrap.h"

#define RING_BYTES  (1u << 20)
#define WRITE_BYTES (128u << 10) /* so much is worth a write */
#define LOOK_MS     5            /* how often the thread looks */
#define LOOK_PAGES  64           /* of a block that goes */
#define WAIT_LOOKS  20           /* after these it writes what there is */

static struct {
	struct mem_backend below;
	/* of the program */
	bool open; /* false again at the end of the process */
	uint64_t last_us;
	uint64_t last_block;
	uint64_t n_lost_now; /* not said in the file yet */
	_Atomic uint64_t n_records, n_lost;
	/* between the two */
	unsigned char *ring;
	_Atomic uint64_t head; /* bytes put in, ever */
	_Atomic uint64_t tail; /* bytes taken out, ever */
	_Atomic bool stop;
	/* of the thread */
	pthread_t thread;
	int fd;
	int statm;
	int error; /* errno of a write that failed; 0: none */
	uint64_t most_kib;
	char path[256];
} t;

/* --- the call's side ------------------------------------------------------- */

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
			      atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static bool has_room(size_t n)
{
	uint64_t head = atomic_load_explicit(&t.head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&t.tail, memory_order_acquire);

	return RING_BYTES - (head - tail) >= n;
}

static void put_in_ring(const unsigned char *p, unsigned int n)
{
	uint64_t head = atomic_load_explicit(&t.head, memory_order_relaxed);
	unsigned int at = (unsigned int)(head % RING_BYTES);
	unsigned int first = n < RING_BYTES - at ? n : RING_BYTES - at;

	memcpy(t.ring + at, p, first);
	memcpy(t.ring, p + first, n - first);
	atomic_store_explicit(&t.head, head + n, memory_order_release);
}

static void say_lost(void)
{
	unsigned char r[TRACE_MAX_BYTES] = {TRACE_LOST};

	put_in_ring(r, 1 + trace_put(r + 1, t.n_lost_now));
	t.n_lost_now = 0;
}

/* block 0: none, as in a record that has only one of them. */
static unsigned int put_block(unsigned char *to, uint64_t *last, const void *p)
{
	uint64_t block = (uintptr_t)p >> 3;
	unsigned int n = trace_put(to, trace_zigzag(block - *last));

	*last = block;
	return n;
}

/* size: of a TRACE_FREE_PART the bytes in RAM, plus 1. */
static void record(enum trace_op op, size_t size, const void *p, const void *q)
{
	unsigned char r[TRACE_MAX_BYTES];
	uint64_t us, block = t.last_block;
	unsigned int n = 1;

	if (!t.open)
		return;
	if (!has_room(2 * TRACE_MAX_BYTES)) {
		t.n_lost_now++;
		add(&t.n_lost, 1);
		return;
	}
	if (t.n_lost_now)
		say_lost();
	us = now_us();
	r[0] = (unsigned char)(op | wrap_caller()->tag << 3);
	n += trace_put(r + n, us - t.last_us);
	if (op != TRACE_FREE && op != TRACE_FREE_PART)
		n += trace_put(r + n, size);
	n += put_block(r + n, &block, p);
	if (op == TRACE_REALLOC)
		n += put_block(r + n, &block, q);
	if (op == TRACE_FREE_PART)
		n += trace_put(r + n, size);
	put_in_ring(r, n);
	t.last_us = us;
	t.last_block = block;
	add(&t.n_records, 1);
}

static void *trace_alloc(size_t size)
{
	void *p = t.below.alloc(size);

	if (p)
		record(TRACE_ALLOC, size, p, NULL);
	return p;
}

static void *trace_zalloc(size_t size)
{
	void *p = t.below.zalloc(size);

	if (p)
		record(TRACE_ZALLOC, size, p, NULL);
	return p;
}

static void *trace_realloc(void *p, size_t size)
{
	void *q = t.below.realloc(p, size);

	if (q)
		record(TRACE_REALLOC, size, p, q);
	return q;
}

/* A replay that touches more of its blocks than the program did needs more
 * memory. Returns: bytes up to the first page that is not in RAM; size if all
 * are, or as many as are looked at. */
static size_t touched_bytes(const void *p, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), head = (uintptr_t)p % page, n, i;
	unsigned char in_ram[LOOK_PAGES];

	n = (head + size + page - 1) / page;
	if (n > LOOK_PAGES)
		n = LOOK_PAGES;
	if (mincore((char *)p - head, n * page, in_ram) != 0)
		return size;
	for (i = 0; i < n && (in_ram[i] & 1); i++)
		;
	if (i == n)
		return size;
	return i ? i * page - head : 0;
}

static void trace_free(void *p)
{
	size_t size = t.below.usable(p), touched = size;

	if (size >= TRACE_LARGE)
		touched = touched_bytes(p, size);
	if (touched < size)
		record(TRACE_FREE_PART, touched + 1, p, NULL);
	else
		record(TRACE_FREE, 0, p, NULL);
	t.below.free(p);
}

/* --- the thread's side ------------------------------------------------------ */

static uint64_t anon_bytes(void)
{
	unsigned long size, resident, shared;
	char text[128];
	ssize_t n = pread(t.statm, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3)
		return 0;
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void look_at_usage(void)
{
	uint64_t kib = anon_bytes() / 1024;

	if (kib > t.most_kib)
		t.most_kib = kib;
}

static void write_all(const void *from, size_t len)
{
	const unsigned char *p = from;

	while (len && !t.error) {
		ssize_t n = write(t.fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t.error = errno;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

/* What is in the ring: whole records. */
static void write_ring(void)
{
	uint64_t head = atomic_load_explicit(&t.head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&t.tail, memory_order_relaxed);
	unsigned char r[TRACE_MAX_BYTES] = {TRACE_USAGE};

	while (tail < head) {
		unsigned int at = (unsigned int)(tail % RING_BYTES);
		uint64_t n = head - tail;

		if (n > RING_BYTES - at)
			n = RING_BYTES - at;
		write_all(t.ring + at, n);
		tail += n;
		atomic_store_explicit(&t.tail, tail, memory_order_release);
	}
	write_all(r, 1 + trace_put(r + 1, t.most_kib));
	t.most_kib = 0;
}

static void *write_on(void *unused)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000l};
	unsigned int n_looks = 0;

	while (!atomic_load(&t.stop)) {
		nanosleep(&pause, NULL);
		look_at_usage();
		if (atomic_load(&t.head) - atomic_load(&t.tail) < WRITE_BYTES &&
		    ++n_looks < WAIT_LOOKS)
			continue;
		n_looks = 0;
		write_ring();
	}
	return unused;
}

/* --- begin and end ----------------------------------------------------------- */

static void finish(void)
{
	unsigned char r[TRACE_MAX_BYTES] = {TRACE_END};
	unsigned int n = 1;

	if (!t.open)
		return;
	t.open = false;
	atomic_store(&t.stop, true);
	pthread_join(t.thread, NULL);
	look_at_usage();
	write_ring();
	if (t.n_lost_now) {
		say_lost();
		write_ring();
	}
	n += trace_put(r + n, atomic_load(&t.n_records));
	n += trace_put(r + n, atomic_load(&t.n_lost));
	write_all(r, n);
	if (t.error)
		fprintf(stderr, "heapgate: trace: cannot write %s: %s\n", t.path,
			strerror(t.error));
	else if (atomic_load(&t.n_lost))
		fprintf(stderr, "heapgate: trace: %s: %llu of %llu records are lost\n",
			t.path, (unsigned long long)atomic_load(&t.n_lost),
			(unsigned long long)(atomic_load(&t.n_lost) +
					     atomic_load(&t.n_records)));
	close(t.fd);
}

static bool expand(const char *path, char *to, size_t cap)
{
	const char *mark = strstr(path, "%p");
	int n;

	if (mark)
		n = snprintf(to, cap, "%.*s%ld%s", (int)(mark - path), path,
			     (long)getpid(), mark + 2);
	else
		n = snprintf(to, cap, "%s", path);
	return n > 0 && (size_t)n < cap;
}

#define FAIL(...) (snprintf(err, err_cap, __VA_ARGS__), -1)

/* Two writers would leave a file that is neither's. */
static int open_file(const char *path, char *err, size_t err_cap)
{
	if (!expand(path, t.path, sizeof(t.path)))
		return FAIL("wrapper trace: the file name is too long");
	t.fd = open(t.path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (t.fd < 0)
		return FAIL("wrapper trace: cannot write %s: %s", t.path,
			    strerror(errno));
	if (flock(t.fd, LOCK_EX | LOCK_NB) != 0) {
		close(t.fd);
		return FAIL("wrapper trace: another process writes to %s; give each "
			    "its own by %%p in the name, for the process id",
			    t.path);
	}
	if (ftruncate(t.fd, 0) == 0)
		return 0;
	close(t.fd);
	return FAIL("wrapper trace: %s: %s", t.path, strerror(errno));
}

/* Signals are the program's, not the thread's. */
static int start_thread(void)
{
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	failed = pthread_create(&t.thread, NULL, write_on, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

static void write_head(const char *spec)
{
	struct trace_head head = {.version = TRACE_VERSION};
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	memcpy(head.magic, TRACE_MAGIC, sizeof(head.magic));
	head.head_bytes = sizeof(head);
	head.wall_us =
		(uint64_t)wall.tv_sec * 1000000u + (uint64_t)wall.tv_nsec / 1000u;
	head.base_bytes = anon_bytes();
	head.pid = (uint32_t)getpid();
	head.n_tags = MEM_N_TAGS;
	snprintf(head.spec, sizeof(head.spec), "%s", spec);
	write_all(&head, sizeof(head));
}

int wrap_trace(struct mem_backend *b, const char *path, const char *spec, char *err,
	       size_t err_cap)
{
	/* In RAM from the start, so that it is a part of the base. */
	t.ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (t.ring == MAP_FAILED)
		return FAIL("wrapper trace: no memory");
	t.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (open_file(path, err, err_cap) != 0)
		return -1;
	t.last_us = now_us();
	write_head(spec);
	if (t.error || start_thread() != 0) {
		close(t.fd);
		return FAIL("wrapper trace: cannot begin %s", t.path);
	}
	t.below = *b;
	t.open = true;
	atexit(finish);
	b->alloc = trace_alloc;
	b->zalloc = trace_zalloc;
	b->realloc = trace_realloc;
	b->free = trace_free;
	return 0;
}

bool mem_trace_counts(struct trace_counts *out)
{
	out->records = atomic_load(&t.n_records);
	out->lost = atomic_load(&t.n_lost);
	return t.open;
}
