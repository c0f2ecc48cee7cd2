#include "server/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define FILE_BYTES      4096
#define ROLLUP_EVERY_MS 5000

void procfs_init(struct procfs *p, pid_t pid)
{
	p->pid = pid;
	p->rollup_at_ms = 0;
	memset(&p->now, 0xff, sizeof(p->now)); /* PROCFS_UNKNOWN */
}

static int open_file(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return open(path, flags | O_RDONLY | O_CLOEXEC);
}

/* A /proc file whole, or its first FILE_BYTES - 1 bytes. */
static bool slurp(pid_t pid, const char *name, char to[FILE_BYTES], struct str *text)
{
	int fd = open_file(pid, name, 0);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, to, FILE_BYTES - 1);
	close(fd);
	if (n <= 0)
		return false;
	to[n] = '\0';
	*text = str_of(to, (size_t)n);
	return true;
}

/* The number behind "NAME:" at the start of a line. */
static bool keyed(struct str text, const char *name, uint64_t *out)
{
	struct str line, key, number;

	while (str_split(&text, '\n', &line)) {
		if (!str_split(&line, ':', &key) || !line.p ||
		    !str_eq(key, str_z(name)))
			continue;
		line = str_trim(line);
		return str_split(&line, ' ', &number) && str_u64(number, out);
	}
	return false;
}

static void keyed_kb(struct str text, const char *name, uint64_t *out)
{
	uint64_t kb;

	if (keyed(text, name, &kb))
		*out = kb * 1024;
}

static bool read_status(struct procfs *p)
{
	char buf[FILE_BYTES];
	struct str text;

	if (!slurp(p->pid, "status", buf, &text))
		return false;
	keyed_kb(text, "VmRSS", &p->now.resident_bytes);
	keyed_kb(text, "RssAnon", &p->now.anon_bytes);
	keyed_kb(text, "VmHWM", &p->now.peak_bytes);
	keyed_kb(text, "VmSize", &p->now.virtual_bytes);
	keyed(text, "Threads", &p->now.n_threads);
	return true;
}

/* Never back: a counter that falls looks like a restart. */
static void raise_to(uint64_t *counter, uint64_t v)
{
	if (*counter == PROCFS_UNKNOWN || *counter < v)
		*counter = v;
}

/* proc(5): the fields behind "(comm)", which may hold anything, start with
 * the third. */
static void read_stat(struct procfs *p)
{
	char buf[FILE_BYTES];
	struct str text, word;
	uint64_t v, ticks = 0;
	const char *end;

	if (!slurp(p->pid, "stat", buf, &text))
		return;
	end = strrchr(buf, ')');
	if (!end || end[1] != ' ')
		return;
	text = str_z(end + 2);
	for (unsigned int field = 3; field <= 15 && str_split(&text, ' ', &word);
	     field++) {
		if (!str_u64(word, &v))
			continue;
		if (field == 10)
			raise_to(&p->now.minor_faults, v);
		else if (field == 12)
			raise_to(&p->now.major_faults, v);
		else if (field >= 14)
			ticks += v; /* user, then system */
	}
	raise_to(&p->now.cpu_ns,
		 ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK)));
}

/* More exact than ticks, but of the first thread alone. */
static void read_schedstat(struct procfs *p)
{
	char buf[FILE_BYTES];
	struct str text, word;
	uint64_t ns;

	if (slurp(p->pid, "schedstat", buf, &text) && str_split(&text, ' ', &word) &&
	    str_u64(word, &ns))
		raise_to(&p->now.cpu_ns, ns);
}

static void read_rollup(struct procfs *p)
{
	char buf[FILE_BYTES];
	struct str text;

	if (!slurp(p->pid, "smaps_rollup", buf, &text))
		return;
	keyed_kb(text, "LazyFree", &p->now.lazyfree_bytes);
	keyed_kb(text, "Pss", &p->now.proportional_bytes);
}

int procfs_read(struct procfs *p, uint64_t now_ms, bool rollup)
{
	if (!read_status(p))
		return -1;
	read_stat(p);
	read_schedstat(p);
	if (rollup &&
	    (!p->rollup_at_ms || now_ms - p->rollup_at_ms >= ROLLUP_EVERY_MS)) {
		p->rollup_at_ms = now_ms ? now_ms : 1;
		read_rollup(p);
	}
	return 0;
}

/* opendir() would allocate outside the table. */
uint64_t procfs_count_fds(pid_t pid)
{
	int fd = open_file(pid, "fd", O_DIRECTORY);
	_Alignas(struct dirent64) char buf[FILE_BYTES];
	uint64_t n = 0;
	ssize_t got;

	if (fd < 0)
		return PROCFS_UNKNOWN;
	while ((got = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *d = (const void *)(buf + at);

			n += d->d_name[0] != '.';
			at += d->d_reclen;
		}
	}
	close(fd);
	return n - (pid == getpid()); /* the one that was just opened */
}
