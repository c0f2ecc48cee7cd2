#include "lab/reading.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "server/procfs.h"

const char *const reading_fields[] = {
	"at_us",          "anon_bytes", "cpu_ns",    "minor_faults", "major_faults",
	"lazyfree_bytes", "pss_bytes",  "brk_bytes", "allocated",    "active",
	"resident",       "retained",   "calls",     "live_bytes",   NULL,
};
_Static_assert(sizeof(reading_fields) / sizeof(*reading_fields) == READING_N_FIELDS + 1,
	       "a name for each field");

static void add(uint64_t *to, uint64_t v)
{
	if (v == READING_UNKNOWN)
		return;
	*to = *to == READING_UNKNOWN ? v : *to + v;
}

static ssize_t slurp(const char *path, char *to, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (len < cap - 1 && (n = read(fd, to + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	to[len] = '\0';
	return (ssize_t)len;
}

/* --- processes ------------------------------------------------------- */

/* The length of [heap], which is what libc has by brk(). */
static uint64_t brk_bytes(pid_t pid)
{
	char path[64], line[512];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return READING_UNKNOWN;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long from, to;

		if (strstr(line, "[heap]") &&
		    sscanf(line, "%llx-%llx", &from, &to) == 2)
			bytes += to - from;
	}
	fclose(f);
	return bytes;
}

static bool take_one(struct reading *r, pid_t pid, bool full)
{
	struct procfs p;

	procfs_init(&p, pid);
	if (procfs_read(&p, 1, full) != 0)
		return false;
	add(&r->anon_bytes, p.now.anon_bytes);
	add(&r->cpu_ns, p.now.cpu_ns);
	add(&r->minor_faults, p.now.minor_faults);
	add(&r->major_faults, p.now.major_faults);
	if (!full)
		return true;
	add(&r->lazyfree_bytes, p.now.lazyfree_bytes);
	add(&r->pss_bytes, p.now.proportional_bytes);
	add(&r->brk_bytes, brk_bytes(pid));
	return true;
}

static bool take(struct reading *r, const pid_t *pids, unsigned int n, bool full)
{
	memset(r, 0xff, sizeof(*r)); /* READING_UNKNOWN */
	r->at_us = clock_mono_us();
	for (unsigned int i = 0; i < n; i++)
		if (!take_one(r, pids[i], full))
			return false;
	return n > 0;
}

bool reading_take(struct reading *r, const pid_t *pids, unsigned int n)
{
	return take(r, pids, n, false);
}

/* The sum of the samples whose line begins with name and has label in it. */
static uint64_t metric_sum(const char *metrics, const char *name, const char *label)
{
	uint64_t sum = READING_UNKNOWN;
	size_t n = strlen(name);
	struct str rest = str_z(metrics), line;

	while (str_split(&rest, '\n', &line)) {
		const char *value;

		if (line.len <= n || memcmp(line.p, name, n) != 0 || line.p[n] != '{')
			continue;
		if (label && !memmem(line.p, line.len, label, strlen(label)))
			continue;
		value = memrchr(line.p, ' ', line.len);
		if (value)
			add(&sum, (uint64_t)strtod(value, NULL));
	}
	return sum;
}

bool reading_full(struct reading *r, const pid_t *pids, unsigned int n,
		  const char *metrics)
{
	if (!take(r, pids, n, true))
		return false;
	if (!metrics)
		return true;
	r->allocated = metric_sum(metrics, "heapgate_allocator_allocated_bytes", NULL);
	r->active = metric_sum(metrics, "heapgate_allocator_active_bytes", NULL);
	r->resident = metric_sum(metrics, "heapgate_allocator_resident_bytes", NULL);
	r->retained = metric_sum(metrics, "heapgate_allocator_retained_bytes", NULL);
	r->calls =
		metric_sum(metrics, "heapgate_allocator_calls_total", "op=\"alloc\"");
	r->live_bytes = metric_sum(metrics, "heapgate_allocator_live_bytes", NULL);
	return true;
}

unsigned int reading_children(pid_t pid, pid_t *to, unsigned int cap)
{
	char path[64], text[4096];
	struct str rest, word;
	unsigned int n = 0;
	uint64_t v;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid,
		 (long)pid);
	if (slurp(path, text, sizeof(text)) < 0)
		return 0;
	rest = str_z(text);
	while (str_split(&rest, ' ', &word))
		if (str_u64(word, &v) && n++ < cap)
			to[n - 1] = (pid_t)v;
	return n;
}

/* --- the host -------------------------------------------------------- */

static void read_ticks(struct host_reading *r)
{
	unsigned long long v[8] = {0};
	char text[4096];

	if (slurp("/proc/stat", text, sizeof(text)) < 0 ||
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1],
		   &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 8)
		return;
	r->steal_ticks = v[7];
	for (unsigned int i = 0; i < 8; i++)
		r->all_ticks += v[i];
}

/* "some avg10=… total=N", "full … total=N"; 0 where there is none. */
static uint64_t stalled_us(const char *what, const char *kind)
{
	char path[64], text[512];
	const char *line, *total;

	snprintf(path, sizeof(path), "/proc/pressure/%s", what);
	if (slurp(path, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, kind);
	total = line ? strstr(line, "total=") : NULL;
	return total ? strtoull(total + 6, NULL, 10) : 0;
}

void host_reading_take(struct host_reading *r)
{
	*r = (struct host_reading){.at_us = clock_mono_us()};
	read_ticks(r);
	r->cpu_some_us = stalled_us("cpu", "some");
	r->memory_full_us = stalled_us("memory", "full");
	r->io_full_us = stalled_us("io", "full");
}
