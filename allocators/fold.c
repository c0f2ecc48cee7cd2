#include "fold.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem_must.h"
#include "memcheck.h"

#define FOLD_MAGIC 0x666f6c64u /* "fold" */
/* Pages are packed in pieces of this size, of which all page sizes are
 * multiples. */
#define PIECE_BYTES 4096
/* The most that a packed form may take. */
#define ROOM_BYTES 6144

struct packed {
	uint32_t magic;
	uint32_t tag;
	char *block;
	uint32_t skip;        /* bytes of the block before its first whole page */
	uint32_t pages_bytes; /* of its whole pages */
	uint32_t len;         /* of data */
	unsigned char data[];
};

/* --- packing -------------------------------------------------------------
 *
 * A piece is eight parts, each of these eight, down to single bytes: for each
 * that is not all zero comes a byte that tells which of its parts are not, and
 * then these. So zeros cost nothing in large stretches and one bit in small ones:
 * a pointer takes 7 bytes, a small number 2.
 */

static bool is_zero(const unsigned char *p, size_t len)
{
	uint64_t word, any = 0;

	for (size_t i = 0; i < len && !any; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		any = word;
	}
	return !any;
}

/* The parts of a word are bytes. No branches: which of them are zero, nobody can
 * foretell. May write one byte more than it takes. */
static unsigned char *pack_word(const unsigned char *p, unsigned char *to)
{
	unsigned int which = 0;
	unsigned char *next = to + 1;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int some = p[i] != 0;

		*next = p[i];
		next += some;
		which |= some << i;
	}
	*to = (unsigned char)which;
	return next;
}

/* May read one byte more than there is. */
static const unsigned char *unpack_word(unsigned char *p, const unsigned char *from)
{
	unsigned int which = *from++;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int some = which >> i & 1;

		p[i] = (unsigned char)(*from & -some);
		from += some;
	}
	return from;
}

/* Returns: where the next one goes; NULL: there is no room. */
static unsigned char *pack(const unsigned char *p, size_t len, unsigned char *to,
			   const unsigned char *end)
{
	size_t part = len / 8;
	unsigned char *which = to;

	if (end - to < 11) /* this byte, a word, and one more */
		return NULL;
	if (len == 8)
		return pack_word(p, to);
	*to++ = 0;
	for (unsigned int i = 0; i < 8 && to; i++, p += part) {
		if (is_zero(p, part))
			continue;
		*which |= (unsigned char)(1u << i);
		to = pack(p, part, to, end);
	}
	return to;
}

/* All is written, zeros too: pages that were given back read as zero only if no
 * file is behind them. Returns: where the next one begins. */
static const unsigned char *unpack(unsigned char *p, size_t len,
				   const unsigned char *from)
{
	size_t part = len / 8;
	unsigned int which;

	if (len == 8)
		return unpack_word(p, from);
	which = *from++;
	for (unsigned int i = 0; i < 8; i++, p += part) {
		if (which >> i & 1)
			from = unpack(p, part, from);
		else
			memset(p, 0, part);
	}
	return from;
}

static size_t pack_pages(const unsigned char *p, size_t bytes, unsigned char *room,
			 size_t cap)
{
	unsigned char *to = room;

	for (size_t i = 0; i < bytes && to; i += PIECE_BYTES)
		to = pack(p + i, PIECE_BYTES, to, room + cap);
	return to ? (size_t)(to - room) : 0;
}

/* --- a block ------------------------------------------------------------- */

/* Returns: bytes of the whole pages in p[0..bytes), and what is before them. */
static size_t whole_pages(const char *p, size_t bytes, size_t *skip)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)p + bytes) & ~(page - 1);

	*skip = from - (uintptr_t)p;
	return from < to && to - from <= UINT32_MAX ? to - from : 0;
}

static void wipe_and_free(struct packed *k)
{
	enum mem_tag tag = (enum mem_tag)k->tag;

	explicit_bzero(k, sizeof(*k) + k->len);
	mem_free(tag, k);
}

/* Returns: the packed form of the whole pages, or NULL. */
static struct packed *pack_block(char *p, size_t skip, size_t bytes, enum mem_tag tag)
{
	unsigned char room[ROOM_BYTES];
	/* A quarter at least must be won, or it is not worth two faults. */
	size_t cap = bytes / 4 * 3 < sizeof(room) ? bytes / 4 * 3 : sizeof(room);
	size_t len = pack_pages((unsigned char *)p + skip, bytes, room, cap);
	struct packed *k = len ? mem_alloc(tag, sizeof(*k) + len + 1) : NULL;

	if (k) {
		*k = (struct packed){FOLD_MAGIC,      tag,          p, (uint32_t)skip,
				     (uint32_t)bytes, (uint32_t)len};
		memcpy(k->data, room, len);
		k->data[len] = 0; /* unpack_word() reads it, of no use */
	}
	explicit_bzero(room, cap);
	return k;
}

size_t fold_pack(struct fold *f, size_t bytes, enum mem_tag tag)
{
	char *p = (char *)f->at;
	struct packed *k;
	size_t skip;

	if (!p || fold_is_packed(f))
		return 0;
	bytes = whole_pages(p, bytes, &skip);
	k = bytes ? pack_block(p, skip, bytes, tag) : NULL;
	if (!k)
		return 0;
	if (madvise(p + skip, bytes, MADV_DONTNEED) != 0) { /* locked, say */
		wipe_and_free(k);
		return 0;
	}
	memcheck_noaccess(p + skip, bytes);
	mem_count_folded((int64_t)bytes);
	f->at = (uintptr_t)k | 1;
	return bytes;
}

static struct packed *packed_of(const struct fold *f)
{
	struct packed *k = (struct packed *)(f->at & ~(uintptr_t)1);

	mem_must(fold_is_packed(f) && k->magic == FOLD_MAGIC);
	return k;
}

void fold_unpack(struct fold *f)
{
	struct packed *k = packed_of(f);
	unsigned char *p = (unsigned char *)k->block + k->skip;
	const unsigned char *from = k->data;

	memcheck_defined(p, k->pages_bytes);
	for (size_t i = 0; i < k->pages_bytes; i += PIECE_BYTES)
		from = unpack(p + i, PIECE_BYTES, from);
	mem_must(from == k->data + k->len);
	mem_count_folded(-(int64_t)k->pages_bytes);
	f->at = (uintptr_t)k->block;
	wipe_and_free(k);
}

size_t fold_packed_bytes(const struct fold *f)
{
	return fold_is_packed(f) ? mem_usable(packed_of(f)) : 0;
}

size_t fold_saved_bytes(const struct fold *f)
{
	return fold_is_packed(f) ? packed_of(f)->pages_bytes : 0;
}

void fold_discard(void *p, size_t bytes)
{
	size_t skip;

	bytes = whole_pages(p, bytes, &skip);
	if (bytes)
		madvise((char *)p + skip, bytes, MADV_DONTNEED);
}
