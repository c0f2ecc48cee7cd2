/*
 * h2_case: an HTTP/2 session whose owner writes down what it is told, and whose
 * peer writes down which frames come. One at a time, on a socketpair.
 *
 * What the owner is told, a line each: "open 1", "field 1 a=b", "head 1 end",
 * "trailers 1", "data 1 hello", "end 1", "reset 1 8", "close 1 8", "settings",
 * "pong", "goaway 2", "fault 1", "fail 0".
 *
 * What is sent, a line each: "SETTINGS", "SETTINGS ack", "PING", "WINDOW 1 4096",
 * "RST 1 8", "GOAWAY 7 1", "HEADERS 1 end :status=200 a=b", "CONTINUATION 1",
 * "DATA 1 5 end". Fields follow the last frame of their block, as nghttp2 reads
 * them; a value of more than 40 bytes is its length in brackets.
 */
#ifndef HEAPGATE_H2_CASE_H
#define HEAPGATE_H2_CASE_H

#include "http/h2_session.h"
#include "runner.h"

#define H2_CASE_STREAMS 1400

struct h2_case_stream {
	struct h2_stream h2;
	struct message m; /* what is sent */
	struct body body;
	enum method asked;
	uint32_t n_data; /* bytes that came, of its body */
	uint8_t n_closed;
	bool open;
};

struct h2_case {
	struct h2_session h;
	struct h2_conf conf;
	struct conn *conn;
	int peer;
	struct h2_case_stream streams[H2_CASE_STREAMS];
	unsigned int n_streams; /* ever */
	struct arena arena;     /* fields of what is sent */
	char told[1 << 18];
	char sent[1 << 18];
	size_t n_told, n_sent;
	int32_t data_id;    /* the last line told is of its data */
	uint64_t n_data;    /* bytes of bodies that were sent */
	uint64_t n_on_sent; /* the same as the owner was told */
	bool keeps;         /* does not consume what comes */
	bool is_deaf;       /* the peer reads nothing */
	bool no_open;       /* on_open() has no memory */
	/* Called at the end of the callback, if set. */
	void (*on_sent)(struct h2_case_stream *s);
	void (*on_close)(struct h2_case_stream *s);
	void (*on_data)(struct h2_case_stream *s);
	void (*on_field)(struct h2_case_stream *s);
};

extern struct h2_case the;

/* Chooses an allocator if none is chosen, and what both roles want at first. Change
 * the.conf then; h2_case_open() begins. */
void h2_case_server(void);
void h2_case_client(void);
void h2_case_open(void);
/* What every case must keep is looked at here: no memory is left. */
void h2_case_close(void);

/* A client's preface (a server's case alone), SETTINGS and its ACK, each way. */
void h2_case_greet(void);
/* Streams in each state; what was told and sent until then is forgotten. A server's: 1
 * waits for a body, 3 has come whole, 5 is over, 7 the client has reset, 9 we have
 * reset, 11 was passed over, 13 is refused. A client's: requests 1 (which goes on)
 * and 3 wait for answers; those of 5 and of 7 (which goes on) have begun; 9 is over,
 * 11 we have reset, 13 waits to be sent. */
void h2_case_begin_server(void);
void h2_case_begin_client(void);
void h2_case_reset_by_us(int32_t id);
/* Forgets what was told and sent. */
void h2_case_clear(void);

/* --- what comes. Nothing is sent until h2_case_turn(). */

/* len: of the payload. */
void h2_case_frame(unsigned int type, unsigned int flags, uint32_t id, const void *p,
		   size_t len);
/* The same into a buffer. Returns: behind it. */
uint8_t *h2_case_put(uint8_t *to, unsigned int type, unsigned int flags, uint32_t id,
		     const void *p, size_t len);
/* A block of literal fields that nobody indexes: "name", "value", …, NULL. */
size_t h2_case_block(uint8_t *to, const char *const *words);
/* HEADERS with END_HEADERS, and flags. */
void h2_case_head(unsigned int flags, uint32_t id, const char *const *words);
void h2_case_window(uint32_t id, uint32_t by);
void h2_case_setting(unsigned int id, uint32_t value);
/* DATA of len bytes. */
void h2_case_data(unsigned int flags, uint32_t id, size_t len);
/* Requests without and with a body to come; a server's case. */
void h2_case_get(uint32_t id);
void h2_case_post(uint32_t id);
/* ":status: 200", a client's case. */
void h2_case_ok(unsigned int flags, uint32_t id);

/* --- what goes */

/* The stream with this id, also a closed one. */
struct h2_case_stream *h2_case_stream(int32_t id);
/* A client's next request, with a body or without. */
struct h2_case_stream *h2_case_ask(bool body);
/* 200, with len bytes of a body, and its end. */
void h2_case_answer(int32_t id, size_t len, bool ended);
void h2_case_field(struct fields *f, const char *name, const char *value);
/* len more bytes of its body. */
void h2_case_more(int32_t id, size_t len, bool ended);
/* h2_send(), and the peer reads, until nothing comes. */
void h2_case_turn(void);
/* h2_send() once. */
void h2_case_send(void);
/* What the peer does with frames from here on: its decoder's table is so large. */
void h2_case_peer_table(uint32_t bytes);

/* A literal and its length. */
#define P(literal) literal, sizeof(literal) - 1
/* Whether a line of text begins so. */
bool h2_case_has(const char *text, const char *line);
/* the.told, with its last line ended. */
const char *h2_case_told(void);
/* Fails unless this is all that was told, or sent, since h2_case_clear(). */
#define ck_told(text) ck_assert_str_eq(h2_case_told(), text)
#define ck_sent(text) ck_assert_str_eq(the.sent, text)

/* A server's session, open; one that n clients' requests wait in; a client's, with n
 * requests sent. */
void h2_case_open_server(void);
void h2_case_open_asked(unsigned int n);
void h2_case_open_client(unsigned int n, bool body);

#endif
