#include "http/h2_ids.h"

#include <stdbool.h>
#include <string.h>

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
	if (id > ids->highest)
		return;
	switch (h2_ids_state(ids, id)) {
	case H2_ID_OPENED:
		ids->dropped[WORD(id)] |= BIT(id);
		if (ids->highest - id < H2_IDS)
			break;
		/* Its bit may be another's before the peer hears of it. */
		/* fall through */
	case H2_ID_FORGOTTEN:
		ids->old[ids->n_old++ % H2_OLD_IDS] = id;
		break;
	default:
		break;
	}
}

static bool is_old(const struct h2_ids *ids, int32_t id)
{
	for (unsigned int i = 0; i < H2_OLD_IDS; i++)
		if (ids->old[i] == id)
			return true;
	return false;
}

enum h2_id_state h2_ids_state(const struct h2_ids *ids, int32_t id)
{
	if ((int64_t)ids->highest - id >= 2 * H2_IDS)
		return is_old(ids, id) ? H2_ID_DROPPED : H2_ID_FORGOTTEN;
	if (!(ids->opened[WORD(id)] & BIT(id)))
		return H2_ID_SKIPPED;
	return ids->dropped[WORD(id)] & BIT(id) ? H2_ID_DROPPED : H2_ID_OPENED;
}
