/*
 * load_session: a connection of the load generator and what it asks for.
 */
#ifndef HEAPGATE_LOAD_SESSION_H
#define HEAPGATE_LOAD_SESSION_H

#include "http/h1_session.h"
#include "lab/answer_head.h"
#include "lab/frame_reader.h"
#include "lab/load.h"

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
	struct list node; /* session->exchanges, or load->spares */
	struct session *session;
	const struct request *request;
	struct load_result *result; /* of the phase it was due in; NULL: not
				     * counted (idle connections) */
	uint64_t due_us;            /* monotonic */
	uint64_t out_left;          /* bytes of the body not sent */
	uint64_t in_bytes;          /* of the answer's body */
	uint16_t status;
	bool ended; /* the answer is whole */
	/* HTTP/1 */
	bool asked; /* its head was sent */
	/* HTTP/2 */
	bool out_ended;         /* END_STREAM was sent */
	bool has_length;        /* the answer has told its length */
	bool bad;               /* the answer is not what it says it is */
	uint32_t id;            /* of the stream; 0: not sent yet */
	uint32_t taken;         /* bytes of its window, not given back */
	int64_t window;         /* bytes that the server takes */
	uint64_t length;        /* has_length */
	struct exchange *chain; /* load_h2->table */
	struct list ready;      /* load_h2->waiting or ->sending, or alone */
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

/* A connection's side of HTTP/2. */
struct load_h2 {
	struct answer_head answer;
	struct frame_reader reader;
	struct exchange **table; /* streams by id, mask + 1 chains */
	uint32_t mask;
	struct list waiting;  /* exchange->ready: to be sent */
	struct list sending;  /* exchange->ready: may have a body to send */
	uint32_t n_streams;   /* open */
	uint32_t max_streams; /* that the server lets be open */
	uint32_t n_asked;     /* ever */
	uint32_t next_id;     /* of a stream */
	uint32_t in_block;    /* the stream whose CONTINUATION must come, or 0 */
	uint32_t taken;       /* bytes of our window, not given back */
	int64_t window;       /* bytes that the server takes */
	int64_t first_window; /* of each stream of theirs */
	uint8_t *control;     /* frames to send before all others */
	uint32_t n_control;   /* bytes in control */
	uint32_t control_cap; /* bytes of room */
	bool greeted;         /* the preface was sent */
	bool has_asked;       /* the server's HPACK table has what it will have */
	bool no_table;        /* it wants none */
	bool ends_stream;     /* of the block that is read */
};

struct session {
	struct conn *conn;
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
	struct load_h2 h2;
	/* HTTP/1: one exchange at a time */
	struct h1_session w;
	struct message answer;
	struct arena arena;
	bool got_head;
};

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

/* An answer is complete, or never will be. Frees e. */
void exchange_end(struct exchange *e, bool failed);
void exchange_free_spares(struct load *l);
/* Body bytes of a long stream came back. */
void exchange_take(struct exchange *e, size_t len);

extern const struct session_ops load_h1_ops, load_h2_ops;
int load_h1_init(struct session *s) MUST_USE;
int load_h2_init(struct session *s) MUST_USE;

#endif
