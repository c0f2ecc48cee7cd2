/*
 * All that a server's session understood of its client, and how the requests are
 * answered.
 */
#ifndef HEAPGATE_FUZZ_H2_SIDE_H
#define HEAPGATE_FUZZ_H2_SIDE_H

#include "h2_seen.h"

#define MAX_SEEN   512   /* streams */
#define MAX_ANSWER 70000 /* bytes */

struct side {
	const char *name;
	struct seen *at[MAX_SEEN];
	unsigned int n;
	bool over; /* by an error of the connection, with code */
	uint32_t code;
	uint64_t sent; /* bytes of DATA */
};

static struct seen *seen_find(const struct side *side, int32_t id)
{
	for (unsigned int i = side->n; i; i--)
		if (side->at[i - 1]->id == id)
			return side->at[i - 1];
	return NULL;
}

static struct seen *seen_get(struct side *side, int32_t id)
{
	struct seen *s = seen_find(side, id);

	if (s)
		return s;
	must(side->n < MAX_SEEN);
	s = calloc(1, sizeof(*s));
	must(s);
	s->id = id;
	side->at[side->n++] = s;
	return s;
}

static void side_free(struct side *side)
{
	for (unsigned int i = 0; i < side->n; i++) {
		octets_free(&side->at[i]->head);
		octets_free(&side->at[i]->body);
		octets_free(&side->at[i]->trailers);
		free(side->at[i]);
	}
	*side = (struct side){0};
}

/*
 * The letter of its path, which says what is to be done:
 *
 *	b, l  a short or a long body at once, before the request has ended
 *	s     a short one that does not end
 *	i     an interim answer at once
 *	t     trailers
 *	k     the request's body is not taken
 *	x     a reset
 *
 * All others, and i, t, k, are answered when they have ended.
 */
static char seen_plan(const struct seen *s)
{
	static const char name[] = ":path";

	for (size_t i = 0; i + sizeof(name) < s->head.len; i++)
		if (memcmp(s->head.p + i, name, sizeof(name)) == 0)
			return s->head.p[i + sizeof(name)] == '/'
				       ? s->head.p[i + sizeof(name) + 1]
				       : 0;
	return 0;
}

/* Whether it is to be answered now. Sets asked. */
static bool seen_is_due(struct seen *s)
{
	char plan = seen_plan(s);

	if (s->answered || !s->whole || plan == 'x')
		return false;
	if (!s->ended && plan != 'b' && plan != 's' && plan != 'l')
		return false;
	s->answered = true;
	s->asked = plan == 'b' || plan == 's' ? 300 : plan == 'l' ? MAX_ANSWER : 0;
	return true;
}

/* len bytes of an answer's body, from this place on. */
static const char *answer_bytes(int32_t id, size_t at, size_t len)
{
	static char alphabets[MAX_ANSWER + 26];

	for (size_t i = 0; !alphabets[MAX_ANSWER + 25] && i < sizeof(alphabets); i++)
		alphabets[i] = (char)('a' + i % 26);
	must(at + len <= MAX_ANSWER);
	return alphabets + ((size_t)id + at) % 26;
}

#endif
