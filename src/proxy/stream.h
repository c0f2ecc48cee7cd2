/*
 * stream: one exchange, from its first header to both halves closed. Stands
 * between side A (the front) and side B (a back, or a handler of our own) and
 * knows each only as struct side_ops.
 *
 * Whoever makes something puts it here and calls the other side; whoever takes
 * body bytes tells the maker by room(). A side that is done detaches; when
 * both are, the stream is logged, counted and freed with all its memory.
 */
#ifndef HEAPGATE_STREAM_H
#define HEAPGATE_STREAM_H

#include "base/list.h"
#include "http/body.h"
#include "http/h2_session.h"
#include "http/message.h"
#include "io/loop.h"
#include "upstream/route.h"
#include "upstream/upstream.h"

struct gate;
struct stream;
struct front;

/* Why a side failed, or must end. */
enum stream_end {
	STREAM_DONE,        /* in order */
	STREAM_CANCELLED,   /* the client went away or reset it */
	STREAM_REFUSED,     /* the server has not looked at it: safe to retry */
	STREAM_STALE,       /* a reused connection closed before any answer */
	STREAM_UNREACHABLE, /* connect or TLS failed */
	STREAM_BROKEN,      /* the server closed, reset or sent nonsense */
	STREAM_TIMEOUT,
	STREAM_NO_MEMORY,
};

struct side_ops {
	/* B: the request's head is in s->req. A: the answer's is in s->res. */
	void (*head)(struct stream *s);
	/* A: an interim answer (1xx) is in s->res; it is gone afterwards. */
	void (*info)(struct stream *s);
	/* The body towards this side grew, or ended (trailers are there). */
	void (*data)(struct stream *s);
	/* n bytes of the body that this side makes were taken. */
	void (*room)(struct stream *s, size_t n);
	/* End this side: it detaches now, or when its session has let go of
	 * the stream. Until then it makes nothing more. Called once. */
	void (*abort)(struct stream *s, enum stream_end why);
};

struct side {
	const struct side_ops *ops; /* NULL: detached */
	void *owner;                /* struct front_h2, struct back_h1 … */
	struct list node;           /* in the owner's list of streams */
	struct h2_stream h2;        /* h2 alone; else all zero */
	uint8_t n_infos;            /* h2 B: interim answers so far */
	bool wide;                  /* h2: may buffer more than at first */
	bool aborted;               /* abort() was called */
};

struct stream {
	uint32_t magic;
	struct gate *gate;
	struct front *front; /* NULL once A has detached */
	struct side a, b;
	struct message req, res;
	struct body req_body, res_body;
	struct arena arena;
	struct timer timer; /* answer's head, then any byte either way */
	struct grave grave;
	const struct route_conf *route; /* NULL: none */
	struct server *server;          /* being asked; NULL: none */
	struct server *tried[4];
	const char *fault; /* error type of RFC 9209 §2.3, if a server's; or NULL */
	uint8_t n_tried;
	uint8_t end;          /* enum stream_end: how it ended */
	uint16_t listener;    /* index */
	uint16_t head_status; /* what a bad head is refused with; 0: good */
	bool dispatched : 1;  /* request head is whole and was passed on */
	bool answered : 1;    /* answer's head was passed to A */
	bool b_answered : 1;  /* h2: B's final head has come */
	bool local : 1;       /* the answer is our own */
	bool req_taken : 1;   /* B took body bytes: no retry */
	bool fresh : 1;       /* a retry that wants a new connection */
	bool is_h2 : 1;       /* the client speaks h2 */
	bool tunnel : 1;      /* after a 101: bytes both ways, no HTTP */
	bool overdue : 1;     /* the timer has rung; see timer_cb() */
	uint64_t moved_bytes; /* while the client was waited for; see min_rate */
	uint64_t started_us;  /* monotonic: first header */
	uint64_t sent_us;     /* request head given to B */
	uint64_t answered_us; /* answer's head given to A */
};

/* A new stream on a front: side A is attached. Returns: NULL without memory. */
struct stream *stream_new(struct front *f, const struct side_ops *ops,
			  void *owner) MUST_USE;
/* Attaches side B. */
void stream_attach_b(struct stream *s, const struct side_ops *ops, void *owner,
		     struct list *streams);

/* Side A: the request's head is whole (req_body.ended may be set already).
 * status: 0, or what the head is refused with. */
void stream_on_request(struct stream *s, unsigned int status);
/* Empties s->res for an answer to s->req: the first, or another try. */
void stream_reset_answer(struct stream *s);
/* Side B: the answer's head is whole in s->res; 101 begins a tunnel. */
void stream_on_answer(struct stream *s);
/* Side B: s->res is an interim answer; emptied before this returns. */
void stream_on_info(struct stream *s);
/* The body that a side makes grew or ended. */
void stream_on_req_data(struct stream *s);
void stream_on_res_data(struct stream *s);
/* A side took n bytes of the other's body. */
void stream_took_req(struct stream *s, size_t n);
void stream_took_res(struct stream *s, size_t n);

/* Side A is finished with: in order (STREAM_DONE) or not; B, if still there, is
 * aborted. The stream is freed after the turn in which its second side detached;
 * until then a pointer to it on the stack is good. */
void stream_detach_a(struct stream *s, enum stream_end why);
/* Side B is finished with: after the whole answer, or aborted. */
void stream_detach_b(struct stream *s);
/* Side B failed and detaches: retried, answered by us or reset. */
void stream_fail_b(struct stream *s, enum stream_end why);
/* The answer is out, the request is not all here: ends in a second. */
void stream_linger(struct stream *s);
/* Aborts side B, if it is there. */
void stream_abort_b(struct stream *s, enum stream_end why);
void stream_abort(struct stream *s, enum stream_end why); /* both sides */

/* The most bytes it can have held at once: its struct, its arena, the highest
 * of each of its bodies. */
uint64_t stream_mem_peak(const struct stream *s);
/* Blocks of memory that were taken for it, the struct included. */
uint64_t stream_n_allocs(const struct stream *s);

#endif
