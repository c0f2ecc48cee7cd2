/*
 * h2_session: a session of nghttp2's, its memory, and the way to it: between two
 * calls it may be folded (allocators/fold.h).
 */
#ifndef HEAPGATE_H2_SESSION_H
#define HEAPGATE_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "allocators/fold.h"
#include "io/conn.h"

/* RFC 9113 §6.5.2. */
#define H2_CHUNK_BYTES 16384u

/* Room for the queue of a session with 512 streams. */
#define H2_SPARE_BYTES 4096u

/* Callbacks and options of all sessions of one kind; made once per process. */
struct h2_kit {
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	void *spare;   /* of H2_SPARE_BYTES, for a realloc that fails; or NULL */
	bool no_pages; /* sessions do not fill them; see h2_session_new() */
};

/* A session, and what the shared callbacks need of its user data. */
struct h2_user {
	struct conn *conn;
	struct loop *loop;
	int64_t bytes; /* that nghttp2 holds for this session */
	struct h2_kit *kit;
	void *recent; /* what h2_stream() gave last, for recent_id */
	int32_t recent_id;
	nghttp2_session *session; /* by h2_session() alone */
	struct fold pages;        /* most of what it was made of; or empty */
	struct fold table;        /* its largest zeroed block since: the streams, by
				   * a hash; or empty */
	uint32_t table_bytes;
	uint32_t hpack_bytes; /* while it is folded; see h2_hpack_bytes() */
	uint16_t small_bytes; /* used of the second page, while it is made */
	bool has_first : 1;   /* the first page is */
	bool is_made : 1;     /* the pages take no more */
	bool is_folded : 1;   /* h2_fold() */
	bool has_frame : 1;   /* its frame buffer is the loop's */
	bool is_torn : 1;     /* see h2_session_del() */
};

/*
 * A session for a server or a client, with u as its user data, whose memory
 * counts in u->bytes. u->conn and u->loop are set, all else is zero. Lives: *u as
 * long as the session, and *kit. On failure h2_session_del() is due too.
 * Returns: 0 or an error of nghttp2's.
 *
 * A session packs its frames in a buffer of 16 KiB, which holds nothing while
 * nghttp2_session_send() does not run: our callbacks never return WOULDBLOCK.
 * So all sessions are lent the same one, loop->frame, by versions of nghttp2
 * that were seen to be so; that saves a page or more per idle connection.
 *
 * Its struct, its table of streams and a ring of HPACK's lie on two pages of their
 * own, so that they can be folded. A version of nghttp2 that asks for so little
 * or much that the pages stay half empty gets them for one session, no more.
 */
int h2_session_new(struct h2_user *u, struct h2_kit *kit, bool is_server) MUST_USE;
/*
 * In place of nghttp2_session_del(). When nghttp2 1.52 cannot grow a queue it
 * frees an item that its stream still points to, and frees it again with the
 * session. So a realloc that fails gets the kit's spare block; and where that
 * is not enough, the session's memory is abandoned, not freed twice.
 */
void h2_session_del(struct h2_user *u);

/* The conn is quiet: what the session holds is folded. No call of nghttp2's may be
 * on the stack. */
void h2_fold(struct h2_user *u);
void h2_unfold(struct h2_user *u);

/* The only way to the session; what it gives is good until the conn is quiet.
 * (Within a callback nghttp2 tells the session, and it is not folded.) */
static inline nghttp2_session *h2_session(struct h2_user *u)
{
	if (u->is_folded)
		h2_unfold(u);
	return u->session;
}

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

/* What HPACK's two dynamic tables of a session take, by the count of RFC 7541
 * §4.1; a part of what nghttp2 holds. Leaves a folded one as it is. */
size_t h2_hpack_bytes(const struct h2_user *u);
/* Of a folded one: what its packed form takes, what its pages did; else 0. */
size_t h2_packed_bytes(const struct h2_user *u);
size_t h2_saved_bytes(const struct h2_user *u);

#endif
