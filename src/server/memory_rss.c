#include "server/memory_rss.h"

static uint64_t get(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void set(struct memory_part *p, uint64_t bytes)
{
	p->known = true;
	p->bytes = (int64_t)bytes;
}

/* Nobody writes down what was asked for each block: the blocks that are out
 * are taken to be rounded as all blocks of their tag were so far. */
static uint64_t asked_of(const struct mem_counter *c)
{
	uint64_t live = get(&c->live_bytes), given = get(&c->given_bytes);
	double share = given ? (double)get(&c->asked_bytes) / (double)given : 1;

	return share < 1 ? (uint64_t)((double)live * share) : live;
}

static uint64_t explain_live(struct memory_part *parts, const struct mem_counters *c)
{
	uint64_t live = 0, asked = 0;

	for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++) {
		live += get(&c->tag[tag].live_bytes);
		asked += asked_of(&c->tag[tag]);
	}
	set(&parts[MEMORY_ASKED], asked);
	set(&parts[MEMORY_ROUNDING], live - asked);
	return live;
}

/* An allocator that calls address space active tells nothing about RAM. */
static bool is_in_ram(const struct mem_stats *s, uint64_t anon)
{
	return s->active != MEM_UNKNOWN && s->active <= anon;
}

static void explain_free(struct memory_part *parts, uint64_t live, uint64_t anon,
			 const struct mem_stats *s)
{
	uint64_t metadata = s->metadata == MEM_UNKNOWN ? 0 : s->metadata;

	if (s->metadata != MEM_UNKNOWN)
		set(&parts[MEMORY_METADATA], s->metadata);
	if (!is_in_ram(s, anon))
		return;
	set(&parts[MEMORY_BETWEEN], s->active - live);
	if (s->resident != MEM_UNKNOWN && s->resident >= s->active + metadata)
		set(&parts[MEMORY_CACHED], s->resident - s->active - metadata);
}

void memory_explain(struct memory_part parts[MEMORY_N_PARTS], uint64_t anon,
		    uint64_t base, const struct mem_counters *c,
		    const struct mem_stats *s)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < MEMORY_N_PARTS; i++)
		parts[i] = (struct memory_part){.known = false};
	explain_free(parts, explain_live(parts, c), anon, s);
	set(&parts[MEMORY_FOLDED], -get(&c->folded_bytes));
	if (base != MEM_UNKNOWN)
		set(&parts[MEMORY_PROGRAM], base);
	for (unsigned int i = 0; i < MEMORY_REST; i++)
		sum += parts[i].bytes;
	set(&parts[MEMORY_REST], anon - (uint64_t)sum);
}

static const struct {
	const char *name;
	const char *text;
} words[MEMORY_N_PARTS] = {
	[MEMORY_ASKED] = {"asked", "asked for by the program and in use"},
	[MEMORY_ROUNDING] = {"rounding", "more than asked for: the size classes"},
	[MEMORY_BETWEEN] = {"fragmentation",
			    "free, but on pages with blocks in use; caches that the "
			    "allocator does not tell apart"},
	[MEMORY_CACHED] = {"caches", "free pages that the allocator keeps for later"},
	[MEMORY_METADATA] = {"metadata", "the allocator's bookkeeping"},
	[MEMORY_PROGRAM] = {"program",
			    "data, stacks and libraries, before the allocator"},
	[MEMORY_FOLDED] = {"folded", "asked for, but packed and not in RAM: of quiet "
				     "connections"},
	[MEMORY_REST] = {"rest", "what nobody tells of, to the kernel's figure; below "
				 "0: handed out, but not in RAM yet"},
};

const char *memory_part_name(enum memory_part_id id)
{
	return words[id].name;
}

const char *memory_part_text(enum memory_part_id id)
{
	return words[id].text;
}
