/*
 * fields: the header or trailer fields of a message, in their order
 * (RFC 9110 §5). The array and all strings live in the arena of the stream
 * they belong to.
 */
#ifndef HEAPGATE_FIELDS_H
#define HEAPGATE_FIELDS_H

#include "allocators/arena.h"
#include "base/str.h"

/* Fields that the proxy itself looks at; all others are FIELD_OTHER. */
enum field_id {
	FIELD_OTHER,
	FIELD_ACCEPT,
	FIELD_AUTHORITY, /* reserved for pseudo-header handling */
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_TYPE,
	FIELD_COOKIE,
	FIELD_DATE,
	FIELD_EXPECT,
	FIELD_FORWARDED,
	FIELD_HOST,
	FIELD_HTTP2_SETTINGS,
	FIELD_KEEP_ALIVE,
	FIELD_PROXY_CONNECTION,
	FIELD_REFERER,
	FIELD_SEC_WEBSOCKET_ACCEPT,
	FIELD_SEC_WEBSOCKET_KEY,
	FIELD_SERVER,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_USER_AGENT,
	FIELD_VIA,
	FIELD_X_FORWARDED_FOR,
	FIELD_X_FORWARDED_HOST,
	FIELD_X_FORWARDED_PROTO,
	FIELD_N_IDS,
};

struct field {
	const char *name; /* lower case */
	const char *value;
	uint32_t value_len;
	uint16_t name_len;
	uint8_t id;          /* enum field_id */
	uint8_t never_index; /* RFC 7541 §7.1.3: keep out of HPACK tables */
};

struct fields {
	struct field *at;
	uint32_t bytes; /* sum of name + value + 32 (RFC 9113 §6.5.2) */
	uint16_t n;
	uint16_t cap;
};

/* name must be lower case. */
enum field_id field_id_of(const char *name, size_t len);
/* RFC 9110 §5.5 field-value: no CR, LF, NUL, no control but tab, no space or
 * tab at either end. */
bool is_field_value(struct str s);

/*
 * Adds a field; the strings are taken as they are and must live as long as
 * the arena. Returns: 0, or -1 when there is no memory (nothing is added).
 */
int fields_add(struct fields *f, struct arena *a, struct str name,
	       struct str value) MUST_USE;
/* As fields_add(), with both strings copied into the arena. */
int fields_copy(struct fields *f, struct arena *a, struct str name,
		struct str value) MUST_USE;
/* As fields_copy() where field_id_of(name) is known: such a name takes no room. */
int fields_copy_known(struct fields *f, struct arena *a, enum field_id id,
		      struct str name, struct str value) MUST_USE;
/* Makes room for n more fields, so that so many fields_push() succeed.
 * Returns: 0, or -1 when there is no memory. */
int fields_room(struct fields *f, struct arena *a, unsigned int n) MUST_USE;
/* Adds a field where fields_room() made room. */
void fields_push(struct fields *f, struct field field);
/* The first field with this id from index *from on, or NULL; *from moves
 * past it. */
const struct field *fields_next(const struct fields *f, enum field_id id,
				unsigned int *from);
/* The first field with this id, or NULL. */
const struct field *fields_get(const struct fields *f, enum field_id id);
#define FIELD_BIT(id) (1u << (id))
_Static_assert(FIELD_N_IDS <= 32, "a bit for each id");

/* Takes all fields out whose ids have their FIELD_BIT in ids. */
void fields_drop(struct fields *f, uint32_t ids);
/* Takes all fields with this id out. */
void fields_remove(struct fields *f, enum field_id id);

static inline struct str field_name(const struct field *f)
{
	return str_of(f->name, f->name_len);
}

static inline struct str field_value(const struct field *f)
{
	return str_of(f->value, f->value_len);
}

/*
 * Whether a field is hop-by-hop and must not be forwarded (RFC 9110 §7.6.1,
 * RFC 9113 §8.2.2): Connection and what it names (connection: its fields'
 * values are looked through), Keep-Alive, Proxy-Connection, TE,
 * Transfer-Encoding, Upgrade, HTTP2-Settings.
 */
bool field_is_hop_by_hop(const struct field *f, const struct fields *all);
/* The same where there is no Connection field, by enum field_id. */
bool field_id_is_hop_by_hop(unsigned int id);
/* Whether a comma-separated list value has this token in it, in any case. */
bool field_lists(const struct field *f, struct str token);
/*
 * Takes all hop-by-hop fields out but for one "te: trailers", the only TE that
 * may go on. Do this before adding fields of our own: a peer's Connection
 * must not be able to name them.
 */
void fields_end_hop(struct fields *f);
/* Whether a trailer field must not be passed on (RFC 9110 §6.5.1). */
bool field_is_bad_trailer(const struct field *f);

#endif
