#include "server/memory.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "server/memory_json.h"
#include "server/supervisor.h"

#define WAIT_MS       1000
#define PURGE_WAIT_MS 10000
#define MAX_SURVEYS   8 /* at once */

/* One worker that was asked. */
struct slot {
	unsigned int config;
	unsigned int worker;
	pid_t pid;
	json_t *answer; /* NULL: not yet */
};

struct survey {
	struct list node; /* in memory->surveys */
	struct supervisor *v;
	struct stream *s; /* side B is ours */
	struct memory_ask ask;
	uint32_t ticket;
	struct timer timer;
	unsigned int n_slots;
	unsigned int n_waiting;
	struct slot slots[];
};

/* Frees it; the stream is nobody's then. */
static void survey_free(struct survey *q)
{
	timer_stop(&q->v->loop, &q->timer);
	list_del(&q->node);
	for (unsigned int i = 0; i < q->n_slots; i++)
		json_decref(q->slots[i].answer);
	mem_free(MEM_STREAM, q);
}

/* --- the answer -------------------------------------------------------------- */

static json_t *no_answer(const struct slot *slot)
{
	return json_pack("{s:i, s:i, s:i, s:s}", "worker", (int)slot->worker, "config",
			 (int)slot->config, "pid", (int)slot->pid, "error",
			 "no answer");
}

static json_t *self_json(const struct supervisor *v)
{
	struct procfs self;

	procfs_init(&self, getpid());
	procfs_read(&self, v->loop.now_ms, false);
	return json_pack("{s:i, s:I, s:I}", "pid", (int)getpid(), "resident",
			 (json_int_t)self.now.resident_bytes, "anonymous",
			 (json_int_t)self.now.anon_bytes);
}

static json_t *root_json(struct survey *q)
{
	json_t *workers = json_array();

	for (unsigned int i = 0; i < q->n_slots; i++) {
		struct slot *slot = &q->slots[i];

		json_array_append_new(workers,
				      slot->answer ? slot->answer : no_answer(slot));
		slot->answer = NULL;
	}
	return json_pack("{s:o, s:o}", "supervisor", self_json(q->v), "workers",
			 workers);
}

static void reply_text(struct stream *s, const struct memory_ask *ask,
		       const json_t *root)
{
	struct text to;

	text_init(&to, MEM_STREAM);
	if (ask->purge)
		memory_print_purge(&to, root);
	else
		memory_print(&to, root);
	if (to.failed)
		reply_error(s, 500);
	else
		reply_send(s, 200, STR("text/plain; charset=utf-8"), text_str(&to));
	text_fini(&to);
}

static void reply_json(struct stream *s, const json_t *root)
{
	char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

	if (text)
		reply_send(s, 200, STR("application/json"), str_z(text));
	else
		reply_error(s, 500);
	mem_free(MEM_JANSSON, text);
}

/* The reply aborts side B, and that frees the survey. */
static void answer(struct survey *q)
{
	json_t *root = root_json(q);
	struct memory_ask ask = q->ask;
	struct stream *s = q->s;

	if (!root)
		reply_error(s, 500);
	else if (ask.text)
		reply_text(s, &ask, root);
	else
		reply_json(s, root);
	json_decref(root);
}

static void timer_cb(struct timer *t)
{
	answer(container_of(t, struct survey, timer));
}

/* --- side B -------------------------------------------------------------------- */

static void data_side(struct stream *s)
{
	(void)s; /* a question has no body */
}

static void room_side(struct stream *s, size_t n)
{
	(void)s, (void)n;
}

static void abort_side(struct stream *s, enum stream_end why)
{
	(void)why;
	survey_free(s->b.owner);
	stream_detach_b(s);
}

static const struct side_ops side_ops = {
	.head = data_side,
	.info = data_side,
	.data = data_side,
	.room = room_side,
	.abort = abort_side,
};

/* --- the question ---------------------------------------------------------------- */

static unsigned int count_seats(const struct supervisor *v)
{
	unsigned int n = v->crew ? v->crew->n_seats : 0;

	list_each (node, &v->old)
		n += container_of(node, struct crew, node)->n_seats;
	return n;
}

static void ask_crew(struct survey *q, const struct crew *c)
{
	enum channel_word word = q->ask.purge ? CHANNEL_PURGE : CHANNEL_MEMORY;

	for (unsigned int i = 0; i < c->n_seats; i++) {
		const struct seat *s = &c->seats[i];

		if (!s->pid || (q->ask.worker >= 0 && (int)i != q->ask.worker))
			continue;
		q->slots[q->n_slots++] = (struct slot){c->number, i, s->pid, NULL};
		if (seat_ask(s, word, q->ticket) == 0)
			q->n_waiting++;
	}
}

static void ask_all(struct survey *q)
{
	struct supervisor *v = q->v;

	if (v->crew)
		ask_crew(q, v->crew);
	list_each (node, &v->old)
		ask_crew(q, container_of(node, struct crew, node));
}

static unsigned int count_surveys(const struct memory *m)
{
	unsigned int n = 0;

	list_each (node, (struct list *)(uintptr_t)&m->surveys)
		n++;
	return n;
}

void memory_survey(struct supervisor *v, struct stream *s, const struct memory_ask *ask)
{
	struct survey *q = NULL;

	if (count_surveys(&v->memory) < MAX_SURVEYS)
		q = mem_zalloc(MEM_STREAM, 1,
			       sizeof(*q) + count_seats(v) * sizeof(*q->slots));
	if (!q) {
		reply_error(s, 503);
		return;
	}
	q->v = v;
	q->s = s;
	q->ask = *ask;
	q->ticket = ++v->memory.last_ticket;
	timer_init(&q->timer, timer_cb);
	list_append(&v->memory.surveys, &q->node);
	stream_attach_b(s, &side_ops, q, NULL);
	ask_all(q);
	/* With nobody to wait for it is due at once. */
	timer_set(&v->loop, &q->timer,
		  !q->n_waiting ? 0
		  : ask->purge  ? PURGE_WAIT_MS
				: WAIT_MS);
}

static bool is_whole(const struct memory_answer *a, size_t len, bool purge)
{
	if (len < MEMORY_PURGE_BYTES || a->magic != MEMORY_MAGIC ||
	    (a->is_purge != 0) != purge)
		return false;
	return len == (purge ? MEMORY_PURGE_BYTES : sizeof(*a));
}

static void take(struct survey *q, struct slot *slot, struct crew *c, struct seat *s,
		 const struct memory_answer *a)
{
	slot->answer = q->ask.purge ? memory_json_purge(c, s, a)
				    : memory_json_worker(c, s, a, q->ask.peers,
							 q->v->loop.now_ms);
	if (--q->n_waiting == 0)
		answer(q);
}

static struct slot *find_slot(struct survey *q, const struct crew *c,
			      const struct seat *s)
{
	for (unsigned int i = 0; i < q->n_slots; i++)
		if (q->slots[i].config == c->number &&
		    q->slots[i].worker == s->number && q->slots[i].pid == s->pid &&
		    !q->slots[i].answer)
			return &q->slots[i];
	return NULL;
}

void memory_on_answer(struct supervisor *v, struct crew *c, struct seat *s,
		      const void *p, size_t len)
{
	const struct memory_answer *a = p;

	list_each_safe (node, &v->memory.surveys) {
		struct survey *q = container_of(node, struct survey, node);
		struct slot *slot;

		if (len < MEMORY_PURGE_BYTES || q->ticket != a->ticket ||
		    !is_whole(a, len, q->ask.purge))
			continue;
		slot = find_slot(q, c, s);
		if (slot)
			take(q, slot, c, s, a);
		return;
	}
	log_debug("worker %u: an answer that nobody waits for", s->number);
}

void memory_init(struct memory *m)
{
	list_init(&m->surveys);
	m->last_ticket = 0;
}
