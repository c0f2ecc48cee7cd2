#include "http/body.h"

#include <string.h>

#include "base/must.h"

struct body_block {
	struct body_block *next;
	uint16_t start; /* first byte not taken yet */
	uint16_t end;   /* first byte not filled yet */
	uint16_t cap;   /* bytes of data[] */
	char data[];
};

#define DATA_AT     offsetof(struct body_block, data)
#define SMALL_BYTES (1024 - DATA_AT)
#define FEW_BYTES   (2048 - DATA_AT)
#define MID_BYTES   (4096 - DATA_AT)
#define LARGE_BYTES (16384 - DATA_AT)
#define FRAME_BYTES (16896 - DATA_AT) /* the content of a whole DATA frame */
#define HUGE_BYTES  (65536 - DATA_AT)
/* Less room than this in the tail is not worth a read of its own. */
#define READ_BYTES 2048

_Static_assert(LARGE_BYTES == BODY_BLOCK_BYTES && HUGE_BYTES == BODY_HUGE_BYTES,
	       "body.h tells the block sizes");
_Static_assert(HUGE_BYTES <= UINT16_MAX, "positions are of 16 bits");

/* Of the smallest block that holds len bytes, or the largest but for reads. */
static size_t fitting(size_t len)
{
	if (len <= SMALL_BYTES)
		return SMALL_BYTES;
	if (len <= FEW_BYTES)
		return FEW_BYTES;
	if (len <= MID_BYTES)
		return MID_BYTES;
	return len <= LARGE_BYTES ? LARGE_BYTES : FRAME_BYTES;
}

/* Pages that nobody fills must stay untouched: nothing is zeroed. */
static struct body_block *block_new(struct body *b, size_t cap)
{
	struct body_block *k = mem_alloc(MEM_STREAM, DATA_AT + cap);

	if (!k)
		return NULL;
	k->next = NULL;
	k->start = 0;
	k->end = 0;
	k->cap = (uint16_t)cap;
	b->n_blocks++;
	b->held_bytes += (uint32_t)(DATA_AT + cap);
	if (b->held_bytes > b->peak_bytes)
		b->peak_bytes = b->held_bytes;
	return k;
}

static void block_free(struct body *b, struct body_block *k)
{
	b->held_bytes -= (uint32_t)(DATA_AT + k->cap);
	mem_free(MEM_STREAM, k);
}

static void blocks_free(struct body *b, struct body_block *k)
{
	while (k) {
		struct body_block *next = k->next;

		block_free(b, k);
		k = next;
	}
}

static size_t room(const struct body_block *k)
{
	return k ? (size_t)k->cap - k->end : 0;
}

/* Room for len bytes in new blocks, all or none. */
static struct body_block *blocks_new(struct body *b, size_t len)
{
	struct body_block *first = NULL;
	struct body_block **link = &first;

	while (len) {
		struct body_block *k = block_new(b, fitting(len));

		if (!k) {
			blocks_free(b, first);
			return NULL;
		}
		*link = k;
		link = &k->next;
		len -= len < k->cap ? len : k->cap;
	}
	return first;
}

static void append(struct body *b, struct body_block *k)
{
	if (b->tail)
		b->tail->next = k;
	else
		b->head = k;
	b->tail = k;
}

static void count(struct body *b, size_t len)
{
	must(len <= UINT32_MAX - b->bytes);
	b->bytes += (uint32_t)len;
	b->total_bytes += len;
}

/* Fills the tail. Returns: how many bytes went in. */
static size_t fill(struct body_block *tail, const char *p, size_t len)
{
	size_t n = room(tail);

	if (n > len)
		n = len;
	if (n) {
		memcpy(tail->data + tail->end, p, n);
		tail->end += (uint16_t)n;
	}
	return n;
}

static void drop_reserved(struct body *b)
{
	blocks_free(b, b->reserved);
	b->reserved = NULL;
}

void body_init(struct body *b, uint32_t limit_bytes)
{
	memset(b, 0, sizeof(*b));
	b->limit = limit_bytes;
}

void body_fini(struct body *b)
{
	drop_reserved(b);
	blocks_free(b, b->head);
	b->head = NULL;
	b->tail = NULL;
	b->bytes = 0;
}

int body_put(struct body *b, const void *data, size_t len)
{
	const char *p = data;
	struct body_block *more = NULL;
	size_t n = room(b->tail);

	drop_reserved(b);
	if (len > n) {
		more = blocks_new(b, len - n);
		if (!more)
			return -1;
	}
	count(b, len);
	n = fill(b->tail, p, len);
	while (more) {
		struct body_block *k = more;

		more = k->next;
		k->next = NULL;
		append(b, k);
		n += fill(k, p + n, len - n);
	}
	return 0;
}

char *body_reserve(struct body *b, size_t want, size_t *cap)
{
	struct body_block *k = b->tail;

	if (room(k) < READ_BYTES) {
		if (!b->reserved)
			b->reserved = block_new(b, want < 2 * LARGE_BYTES ? LARGE_BYTES
									  : HUGE_BYTES);
		if (b->reserved)
			k = b->reserved;
	}
	if (!room(k))
		return NULL;
	*cap = room(k);
	return k->data + k->end;
}

/*
 * What was read into a large block goes where it takes the least room: a
 * peer that sends single bytes must not get a block for each.
 */
static void place_reserved(struct body *b, size_t len)
{
	struct body_block *k = b->reserved;
	struct body_block *small = NULL;

	b->reserved = NULL;
	if (len <= room(b->tail)) {
		fill(b->tail, k->data, len);
		block_free(b, k);
		return;
	}
	if (len <= SMALL_BYTES)
		small = block_new(b, SMALL_BYTES);
	if (small) {
		fill(small, k->data, len);
		block_free(b, k);
		k = small;
	} else {
		k->end = (uint16_t)len;
	}
	append(b, k);
}

void body_commit(struct body *b, size_t len)
{
	must(len <= room(b->reserved ? b->reserved : b->tail));
	count(b, len);
	if (!len)
		drop_reserved(b);
	else if (b->reserved)
		place_reserved(b, len);
	else
		b->tail->end += (uint16_t)len;
}

size_t body_peek(const struct body *b, const char **p)
{
	const struct body_block *k = b->head;

	if (!k)
		return 0;
	*p = k->data + k->start;
	return (size_t)k->end - k->start;
}

size_t body_peek_blocks(const struct body *b, struct iovec *v, size_t max)
{
	size_t n = 0;

	for (struct body_block *k = b->head; k && n < max; k = k->next)
		v[n++] = (struct iovec){k->data + k->start, (size_t)k->end - k->start};
	return n;
}

void body_drop(struct body *b, size_t len)
{
	must(len <= b->bytes);
	b->bytes -= (uint32_t)len;
	while (len) {
		struct body_block *k = b->head;
		size_t n = (size_t)k->end - k->start;

		if (len < n) {
			k->start += (uint16_t)len;
			return;
		}
		len -= n;
		b->head = k->next;
		if (!b->head)
			b->tail = NULL;
		block_free(b, k);
	}
}

size_t body_take(struct body *b, char *to, size_t cap)
{
	size_t done = 0;

	while (done < cap) {
		const char *p;
		size_t n = body_peek(b, &p);

		if (!n)
			break;
		if (n > cap - done)
			n = cap - done;
		memcpy(to + done, p, n);
		body_drop(b, n);
		done += n;
	}
	return done;
}
