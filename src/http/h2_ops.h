/*
 * h2_ops: what a session (h2_session.h) and its owner know of each other: streams,
 * what the owner is told, what it wants.
 */
#ifndef HEAPGATE_H2_OPS_H
#define HEAPGATE_H2_OPS_H

#include "base/list.h"
#include "http/body.h"
#include "http/h2_frame.h"
#include "http/h2_rules.h"

struct h2_session;

#define H2_URGENCY 3 /* RFC 9218 §4.1: when nothing is said */

/* One stream, embedded in what it belongs to. All but the first line is private to
 * the session. Lives: from h2_open() or on_open() to on_close(). */
struct h2_stream {
	int32_t id;
	int32_t out_window;     /* what the peer takes; may be below 0 */
	int32_t in_window;      /* what it may send */
	uint32_t in_size;       /* how far its window is opened at most */
	uint32_t in_taken;      /* taken, and not told yet */
	uint32_t reset_code;    /* while reset_due */
	int64_t in_left;        /* DATA that must still come, or LENGTH_UNKNOWN */
	struct h2_stream *next; /* in the same slot of the table */
	struct list due;        /* in session->due, or alone */
	struct list ready;      /* in session->ready, or alone */
	uint8_t urgency;        /* RFC 9218 §4 */
	bool incremental : 1;
	bool head_due : 1;   /* to be sent */
	bool head_sent : 1;  /* or made: infos count not */
	bool reset_due : 1;  /* nothing else of it is sent or heard */
	bool window_due : 1; /* in_taken is worth a frame */
	bool answered : 1;   /* a client's: the final head has come */
	bool in_ended : 1;   /* END_STREAM came */
	bool out_ended : 1;  /* END_STREAM was sent */
};

/* Why a session had to be ended. */
enum h2_fault {
	H2_FAULT_PEER,    /* broke a rule */
	H2_FAULT_CONTROL, /* wants more answers than it takes */
	H2_FAULT_HEADERS, /* a header block without end */
	H2_FAULT_MEMORY,  /* is ours */
};

/* What a session tells its owner. In none of these may the session be ended by
 * h2_fini(). Those marked so may be NULL. */
struct h2_ops {
	/* A frame comes, and nothing was done about it yet. Returns: false if the
	 * owner has called h2_end(). May be NULL. */
	bool (*on_frame)(struct h2_session *h, const struct h2_head *head);
	/* A server's: a client opens a stream. Returns: a stream, all zero, or NULL
	 * without memory. */
	struct h2_stream *(*on_open)(struct h2_session *h, int32_t id);
	/* A header block is whole, of so many bytes by the count of §6.5.2, whoever
	 * wants it. Returns as on_frame(). May be NULL. */
	bool (*on_block)(struct h2_session *h, uint32_t bytes);
	/* One more field. Returns: false: the stream is reset with INTERNAL_ERROR. */
	bool (*on_field)(struct h2_session *h, struct h2_stream *s,
			 const struct h2_field *f, bool trailers);
	/* A head is whole; s->in_ended: so is what comes of the stream. For trailers
	 * it always is. */
	void (*on_head)(struct h2_session *h, struct h2_stream *s, bool trailers);
	/* Bytes of a body. They are to be consumed: h2_consume(). */
	void (*on_data)(struct h2_session *h, struct h2_stream *s, const uint8_t *p,
			size_t len);
	/* The body's end, without trailers. */
	void (*on_end)(struct h2_session *h, struct h2_stream *s);
	/* The peer resets it; on_close() follows. May be NULL. */
	void (*on_reset)(struct h2_session *h, struct h2_stream *s, uint32_t code);
	/* The stream is over, in order (NO_ERROR) or by a reset of either side. The
	 * session knows it no more. */
	void (*on_close)(struct h2_session *h, struct h2_stream *s, uint32_t code);
	/* SETTINGS of the peer are in force. May be NULL. */
	void (*on_settings)(struct h2_session *h);
	void (*on_ping_ack)(struct h2_session *h); /* may be NULL */
	/* From now on, a client opens nothing more on it. */
	void (*on_goaway)(struct h2_session *h, uint32_t code);
	/* What the peer did makes us reset a stream. May be NULL. */
	void (*on_fault)(struct h2_session *h, uint32_t code);
	/* h2_end() was called, by the session. */
	void (*on_fail)(struct h2_session *h, enum h2_fault why);

	/* What is sent: the message, and its body. Lives: as long as the stream. */
	const struct message *(*message)(struct h2_stream *s);
	struct body *(*body)(struct h2_stream *s);
	/* A client's: the method of the request. */
	enum method (*asked)(struct h2_stream *s);
	/* So many bytes of a body went out; s->out_ended: and its end. */
	void (*on_sent)(struct h2_session *h, struct h2_stream *s, size_t n);
	/* A RST_STREAM or GOAWAY goes out. May be NULL. */
	void (*on_out)(struct h2_session *h, enum h2_type type, uint32_t code);
};

struct h2_setting_entry {
	uint16_t id; /* enum h2_setting */
	uint32_t value;
};

#define H2_MAX_OWN_SETTINGS 6

/* What one end wants; the same for all its sessions. */
struct h2_conf {
	const struct h2_ops *ops;
	bool is_server;
	uint32_t max_streams;  /* a server's: open at once */
	uint32_t window_bytes; /* of the connection, from 64 KiB on */
	uint32_t stream_bytes; /* first window of a stream */
	/* A block that takes more than this is no block: it ends the connection. */
	uint64_t max_block_bytes;
	uint32_t max_block_fields;
	struct h2_setting_entry settings[H2_MAX_OWN_SETTINGS]; /* the SETTINGS frame */
	uint8_t n_settings;
};

#endif
