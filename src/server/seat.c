#include "server/seat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "server/crew.h"
#include "server/worker.h"

#define QUICK_MS      1000
#define FIRST_PAUSE   100
#define LONGEST_PAUSE 10000

const char *seat_state_name(enum seat_state state)
{
	static const char *const names[] = {
		[SEAT_EMPTY] = "down",
		[SEAT_STARTING] = "starting",
		[SEAT_READY] = "ready",
		[SEAT_DRAINING] = "draining",
	};

	return names[state];
}

uint64_t seat_pause_ms(unsigned int n_quick)
{
	uint64_t ms = FIRST_PAUSE;

	if (n_quick < 2)
		return 0;
	for (unsigned int i = 2; i < n_quick && ms < LONGEST_PAUSE; i++)
		ms *= 2;
	return ms < LONGEST_PAUSE ? ms : LONGEST_PAUSE;
}

static void restart_cb(struct timer *t)
{
	struct seat *s = container_of(t, struct seat, restart);

	if (s->pid)
		seat_send(s, CHANNEL_QUIT); /* it drains for too long */
	else
		seat_start(s);
}

void seat_init(struct seat *s, struct crew *c, unsigned int number)
{
	memset(s, 0, sizeof(*s));
	s->crew = c;
	s->number = number;
	s->arm = snapshot_arm_of(c->snapshot, number);
	s->channel = -1;
	timer_init(&s->restart, restart_cb);
	procfs_init(&s->process, 0);
}

static void close_channel(struct seat *s)
{
	loop_unwatch(&s->watch);
	if (s->channel >= 0)
		close(s->channel);
	s->channel = -1;
}

void seat_fini(struct seat *s)
{
	must(!s->pid);
	timer_stop(s->crew->loop, &s->restart);
	close_channel(s);
}

static void on_ready(struct seat *s)
{
	if (s->state != SEAT_STARTING)
		return;
	s->state = SEAT_READY;
	s->was_ready = true;
	s->is_next = false;
	log_info("worker %u is ready, pid %ld", s->number, (long)s->pid);
	crew_on_worker_ready(s->crew);
}

static void channel_cb(int fd, void *arg)
{
	_Alignas(16) char more[CHANNEL_MAX_BYTES];
	struct seat *s = arg;
	enum channel_word word;
	size_t len;

	while ((word = channel_recv_with(fd, more, sizeof(more), &len)) !=
	       CHANNEL_NOTHING) {
		if (word == CHANNEL_CLOSED) {
			close_channel(s); /* that it ended will be told too */
			return;
		}
		if (word == CHANNEL_READY)
			on_ready(s);
		else if (word == CHANNEL_ANSWER)
			crew_on_worker_answer(s->crew, s, more, len);
	}
}

/* The fds of enum worker_fd, in order. Returns: the pid, or -1 with errno. */
static pid_t launch_worker(const struct seat *s, int channel, int *fds)
{
	const struct crew *c = s->crew;
	unsigned int n = c->ports.n_listens;
	char number[16], parent[24];
	const char *spec = snapshot_arm_allocator(c->snapshot, s->arm);
	const char *argv[] = {"heapgate", "worker", number, spec, parent, NULL};

	snprintf(number, sizeof(number), "%u", s->number);
	snprintf(parent, sizeof(parent), "%ld", (long)getpid());
	fds[WORKER_FD_CHANNEL - LAUNCH_FIRST_FD] = channel;
	fds[WORKER_FD_CONFIG - LAUNCH_FIRST_FD] = c->config_fd;
	fds[WORKER_FD_SHARED - LAUNCH_FIRST_FD] = c->shared_fd;
	for (unsigned int i = 0; i < n; i++)
		fds[WORKER_FD_LISTEN - LAUNCH_FIRST_FD + i] =
			ports_fd(&c->ports, i, s->number);
	return launch_start(
		&(struct launch){.argv = argv,
				 .spec = spec,
				 .fds = fds,
				 .n_fds = WORKER_FD_LISTEN - LAUNCH_FIRST_FD + n,
				 .worker = true});
}

/* Returns: the pid, or -1 with errno set. */
static pid_t start_worker(struct seat *s, int ends[2])
{
	size_t n = WORKER_FD_LISTEN - LAUNCH_FIRST_FD + s->crew->ports.n_listens;
	int *fds = mem_alloc(MEM_BOOT, n * sizeof(*fds));
	pid_t pid;

	if (!fds) {
		errno = ENOMEM;
		return -1;
	}
	pid = launch_worker(s, ends[1], fds);
	mem_free(MEM_BOOT, fds);
	return pid;
}

static int try_start(struct seat *s)
{
	struct loop *l = s->crew->loop;
	int ends[2];

	if (channel_open(ends) != 0)
		return -1;
	s->channel = ends[0];
	s->watch = loop_watch(l, ends[0], channel_cb, s);
	errno = s->watch ? 0 : ENOMEM;
	s->pid = s->watch ? start_worker(s, ends) : -1;
	close(ends[1]);
	if (s->pid > 0)
		return 0;
	s->pid = 0;
	close_channel(s);
	return -1;
}

void seat_start(struct seat *s)
{
	must(s->state == SEAT_EMPTY);
	if (try_start(s) != 0) {
		log_error("cannot start worker %u: %m", s->number);
		s->n_quick++;
		timer_set(s->crew->loop, &s->restart, 1000);
		return;
	}
	s->state = SEAT_STARTING;
	s->started_ms = s->crew->loop->now_ms;
	procfs_init(&s->process, s->pid);
	log_debug("worker %u starts, pid %ld", s->number, (long)s->pid);
}

static void log_exit(const struct seat *s, int status)
{
	bool expected = s->crew->state == CREW_ENDING || s->recycled;

	if (WIFSIGNALED(status))
		log_write(expected && WTERMSIG(status) == SIGKILL ? LOG_NOTICE
								  : LOG_ERROR,
			  "worker %u, pid %ld, was ended by signal %d (%s)%s",
			  s->number, (long)s->pid, WTERMSIG(status),
			  strsignal(WTERMSIG(status)),
			  WCOREDUMP(status) ? ", core dumped" : "");
	else
		log_write(expected && WEXITSTATUS(status) == 0 ? LOG_INFO : LOG_ERROR,
			  "worker %u, pid %ld, ended with exit code %d", s->number,
			  (long)s->pid, WEXITSTATUS(status));
}

void seat_on_exit(struct seat *s, int status)
{
	channel_cb(s->channel, s); /* its last words */
	log_exit(s, status);
	close_channel(s);
	s->pid = 0;
	s->state = SEAT_EMPTY;
	/* What it had is gone with it; what it counted stays. */
	stats_reset_gauges(shared_stats(s->crew->shared, s->number));
}

void seat_restart(struct seat *s)
{
	uint64_t pause_ms;

	timer_stop(s->crew->loop, &s->restart);
	s->is_next = s->recycled;
	s->recycled = false;
	if (s->is_next) {
		seat_start(s);
		return;
	}
	s->restarts++;
	if (s->crew->loop->now_ms - s->started_ms < QUICK_MS)
		s->n_quick++;
	else
		s->n_quick = 0;
	pause_ms = seat_pause_ms(s->n_quick);
	if (!pause_ms) {
		seat_start(s);
		return;
	}
	log_warn("worker %u: %u ended within a second of their start; the next one "
		 "starts in %u ms",
		 s->number, s->n_quick, (unsigned int)pause_ms);
	timer_set(s->crew->loop, &s->restart, pause_ms);
}

int seat_ask(const struct seat *s, enum channel_word word, uint32_t ticket)
{
	if (s->channel < 0)
		return -1;
	return channel_send_with(s->channel, word, &ticket, sizeof(ticket));
}

void seat_recycle(struct seat *s)
{
	if (s->state != SEAT_READY)
		return;
	s->state = SEAT_DRAINING;
	s->recycled = true;
	seat_send(s, CHANNEL_DRAIN);
	timer_set(s->crew->loop, &s->restart,
		  s->crew->snapshot->limits.drain_timeout_ms + 1);
}

void seat_send(struct seat *s, enum channel_word word)
{
	if (s->channel >= 0 && channel_send(s->channel, word) != 0)
		log_warn("cannot reach worker %u: %m", s->number);
}
