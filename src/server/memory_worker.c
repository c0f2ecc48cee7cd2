#include "server/memory_worker.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/channel.h"
#include "server/procfs.h"

#define WALK_US    1000    /* of a slice of the walk */
#define PURGE_US   2000000 /* after this much in all a purge is over */
#define MAX_SLICES 1000

uint64_t memory_anon_bytes(void)
{
	struct procfs p;

	procfs_init(&p, getpid());
	procfs_read(&p, 0, false);
	return p.now.anon_bytes;
}

static void count_slice(struct memory_answer *a, uint64_t start_us)
{
	uint64_t us = clock_mono_us() - start_us;

	a->n_slices++;
	a->held_us += us;
	if (us > a->longest_us)
		a->longest_us = us;
}

/* Once for each ticket. */
static void tell(const struct memory_worker *m, struct memory_answer *a, size_t len,
		 const uint32_t *tickets, unsigned int n)
{
	a->magic = MEMORY_MAGIC;
	a->base_bytes = m->base_bytes;
	for (unsigned int i = 0; i < n; i++) {
		a->ticket = tickets[i];
		if (channel_send_with(m->channel, CHANNEL_ANSWER, a, len) != 0)
			log_warn("memory: the supervisor takes no answer: %m");
	}
}

/* --- what the connections hold ------------------------------------------- */

static void walk_cb(struct dirty *d)
{
	struct memory_worker *m = container_of(d, struct memory_worker, walk);
	struct memory_answer *a = m->answer;
	uint64_t start_us = clock_mono_us();

	if (!inventory_step(&a->conns, m->gate, WALK_US)) {
		count_slice(a, start_us);
		loop_defer(m->gate->loop, d);
		return;
	}
	inventory_add_servers(&a->conns, m->upstreams, m->n_upstreams);
	a->has_sizes = mem_sizes(&a->sizes);
	count_slice(a, start_us);
	tell(m, a, sizeof(*a), m->tickets, m->n_tickets);
	m->n_tickets = 0;
	mem_free(MEM_WORKER, a);
	m->answer = NULL;
}

void memory_worker_ask(struct memory_worker *m, uint32_t ticket)
{
	if (m->n_tickets == MEMORY_N_TICKETS)
		return;
	if (!m->answer) {
		m->answer = mem_zalloc(MEM_WORKER, 1, sizeof(*m->answer));
		if (!m->answer)
			return;
		inventory_begin(&m->answer->conns, m->gate);
		loop_mark(m->gate->loop, &m->walk);
	}
	m->tickets[m->n_tickets++] = ticket;
}

/* --- giving memory back -------------------------------------------------- */

static bool purge_is_over(const struct memory_answer *a, uint64_t given)
{
	return !given || a->n_slices >= MAX_SLICES || a->held_us >= PURGE_US;
}

static void purge_cb(struct dirty *d)
{
	struct memory_worker *m = container_of(d, struct memory_worker, purging);
	struct memory_answer *a = m->purge;
	uint64_t start_us = clock_mono_us(), given;

	given = mem_purge();
	a->purged_bytes += given;
	count_slice(a, start_us);
	if (!purge_is_over(a, given)) {
		loop_defer(m->gate->loop, d);
		return;
	}
	a->after_bytes = memory_anon_bytes();
	tell(m, a, MEMORY_PURGE_BYTES, m->purge_tickets, m->n_purge_tickets);
	m->n_purge_tickets = 0;
	mem_free(MEM_WORKER, a);
	m->purge = NULL;
}

void memory_worker_purge(struct memory_worker *m, uint32_t ticket)
{
	if (m->n_purge_tickets == MEMORY_N_TICKETS)
		return;
	if (m->purge) {
		m->purge_tickets[m->n_purge_tickets++] = ticket;
		return;
	}
	m->purge = mem_zalloc(MEM_WORKER, 1, MEMORY_PURGE_BYTES);
	if (!m->purge)
		return;
	m->purge_tickets[m->n_purge_tickets++] = ticket;
	m->purge->is_purge = true;
	m->purge->before_bytes = memory_anon_bytes();
	/* Twice: a pool keeps one chunk that was empty since the first. */
	gate_trim(m->gate);
	gate_trim(m->gate);
	loop_defer(m->gate->loop, &m->purging);
}

/* --- life ---------------------------------------------------------------- */

void memory_worker_init(struct memory_worker *m, struct gate *g, int channel,
			uint64_t base_bytes)
{
	memset(m, 0, sizeof(*m));
	m->gate = g;
	m->channel = channel;
	m->base_bytes = base_bytes;
	dirty_init(&m->walk, walk_cb);
	dirty_init(&m->purging, purge_cb);
}

void memory_worker_fini(struct memory_worker *m)
{
	if (!m->gate)
		return;
	m->gate->walk = NULL;
	dirty_fini(&m->walk);
	dirty_fini(&m->purging);
	mem_free(MEM_WORKER, m->answer);
	mem_free(MEM_WORKER, m->purge);
	m->answer = NULL;
	m->purge = NULL;
}
