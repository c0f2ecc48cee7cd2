#include "server/crew.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "server/exits.h"
#include "server/experiment.h"

/* What a worker that was told to quit gets before it is killed. */
#define QUIT_MS 1000

static void gone_cb(struct dirty *d)
{
	struct crew *c = container_of(d, struct crew, gone);

	c->ops->on_gone(c);
}

/* The config that workers read: the effective one, so that what the
 * environment or the files say later changes nothing for a worker that comes
 * later. */
static int write_config(const struct snapshot *s)
{
	int fd = memfd_create("heapgate-config", MFD_CLOEXEC), copy;
	FILE *to;

	if (fd < 0)
		return -1;
	copy = dup(fd);
	to = copy < 0 ? NULL : fdopen(copy, "w");
	if (to) {
		snapshot_print(s, to);
		if (fclose(to) == 0)
			return fd;
	} else if (copy >= 0) {
		close(copy);
	}
	close(fd);
	return -1;
}

static int open_shared(struct crew *c, const struct crew *old)
{
	const struct snapshot *s = c->snapshot;

	/* One route more than there are: requests that none was for. */
	c->shared = shared_new(s->n_seats, s->n_listens, s->n_routes + 1, s->n_servers,
			       &c->shared_fd);
	if (!c->shared)
		return -1;
	if (old && old->shared)
		c->shared->tickets = old->shared->tickets;
	else if (tls_ticket_keys_rotate(&c->shared->tickets) != 0)
		return -1;
	return 0;
}

static int open_seats(struct crew *c)
{
	c->seats = mem_alloc(MEM_BOOT, c->snapshot->n_seats * sizeof(*c->seats));
	if (!c->seats)
		return -1;
	c->n_seats = c->snapshot->n_seats;
	for (unsigned int i = 0; i < c->n_seats; i++)
		seat_init(&c->seats[i], c, i);
	return 0;
}

/* Sockets of our own kind first: nobody else may be divided without our
 * knowing that this kernel can. */
static int open_experiment(struct crew *c, const struct crew *old, FILE *report)
{
	if (!c->snapshot->experiment.is_on)
		return 0;
	if (!reuseport_works()) {
		fprintf(report,
			"%s: error: this kernel cannot divide connections: %s\n",
			snapshot_where(c->snapshot, "experiment"), strerror(errno));
		return -1;
	}
	c->experiment = experiment_new(c, old ? old->experiment : NULL);
	if (c->experiment)
		return 0;
	fprintf(report, "error: no memory\n");
	return -1;
}

static int open_all(struct crew *c, const struct crew *old, FILE *report)
{
	const struct snapshot *s = c->snapshot;

	if (open_experiment(c, old, report) != 0 ||
	    ports_open(&c->ports, s->listens, s->n_listens, s->n_seats,
		       old ? &old->ports : NULL, report) != 0)
		return -1;
	c->config_fd = write_config(s);
	if (c->config_fd >= 0 && open_shared(c, old) == 0 && open_seats(c) == 0)
		return 0;
	fprintf(report, "error: cannot prepare the workers: %s\n", strerror(errno));
	return -1;
}

static void deadline_cb(struct timer *t);

struct crew *crew_new(struct loop *l, struct snapshot *s, const struct crew *old,
		      FILE *report)
{
	struct crew *c = mem_zalloc(MEM_BOOT, 1, sizeof(*c));

	if (!c) {
		fprintf(report, "error: no memory\n");
		return NULL;
	}
	list_init(&c->node);
	c->loop = l;
	c->snapshot = s;
	c->number = old ? old->number + 1 : 1;
	c->hopeful = !old;
	c->loaded_wall_us = clock_wall_us();
	c->shared_fd = c->config_fd = -1;
	timer_init(&c->deadline, deadline_cb);
	dirty_init(&c->gone, gone_cb);
	if (open_all(c, old, report) == 0)
		return c;
	c->snapshot = NULL; /* still the caller's */
	crew_free(&c, old);
	return NULL;
}

void crew_start(struct crew *c, const struct crew_ops *ops, void *owner)
{
	c->ops = ops;
	c->owner = owner;
	for (unsigned int i = 0; i < c->n_seats; i++)
		seat_start(&c->seats[i]);
}

static int steer_evenly(struct crew *c)
{
	uint16_t all[ARMS_MAX_SEATS];
	const struct reuseport_slice one = {1, all, c->n_seats};

	for (unsigned int i = 0; i < c->n_seats; i++)
		all[i] = (uint16_t)i;
	return ports_steer(&c->ports, REUSEPORT_RANDOM, &one, 1);
}

void crew_take_clients(struct crew *c)
{
	if (c->experiment) {
		if (experiment_start(c->experiment) != 0)
			log_error("cannot divide the clients: %m");
	} else if (ports_want_steering(&c->ports) && steer_evenly(c) != 0) {
		ports_close_spares(&c->ports);
	}
}

void crew_free(struct crew **c, const struct crew *keep)
{
	struct crew *old = *c;

	*c = NULL;
	if (!old)
		return;
	list_del(&old->node);
	timer_stop(old->loop, &old->deadline);
	dirty_fini(&old->gone);
	experiment_free(&old->experiment);
	for (unsigned int i = 0; i < old->n_seats; i++)
		seat_fini(&old->seats[i]);
	mem_free(MEM_BOOT, old->seats);
	ports_close(&old->ports, keep ? &keep->ports : NULL);
	shared_free(&old->shared);
	if (old->shared_fd >= 0)
		close(old->shared_fd);
	if (old->config_fd >= 0)
		close(old->config_fd);
	snapshot_free(&old->snapshot);
	mem_free(MEM_BOOT, old);
}

unsigned int crew_n_ready(const struct crew *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_seats; i++)
		n += c->seats[i].state == SEAT_READY;
	return n;
}

unsigned int crew_n_alive(const struct crew *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_seats; i++)
		n += c->seats[i].pid != 0;
	return n;
}

unsigned int crew_n_busy(const struct crew *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_seats; i++)
		n += c->seats[i].state == SEAT_READY || c->seats[i].recycled ||
		     c->seats[i].is_next;
	return n;
}

static void check_gone(struct crew *c)
{
	if (c->state == CREW_ENDING && crew_n_alive(c) == 0)
		loop_mark(c->loop, &c->gone);
}

static void on_seats(struct crew *c)
{
	if (c->experiment)
		experiment_on_seats(c->experiment);
}

void crew_on_worker_ready(struct crew *c)
{
	on_seats(c);
	if (c->state != CREW_STARTING)
		return;
	for (unsigned int i = 0; i < c->n_seats; i++)
		if (!c->seats[i].was_ready)
			return;
	c->state = CREW_SERVING;
	c->ops->on_ready(c);
}

void crew_on_worker_answer(struct crew *c, struct seat *s, const void *p, size_t len)
{
	if (c->ops->on_answer)
		c->ops->on_answer(c, s, p, len);
}

/* --- the end ------------------------------------------------------------- */

static void tell_all(struct crew *c, enum channel_word word)
{
	for (unsigned int i = 0; i < c->n_seats; i++)
		seat_send(&c->seats[i], word);
}

static void end(struct crew *c)
{
	c->state = CREW_ENDING;
	if (c->experiment)
		experiment_stop(c->experiment);
	for (unsigned int i = 0; i < c->n_seats; i++) {
		timer_stop(c->loop, &c->seats[i].restart);
		if (c->seats[i].pid)
			c->seats[i].state = SEAT_DRAINING;
	}
	check_gone(c);
}

void crew_drain(struct crew *c, uint64_t deadline_ms, const struct crew *keep)
{
	/* Ours first: while one is open the kernel goes on queueing. */
	ports_close(&c->ports, keep ? &keep->ports : NULL);
	tell_all(c, CHANNEL_DRAIN);
	end(c);
	if (deadline_ms)
		timer_set(c->loop, &c->deadline, deadline_ms);
}

void crew_quit(struct crew *c)
{
	tell_all(c, CHANNEL_QUIT);
	end(c);
	c->asked_to_quit = true;
	timer_set(c->loop, &c->deadline, QUIT_MS);
}

static void kill_all(struct crew *c)
{
	for (unsigned int i = 0; i < c->n_seats; i++)
		if (c->seats[i].pid)
			kill(c->seats[i].pid, SIGKILL);
}

static void deadline_cb(struct timer *t)
{
	struct crew *c = container_of(t, struct crew, deadline);

	if (c->asked_to_quit) {
		kill_all(c);
		return;
	}
	log_warn("the time to drain is over; %u workers are cut off", crew_n_alive(c));
	crew_quit(c);
}

void crew_reopen_logs(struct crew *c)
{
	tell_all(c, CHANNEL_REOPEN);
}

/* --- workers that end ---------------------------------------------------- */

static struct seat *find_seat(struct crew *c, pid_t pid)
{
	for (unsigned int i = 0; i < c->n_seats; i++)
		if (c->seats[i].pid == pid)
			return &c->seats[i];
	return NULL;
}

/* Before a crew serves, a worker that gives up has met what the next one would
 * meet too. A crash may be bad luck: the first crew, which nobody else serves
 * in place of, tries again. */
static bool is_failure(const struct crew *c, const struct seat *s, int status)
{
	if (c->state != CREW_STARTING || s->was_ready)
		return false;
	return WIFEXITED(status) || !c->hopeful;
}

bool crew_on_exit(struct crew *c, pid_t pid, int status)
{
	struct seat *s = find_seat(c, pid);
	int code;

	if (!s)
		return false;
	seat_on_exit(s, status);
	if (is_failure(c, s, status)) {
		code = WIFEXITED(status) ? WEXITSTATUS(status) : EXITS_INTERNAL;
		c->ops->on_failure(c, code);
		return true;
	}
	if (c->state != CREW_ENDING) {
		seat_restart(s);
		on_seats(c);
	}
	check_gone(c);
	return true;
}
