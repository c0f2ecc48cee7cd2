/*
 * h2: what fronts and backs share of nghttp2: memory, options, header lists,
 * the way to the socket.
 */
#ifndef HEAPGATE_H2_H
#define HEAPGATE_H2_H

#include <nghttp2/nghttp2.h>

#include "http/message.h"
#include "io/conn.h"

/* RFC 9113 §6.5.2. */
#define H2_CHUNK_BYTES 16384u
#define H2_FRAME_HEAD  9u

/* CONTINUATIONs that one header block may have. */
#define H2_MAX_CONTINUATIONS 8u

/* Room for the queue of a session with 512 streams. */
#define H2_SPARE_BYTES 4096u

/* What an answer may take before its client has shown that it reads. */
#define H2_FIRST_BYTES 8192u

/* Not in the headers of every library that sends it. */
#define H2_ERR_TOO_MANY_CONTINUATIONS (-905)

/* Callbacks and options of all sessions of one kind; made once per process. */
struct h2_kit {
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	void *spare; /* of H2_SPARE_BYTES, for a realloc that fails; or NULL */
};

/* Options that both kinds want are set; callbacks are those of conn output
 * (user data must start with a struct h2_user). Returns: 0 or -1. */
int h2_kit_init(struct h2_kit *k) MUST_USE;
void h2_kit_fini(struct h2_kit *k);

/* What the shared callbacks need of a session's user data. */
struct h2_user {
	struct conn *conn;
	struct loop *loop;
	int64_t bytes; /* that nghttp2 holds for this session */
	struct h2_kit *kit;
	void *recent; /* what h2_stream() gave last, for recent_id */
	int32_t recent_id;
	void *table; /* its largest zeroed block: the streams, by a hash */
	size_t table_bytes;
	bool has_frame; /* its frame buffer is the loop's; see h2_mem_init() */
	bool is_torn;   /* see h2_session_del() */
};

/*
 * Memory functions that count in u->bytes; nghttp2 copies *mem. Lives: *u as
 * long as the session.
 *
 * A session packs its frames in a buffer of 16 KiB, which holds nothing while
 * nghttp2_session_send() does not run: our callbacks never return WOULDBLOCK.
 * So all sessions are lent the same one, loop->frame, by versions of nghttp2
 * that were seen to be so; that saves a page or more per idle connection.
 */
void h2_mem_init(nghttp2_mem *mem, struct h2_user *u, struct h2_kit *kit);
/*
 * In place of nghttp2_session_del(). When nghttp2 1.52 cannot grow a queue it
 * frees an item that its stream still points to, and frees it again with the
 * session. So a realloc that fails gets the kit's spare block; and where that
 * is not enough, the session's memory is abandoned, not freed twice.
 */
void h2_session_del(nghttp2_session *session, struct h2_user *u);

/*
 * What belongs to a stream: nghttp2's stream_user_data, which it finds by a hash
 * at each call; most calls ask for the same stream as the one before. Set it by
 * h2_set_stream() alone, or by what opens the stream; and to NULL when it goes.
 * Returns: NULL where there is none.
 */
static inline void *h2_stream(nghttp2_session *session, struct h2_user *u, int32_t id)
{
	if (id != u->recent_id || !u->recent) {
		u->recent = nghttp2_session_get_stream_user_data(session, id);
		u->recent_id = id;
	}
	return u->recent;
}

static inline void h2_set_stream(nghttp2_session *session, struct h2_user *u,
				 int32_t id, void *stream)
{
	nghttp2_session_set_stream_user_data(session, id, stream);
	u->recent = stream;
	u->recent_id = id;
}

/* Gives back the pages of the table of streams while it has none. It is of 4 KiB
 * from the start, the largest block that an idle session holds. */
void h2_vacate(struct h2_user *u);

/* What HPACK's two dynamic tables of a session take, by the count of RFC 7541
 * §4.1; a part of what nghttp2 holds. */
size_t h2_hpack_bytes(nghttp2_session *session);

/* Entries that the functions below may fill. */
#define H2_NV_MAX(m) ((size_t)(m)->headers.n + 6)

/* Header lists. The strings are not copied: they must live until the stream
 * is closed. Returns: how many entries were filled in. */
size_t h2_request_nv(nghttp2_nv *nv, const struct message *m);
size_t h2_answer_nv(nghttp2_nv *nv, struct message *m);
size_t h2_fields_nv(nghttp2_nv *nv, const struct fields *f);

/*
 * Takes one received field into m: pseudo-headers to their places, others to
 * headers or trailers, copied into the arena. What nghttp2 checks already
 * (order, names, characters) is not checked again.
 * Returns: 0, or -1 when there is no memory.
 */
int h2_take_field(struct message *m, struct arena *a, bool trailers, struct str name,
		  struct str value, bool never_index) MUST_USE;
/* content_length and method of a whole head, from its fields. */
void h2_end_head(struct message *m);

/* In a data source's read callback, when the last bytes were promised: ends
 * the stream, by trailers if there are any. tick: scratch.
 * Returns: 0; without memory for them what the callback has to return, so that
 * nghttp2 resets the stream: without its trailers it must not look whole. */
int h2_end_data(nghttp2_session *session, int32_t id, const struct fields *trailers,
		struct arena *tick, uint32_t *flags) MUST_USE;

struct body;
/* How many bytes the next DATA frame takes off body, at most max: those of one
 * block where they are many, since they need no copy then. */
size_t h2_data_len(const struct body *body, size_t max);
/* Writes a DATA frame's head and len bytes off the front of body; all of it,
 * also when the socket is full. */
void h2_write_data(struct conn *c, const uint8_t *head, struct body *body, size_t len);

#endif
