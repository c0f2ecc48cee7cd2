#include "proxy/accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/gate.h"
#include "proxy/logline.h"
#include "proxy/stream.h"

#define BUFFER_BYTES (64 * 1024)
#define WRITE_BYTES  (16 * 1024) /* so much is worth a write */
#define WAIT_MS      1000        /* the longest that a line waits for more */
#define RETRY_MS     100         /* after the reader of a pipe was too slow */

/* What we write to, as far as it decides how not to wait for it. */
enum outlet {
	OUTLET_FILE,   /* never makes us wait */
	OUTLET_PIPE,   /* nonblocking; lines of several workers must not mix */
	OUTLET_POLLED, /* a pipe that we may not make nonblocking */
	OUTLET_SOCKET,
};

struct accesslog {
	struct loop *loop;
	struct stats *stats; /* of the gate whose stream came last; or NULL */
	struct dirty dirty;
	struct timer timer;
	struct logline line;
	char *path; /* NULL: stdout */
	enum accesslog_format format;
	enum outlet outlet;
	int fd;
	bool stuck;    /* would have to wait; until the timer */
	bool torn;     /* what was written last is a line's beginning */
	uint32_t used; /* bytes */
	char buffer[BUFFER_BYTES];
};

/* --- opening --------------------------------------------------------- */

static enum outlet outlet_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return OUTLET_FILE;
	return S_ISSOCK(st.st_mode) ? OUTLET_SOCKET : OUTLET_PIPE;
}

/*
 * O_NONBLOCK on stdout itself would be set for everyone who shares it, the
 * shell included: a pipe or a terminal is opened anew. A file is not, since
 * the two would then overwrite each other.
 */
static int open_stdout(enum outlet *outlet)
{
	int fd;

	*outlet = outlet_of(STDOUT_FILENO);
	if (*outlet == OUTLET_PIPE) {
		fd = open("/proc/self/fd/1",
			  O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0)
			return fd;
		*outlet = OUTLET_POLLED;
	}
	return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

static int open_path(const char *path, enum outlet *outlet)
{
	int fd;

	if (!path)
		return open_stdout(outlet);
	fd = open(path,
		  O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		  0640);
	if (fd >= 0)
		*outlet = outlet_of(fd);
	return fd;
}

/* --- writing --------------------------------------------------------- */

static void count_lost(struct accesslog *log, uint64_t n)
{
	if (log->stats)
		stat_add(&log->stats->log_lost_lines, n);
}

/* The end of the last whole line that starts within max bytes; max if there
 * is none. A write of PIPE_BUF bytes or fewer is not mixed with others. */
static size_t whole_lines(const char *p, size_t len, size_t max)
{
	const char *end;

	if (len <= max)
		return len;
	end = memrchr(p, '\n', max);
	return end ? (size_t)(end - p) + 1 : max;
}

static ssize_t put_out(const struct accesslog *log, const char *p, size_t len)
{
	struct pollfd ready = {.fd = log->fd, .events = POLLOUT};

	switch (log->outlet) {
	case OUTLET_SOCKET:
		return send(log->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	case OUTLET_POLLED:
		if (poll(&ready, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		return write(log->fd, p, whole_lines(p, len, PIPE_BUF));
	case OUTLET_PIPE:
		return write(log->fd, p, whole_lines(p, len, PIPE_BUF));
	case OUTLET_FILE:
		break;
	}
	return write(log->fd, p, len);
}

/* Takes the first n bytes off the buffer. */
static void drop(struct accesslog *log, size_t n)
{
	log->used -= (uint32_t)n;
	memmove(log->buffer, log->buffer + n, log->used);
}

/* What is in the buffer cannot be written, now or later. A line whose
 * beginning is in the file already gets its newline, so that the next one
 * does not become a part of it. */
static void lose_all(struct accesslog *log)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < log->used; i++)
		n += log->buffer[i] == '\n' && (i || !log->torn);
	count_lost(log, n);
	log->used = 0;
	if (log->torn)
		log->buffer[log->used++] = '\n';
}

/* As much as goes without waiting. */
static void write_out(struct accesslog *log)
{
	size_t at = 0;

	while (at < log->used) {
		ssize_t n = put_out(log, log->buffer + at, log->used - at);

		if (n >= 0) {
			at += (size_t)n;
			if (n)
				log->torn = log->buffer[at - 1] != '\n';
			continue;
		}
		if (errno == EINTR)
			continue;
		log->stuck = errno == EAGAIN || errno == EWOULDBLOCK;
		break;
	}
	drop(log, at);
	if (log->used && !log->stuck)
		lose_all(log);
	if (log->stuck)
		timer_set(log->loop, &log->timer, RETRY_MS);
}

static void flush_cb(struct dirty *d)
{
	struct accesslog *log = container_of(d, struct accesslog, dirty);

	if (!log->stuck)
		write_out(log);
}

static void fire_cb(struct timer *t)
{
	struct accesslog *log = container_of(t, struct accesslog, timer);

	log->stuck = false;
	write_out(log);
}

/* --- the module ------------------------------------------------------ */

static struct accesslog *give_up(struct accesslog *log)
{
	int saved = errno;

	mem_free(MEM_WORKER, log->path);
	mem_free(MEM_WORKER, log);
	errno = saved;
	return NULL;
}

struct accesslog *accesslog_open(struct loop *l, const struct accesslog_conf *conf,
				 const char *arm, unsigned int worker)
{
	struct accesslog *log = mem_alloc(MEM_WORKER, sizeof(*log));

	if (!log) {
		errno = ENOMEM;
		return NULL;
	}
	memset(log, 0, offsetof(struct accesslog, buffer)); /* not its pages */
	log->loop = l;
	log->format = conf->format;
	dirty_init(&log->dirty, flush_cb);
	timer_init(&log->timer, fire_cb);
	logline_init(&log->line, arm, worker);
	if (strcmp(conf->path, "-") != 0) {
		log->path = mem_strdup(MEM_WORKER, conf->path);
		if (!log->path) {
			errno = ENOMEM;
			return give_up(log);
		}
	}
	log->fd = open_path(log->path, &log->outlet);
	return log->fd < 0 ? give_up(log) : log;
}

void accesslog_add(struct accesslog *log, const struct stream *s)
{
	size_t bound = logline_bound(s);
	char *to, *end;

	log->stats = s->gate->stats;
	if (bound > BUFFER_BYTES - log->used && !log->stuck)
		write_out(log);
	if (bound > BUFFER_BYTES - log->used) {
		count_lost(log, 1);
		return;
	}
	to = log->buffer + log->used;
	if (log->format == ACCESSLOG_JSON)
		end = logline_json(&log->line, to, s, loop_wall_us(log->loop),
				   log->loop->now_us);
	else
		end = logline_combined(&log->line, to, s, loop_wall_us(log->loop),
				       log->format == ACCESSLOG_MEMORY);
	log->used += (uint32_t)(end - to);
	if (log->used >= WRITE_BYTES)
		loop_mark(log->loop, &log->dirty);
	else if (!timer_is_set(&log->timer))
		timer_set(log->loop, &log->timer, WAIT_MS);
}

/* The rest of a line that was begun in another file. */
static void drop_torn(struct accesslog *log)
{
	const char *end = memchr(log->buffer, '\n', log->used);

	if (log->torn && end) {
		count_lost(log, end != log->buffer);
		drop(log, (size_t)(end - log->buffer) + 1);
	}
	log->torn = false;
}

void accesslog_reopen(struct accesslog *log)
{
	enum outlet outlet = log->outlet;
	int fd;

	if (!log->path)
		return;
	write_out(log);
	fd = open_path(log->path, &outlet);
	if (fd < 0) {
		log_error("cannot reopen %s: %s; the old file stays in use", log->path,
			  strerror(errno));
		return;
	}
	close(log->fd);
	log->fd = fd;
	log->outlet = outlet;
	drop_torn(log);
}

void accesslog_close(struct accesslog **log_at)
{
	struct accesslog *log = *log_at;

	if (!log)
		return;
	*log_at = NULL;
	write_out(log);
	timer_stop(log->loop, &log->timer);
	dirty_fini(&log->dirty);
	close(log->fd);
	mem_free(MEM_WORKER, log->path);
	mem_free(MEM_WORKER, log);
}
