#include "http/fields.h"

#include "http/chars.h"

/* Each with its first and its last byte, for field_id_of(). */
#define ALL_KNOWN                                                                      \
	KNOWN(TE, "te", 't', 'e')                                                      \
	KNOWN(VIA, "via", 'v', 'a')                                                    \
	KNOWN(HOST, "host", 'h', 't')                                                  \
	KNOWN(DATE, "date", 'd', 'e')                                                  \
	KNOWN(ACCEPT, "accept", 'a', 't')                                              \
	KNOWN(COOKIE, "cookie", 'c', 'e')                                              \
	KNOWN(EXPECT, "expect", 'e', 't')                                              \
	KNOWN(SERVER, "server", 's', 'r')                                              \
	KNOWN(REFERER, "referer", 'r', 'r')                                            \
	KNOWN(TRAILER, "trailer", 't', 'r')                                            \
	KNOWN(UPGRADE, "upgrade", 'u', 'e')                                            \
	KNOWN(FORWARDED, "forwarded", 'f', 'd')                                        \
	KNOWN(USER_AGENT, "user-agent", 'u', 't')                                      \
	KNOWN(CONNECTION, "connection", 'c', 'n')                                      \
	KNOWN(KEEP_ALIVE, "keep-alive", 'k', 'e')                                      \
	KNOWN(AUTHORITY, ":authority", ':', 'y')                                       \
	KNOWN(CONTENT_TYPE, "content-type", 'c', 'e')                                  \
	KNOWN(CONTENT_LENGTH, "content-length", 'c', 'h')                              \
	KNOWN(HTTP2_SETTINGS, "http2-settings", 'h', 's')                              \
	KNOWN(X_FORWARDED_FOR, "x-forwarded-for", 'x', 'r')                            \
	KNOWN(X_FORWARDED_HOST, "x-forwarded-host", 'x', 't')                          \
	KNOWN(PROXY_CONNECTION, "proxy-connection", 'p', 'n')                          \
	KNOWN(TRANSFER_ENCODING, "transfer-encoding", 't', 'g')                        \
	KNOWN(X_FORWARDED_PROTO, "x-forwarded-proto", 'x', 'o')                        \
	KNOWN(SEC_WEBSOCKET_KEY, "sec-websocket-key", 's', 'y')                        \
	KNOWN(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept", 's', 't')

enum {
#define KNOWN(id, name, first, last) +1
	N_KNOWN = 0 ALL_KNOWN
#undef KNOWN
};

_Static_assert(N_KNOWN == FIELD_N_IDS - 1, "every id but OTHER has its name");

/* Where a name is looked for. No two of those above have the same; if they had, the
 * compiler would warn of an initializer that is overwritten. */
#define SLOT(len, first, last)                                                         \
	((unsigned int)(len)*6 + (unsigned char)(first) + (unsigned char)(last)*26) % 64

static const char *const names[FIELD_N_IDS] = {
#define KNOWN(id, name, first, last) [FIELD_##id] = (name),
	ALL_KNOWN
#undef KNOWN
};

static const uint8_t name_lens[FIELD_N_IDS] = {
#define KNOWN(id, name, first, last) [FIELD_##id] = sizeof(name) - 1,
	ALL_KNOWN
#undef KNOWN
};

static const uint8_t slots[64] = {
#define KNOWN(id, name, first, last) [SLOT(sizeof(name) - 1, first, last)] = FIELD_##id,
	ALL_KNOWN
#undef KNOWN
};

enum field_id field_id_of(const char *name, size_t len)
{
	unsigned int id = len ? slots[SLOT(len, name[0], name[len - 1])] : FIELD_OTHER;

	return name_lens[id] == len && bytes_eq(names[id], name, len) ? id
								      : FIELD_OTHER;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool is_field_value(struct str s)
{
	if (!s.len)
		return true;
	return !is_blank(s.p[0]) && !is_blank(s.p[s.len - 1]) && value_span(s) == s.len;
}

int fields_room(struct fields *f, struct arena *a, unsigned int n)
{
	struct field *at;

	if (n <= (unsigned int)(f->cap - f->n))
		return 0;
	if (n > (unsigned int)(UINT16_MAX - f->n))
		return -1;
	at = arena_alloc(a, sizeof(*at) * (f->n + n));
	if (!at)
		return -1;
	if (f->n)
		memcpy(at, f->at, sizeof(*at) * f->n);
	f->at = at;
	f->cap = (uint16_t)(f->n + n);
	return 0;
}

/* A field costs its length and 32 bytes (RFC 9113 §6.5.2). */
static uint32_t field_bytes(const struct field *f)
{
	return f->name_len + f->value_len + 32;
}

void fields_push(struct fields *f, struct field field)
{
	f->bytes += field_bytes(&field);
	f->at[f->n++] = field;
}

static int grow(struct fields *f, struct arena *a)
{
	unsigned int more = f->n < 8 ? 8 : f->n;

	if (more > (unsigned int)(UINT16_MAX - f->n))
		more = (unsigned int)(UINT16_MAX - f->n);
	return more ? fields_room(f, a, more) : -1;
}

static int add(struct fields *f, struct arena *a, enum field_id id, struct str name,
	       struct str value)
{
	struct field field;

	if (name.len > UINT16_MAX || value.len > UINT32_MAX)
		return -1;
	if (f->n == f->cap && grow(f, a) < 0)
		return -1;
	field.name = name.p;
	field.value = value.p;
	field.value_len = (uint32_t)value.len;
	field.name_len = (uint16_t)name.len;
	field.id = (uint8_t)id;
	field.never_index = false;
	fields_push(f, field);
	return 0;
}

int fields_add(struct fields *f, struct arena *a, struct str name, struct str value)
{
	return add(f, a, field_id_of(name.p, name.len), name, value);
}

int fields_copy_known(struct fields *f, struct arena *a, enum field_id id,
		      struct str name, struct str value)
{
	size_t own = id == FIELD_OTHER ? name.len : 0;
	char *p = arena_bytes(a, own + value.len);

	if (!p)
		return -1;
	if (own)
		memcpy(p, name.p, own);
	if (value.len)
		memcpy(p + own, value.p, value.len);
	name.p = id == FIELD_OTHER ? p : names[id]; /* that live for ever */
	return add(f, a, id, name, str_of(p + own, value.len));
}

int fields_copy(struct fields *f, struct arena *a, struct str name, struct str value)
{
	return fields_copy_known(f, a, field_id_of(name.p, name.len), name, value);
}

const struct field *fields_next(const struct fields *f, enum field_id id,
				unsigned int *from)
{
	for (unsigned int i = *from; i < f->n; i++) {
		if (f->at[i].id != id)
			continue;
		*from = i + 1;
		return &f->at[i];
	}
	*from = f->n;
	return NULL;
}

const struct field *fields_get(const struct fields *f, enum field_id id)
{
	unsigned int from = 0;

	return fields_next(f, id, &from);
}

/* Keeps the fields for which drop() is false, in their order. */
static void fields_filter(struct fields *f, bool (*drop)(const struct field *, void *),
			  void *arg)
{
	struct fields old = *f;

	f->n = 0;
	f->bytes = 0;
	for (unsigned int i = 0; i < old.n; i++)
		if (!drop(&old.at[i], arg))
			fields_push(f, old.at[i]);
}

static bool has_id(const struct field *f, void *ids)
{
	return FIELD_BIT(f->id) & *(const uint32_t *)ids;
}

void fields_drop(struct fields *f, uint32_t ids)
{
	uint32_t there = 0;

	for (unsigned int i = 0; i < f->n; i++)
		there |= FIELD_BIT(f->at[i].id);
	if (there & ids)
		fields_filter(f, has_id, &ids);
}

void fields_remove(struct fields *f, enum field_id id)
{
	fields_drop(f, FIELD_BIT(id));
}

bool field_lists(const struct field *f, struct str token)
{
	struct str rest = field_value(f);
	struct str part;

	while (str_split(&rest, ',', &part))
		if (str_eq_nocase(str_trim(part), token))
			return true;
	return false;
}

bool field_id_is_hop_by_hop(unsigned int id)
{
	switch (id) {
	case FIELD_CONNECTION:
	case FIELD_HTTP2_SETTINGS:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TE:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return true;
	default:
		return false;
	}
}

bool field_is_hop_by_hop(const struct field *f, const struct fields *all)
{
	const struct field *c;
	unsigned int from = 0;

	if (field_id_is_hop_by_hop(f->id))
		return true;
	while ((c = fields_next(all, FIELD_CONNECTION, &from)))
		if (field_lists(c, field_name(f)))
			return true;
	return false;
}

/* A field that ends here has lost its name; see fields_end_hop(). */
static bool has_ended(const struct field *f, void *unused)
{
	(void)unused;
	return !f->name_len || f->id == FIELD_CONNECTION;
}

void fields_end_hop(struct fields *f)
{
	bool te = false;

	/* Connection is asked for all others, so it goes last. */
	for (unsigned int i = 0; i < f->n; i++) {
		struct field *x = &f->at[i];

		if (x->id == FIELD_TE && !te && field_lists(x, STR("trailers"))) {
			te = true;
			x->value = "trailers";
			x->value_len = sizeof("trailers") - 1;
		} else if (x->id != FIELD_CONNECTION && field_is_hop_by_hop(x, f)) {
			x->name_len = 0;
		}
	}
	fields_filter(f, has_ended, NULL);
}

/*
 * Fields that frame, route, authenticate, condition or describe a message
 * come too late in a trailer (RFC 9110 §6.5.1).
 */
bool field_is_bad_trailer(const struct field *f)
{
	static const struct str others[] = {
		{"age", 3},
		{"authorization", 13},
		{"cache-control", 13},
		{"content-encoding", 16},
		{"content-range", 13},
		{"expires", 7},
		{"location", 8},
		{"max-forwards", 12},
		{"pragma", 6},
		{"proxy-authenticate", 18},
		{"proxy-authorization", 19},
		{"range", 5},
		{"retry-after", 11},
		{"set-cookie", 10},
		{"vary", 4},
		{"www-authenticate", 16},
	};

	if (f->id != FIELD_OTHER)
		return f->id != FIELD_SERVER && f->id != FIELD_VIA;
	if (str_starts(field_name(f), STR("if-")))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (str_eq(field_name(f), others[i]))
			return true;
	return false;
}
