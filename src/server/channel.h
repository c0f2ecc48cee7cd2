/*
 * channel: what the supervisor and a worker say to each other: words, some
 * with a few bytes behind, over a pair of sockets that keeps their borders. Its end
 * tells that the other process is gone.
 */
#ifndef HEAPGATE_CHANNEL_H
#define HEAPGATE_CHANNEL_H

#include "allocators/mem.h"

enum channel_word {
	CHANNEL_NOTHING, /* no word is waiting */
	CHANNEL_CLOSED,  /* the other end is gone */
	/* from a worker */
	CHANNEL_READY,  /* it serves */
	CHANNEL_ANSWER, /* to one of the questions below; what follows is a
			 * struct memory_answer */
	/* to a worker */
	CHANNEL_DRAIN,  /* accept what is queued, finish, exit */
	CHANNEL_QUIT,   /* exit now */
	CHANNEL_REOPEN, /* open the logs anew */
	/* to a worker; the number of the question follows, a uint32_t */
	CHANNEL_MEMORY, /* what do your connections hold? */
	CHANNEL_PURGE,  /* give memory back */
};

/* The most that may follow a word. */
#define CHANNEL_MAX_BYTES 65536

/* Both ends nonblocking, close-on-exec. Returns: 0, or -1 with errno set.
 * Owns: the caller, to be closed by close(). */
int channel_open(int fds[2]) MUST_USE;
/* Returns: 0, or -1 with errno set (the other end is gone or does not read). */
int channel_send(int fd, enum channel_word word);
/* The next word. One that this program does not know counts as nothing. */
enum channel_word channel_recv(int fd);

/* As above, with what follows the word. A message that is longer than cap
 * counts as one that nothing follows. */
int channel_send_with(int fd, enum channel_word word, const void *p, size_t len);
enum channel_word channel_recv_with(int fd, void *to, size_t cap, size_t *len);

#endif
