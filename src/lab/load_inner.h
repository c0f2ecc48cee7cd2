/*
 * load_inner: what the parts of the load generator share.
 *
 *   load ── slots ──► session (one connection) ──► exchange (one request)
 *        └─ idle ───►
 */
#ifndef HEAPGATE_LOAD_INNER_H
#define HEAPGATE_LOAD_INNER_H

#include "allocators/pool.h"
#include "http/h1_session.h"
#include "http/h2.h"
#include "lab/load.h"
#include "lab/schedule.h"

struct load;
struct session;

/* A message on its way on a long stream. */
struct load_message {
	uint64_t end;    /* it is back when so many bytes are */
	uint64_t due_us; /* monotonic */
	struct load_result *result;
	bool counted;
};
#define MESSAGES_MAX 64u

/* One request, or one long stream. */
struct exchange {
	struct list node; /* session->exchanges */
	struct session *session;
	const struct request *request;
	struct load_result *result; /* of the phase it was due in; NULL: not
				     * counted (idle connections) */
	uint64_t due_us;            /* monotonic */
	uint64_t out_left;          /* bytes of the body not sent */
	uint64_t in_bytes;          /* of the answer's body */
	int32_t id;                 /* of the stream, HTTP/2 */
	uint16_t status;
	bool ended;    /* END_STREAM came */
	bool deferred; /* nothing to send until a message comes */
	/* long streams: a ring */
	struct load_message *messages;
	unsigned int first, n_messages;
	uint64_t asked_bytes; /* by all messages so far */
};

struct session_ops {
	/* Sends what e asks for, at the end of the turn. Returns: 0 or -1. */
	int (*start)(struct session *s, struct exchange *e);
	/* Something was added to a long stream. */
	void (*resume)(struct session *s, struct exchange *e);
	void (*open)(struct session *s); /* the connection stands */
	/* Returns: 0, or -1 when the session is no good any more. */
	int (*input)(struct session *s, char *data, size_t len);
	int (*flush)(struct session *s);
	void (*bye)(struct session *s); /* said before closing; NULL: nothing */
	void (*eof)(struct session *s); /* the server closed; NULL: nothing */
	void (*free)(struct session *s);
};

struct session {
	struct h2_user user; /* first, for the callbacks shared with h2.c */
	struct load *load;
	const struct session_ops *ops;
	struct list node;      /* load->sessions */
	struct list exchanges; /* open */
	struct exchange *next; /* long streams: where the next message goes */
	struct dirty dirty;
	struct grave grave;
	struct session **slot; /* that it fills, or NULL: on its way out */
	unsigned int n_open;   /* exchanges */
	unsigned int n_begun;
	bool is_open;
	bool is_idle; /* asks once and then stays */
	uint64_t in_counted, out_counted;
	/* HTTP/2 */
	nghttp2_session *h2;
	/* HTTP/1: one exchange at a time */
	struct h1_session w;
	struct message answer;
	struct arena arena;
	bool got_head;
};

struct load {
	struct loop loop;
	const struct load_conf *conf;
	struct load_result *results;
	struct h2_kit kit;
	struct pool exchanges;
	struct list sessions;   /* all, slots or not */
	struct session **slots; /* n_conns */
	unsigned int next_slot;
	unsigned int n_connecting;
	unsigned int n_idle; /* opened so far */
	char *zeroes;        /* a body's bytes */
	/* the schedule */
	struct schedule schedule;
	struct arrival next;
	uint64_t phase_us;  /* when this phase began, monotonic */
	unsigned int phase; /* index; n_phases: over */
	bool running;       /* the phases have begun */
	bool starved;       /* a request waits for a stream */
	bool interrupted;
	int timer_fd;
	struct event *timer_event;
	struct dirty pump;
	struct timer tick; /* opening, draining */
	uint64_t give_up_us;
	uint64_t cpu_us;             /* when the phase began */
	unsigned int n_failed_opens; /* connections that never stood */
	unsigned int n_opened;       /* connections, ever */
	unsigned int n_seen_open;    /* of these, at the last tick of opening */
};

#define LOAD_ZEROES (16u << 10)

/* load_session.c */
struct session *session_new(struct load *l, struct session **slot, bool is_idle);
bool session_has_room(const struct session *s);
/* result NULL: not counted. Returns: 0; -1: it could not be asked. */
int session_ask(struct session *s, const struct request *r, uint64_t due_us,
		struct load_result *result) MUST_USE;
/* No new requests; closes once all are answered. */
void session_retire(struct session *s);
/* At once; its exchanges fail. */
void session_free(struct session *s, bool failed);
void session_count_bytes(struct session *s);
static inline void session_mark(struct session *s)
{
	loop_mark(&s->load->loop, &s->dirty);
}

/* An answer is complete, or never will be. Frees e. */
void exchange_end(struct exchange *e, bool failed);
/* Body bytes of a long stream came back. */
void exchange_take(struct exchange *e, size_t len);

/* load.c: there is room for one more request. */
void load_has_room(struct load *l);

extern const struct session_ops load_h1_ops, load_h2_ops;
int load_h1_init(struct session *s) MUST_USE;
int load_h2_init(struct session *s) MUST_USE;
int load_h2_kit_init(struct h2_kit *k) MUST_USE;

#endif
