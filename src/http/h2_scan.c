#include "http/h2_scan.h"

#include <string.h>

void h2_scan_init(struct h2_scan *s, uint32_t skip_bytes)
{
	s->skip = skip_bytes;
	s->n = 0;
}

static void unpack(const uint8_t *p, struct h2_head *head)
{
	head->length = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	head->type = p[3];
	head->flags = p[4];
	head->id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
			     (uint32_t)p[7] << 8 | p[8]);
}

/* A head that comes in pieces. Returns: true when it is whole. */
static bool collect(struct h2_scan *s, const uint8_t *p, size_t len, size_t *at)
{
	size_t n = H2_HEAD_BYTES - s->n;

	if (n > len - *at)
		n = len - *at;
	memcpy(s->head + s->n, p + *at, n);
	s->n += (uint8_t)n;
	*at += n;
	return s->n == H2_HEAD_BYTES;
}

bool h2_scan_next(struct h2_scan *s, const uint8_t *p, size_t len, size_t *at,
		  struct h2_head *head)
{
	if (s->skip >= len - *at) {
		s->skip -= (uint32_t)(len - *at);
		*at = len;
		return false;
	}
	*at += s->skip;
	s->skip = 0;
	head->at = s->n ? 0 : *at;
	if (!s->n && len - *at >= H2_HEAD_BYTES) {
		unpack(p + *at, head);
		*at += H2_HEAD_BYTES;
	} else {
		if (!collect(s, p, len, at))
			return false;
		unpack(s->head, head);
		s->n = 0;
	}
	s->skip = head->length;
	return true;
}

/* --- ids ------------------------------------------------------------------ */

#define WORD(id) (((uint32_t)(id) >> 1) % H2_IDS / 64)
#define BIT(id)  ((uint64_t)1 << (((uint32_t)(id) >> 1) % 64))

void h2_ids_open(struct h2_ids *ids, int32_t id)
{
	if ((int64_t)id - ids->highest >= 2 * H2_IDS) {
		memset(ids->opened, 0, sizeof(ids->opened));
	} else {
		for (int32_t i = ids->highest + 2; i < id && i > 0; i += 2)
			ids->opened[WORD(i)] &= ~BIT(i);
	}
	ids->opened[WORD(id)] |= BIT(id);
	ids->dropped[WORD(id)] &= ~BIT(id);
	ids->highest = id;
}

void h2_ids_drop(struct h2_ids *ids, int32_t id)
{
	if (id <= ids->highest && h2_ids_state(ids, id) == H2_ID_OPENED)
		ids->dropped[WORD(id)] |= BIT(id);
}

enum h2_id_state h2_ids_state(const struct h2_ids *ids, int32_t id)
{
	if ((int64_t)ids->highest - id >= 2 * H2_IDS)
		return H2_ID_FORGOTTEN;
	if (!(ids->opened[WORD(id)] & BIT(id)))
		return H2_ID_SKIPPED;
	return ids->dropped[WORD(id)] & BIT(id) ? H2_ID_DROPPED : H2_ID_OPENED;
}
