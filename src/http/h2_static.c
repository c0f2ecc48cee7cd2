#include "http/h2_static.h"

/* From 1 on. Those with the same name follow each other. */
static const struct {
	const char *name, *value;
	uint8_t name_len, value_len;
} entries[H2_N_STATIC + 2] = {
#define ENTRY(name, value)                                                             \
	{                                                                              \
		name, value, sizeof(name) - 1, sizeof(value) - 1                       \
	}
	ENTRY("", ""),
	ENTRY(":authority", ""),
	ENTRY(":method", "GET"),
	ENTRY(":method", "POST"),
	ENTRY(":path", "/"),
	ENTRY(":path", "/index.html"),
	ENTRY(":scheme", "http"),
	ENTRY(":scheme", "https"),
	ENTRY(":status", "200"),
	ENTRY(":status", "204"),
	ENTRY(":status", "206"),
	ENTRY(":status", "304"),
	ENTRY(":status", "400"),
	ENTRY(":status", "404"),
	ENTRY(":status", "500"),
	ENTRY("accept-charset", ""),
	ENTRY("accept-encoding", "gzip, deflate"),
	ENTRY("accept-language", ""),
	ENTRY("accept-ranges", ""),
	ENTRY("accept", ""),
	ENTRY("access-control-allow-origin", ""),
	ENTRY("age", ""),
	ENTRY("allow", ""),
	ENTRY("authorization", ""),
	ENTRY("cache-control", ""),
	ENTRY("content-disposition", ""),
	ENTRY("content-encoding", ""),
	ENTRY("content-language", ""),
	ENTRY("content-length", ""),
	ENTRY("content-location", ""),
	ENTRY("content-range", ""),
	ENTRY("content-type", ""),
	ENTRY("cookie", ""),
	ENTRY("date", ""),
	ENTRY("etag", ""),
	ENTRY("expect", ""),
	ENTRY("expires", ""),
	ENTRY("from", ""),
	ENTRY("host", ""),
	ENTRY("if-match", ""),
	ENTRY("if-modified-since", ""),
	ENTRY("if-none-match", ""),
	ENTRY("if-range", ""),
	ENTRY("if-unmodified-since", ""),
	ENTRY("last-modified", ""),
	ENTRY("link", ""),
	ENTRY("location", ""),
	ENTRY("max-forwards", ""),
	ENTRY("proxy-authenticate", ""),
	ENTRY("proxy-authorization", ""),
	ENTRY("range", ""),
	ENTRY("referer", ""),
	ENTRY("refresh", ""),
	ENTRY("retry-after", ""),
	ENTRY("server", ""),
	ENTRY("set-cookie", ""),
	ENTRY("strict-transport-security", ""),
	ENTRY("transfer-encoding", ""),
	ENTRY("user-agent", ""),
	ENTRY("vary", ""),
	ENTRY("via", ""),
	ENTRY("www-authenticate", ""),
	ENTRY("", ""),
#undef ENTRY
};

/* Where the first entry of each name is, by its hash; made at the first use. */
#define N_SLOTS 256u

static uint8_t slots[N_SLOTS];

static struct str name_of(unsigned int i)
{
	return str_of(entries[i].name, entries[i].name_len);
}

static void make_slots(void)
{
	for (unsigned int i = H2_N_STATIC; i; i--) {
		uint32_t at = h2_hash(name_of(i)) % N_SLOTS;

		if (str_eq(name_of(i), name_of(i - 1)))
			continue;
		while (slots[at])
			at = (at + 1) % N_SLOTS;
		slots[at] = (uint8_t)i;
	}
}

unsigned int h2_static_name(struct str name, uint32_t hash)
{
	static bool is_made;

	if (!is_made)
		make_slots();
	is_made = true;
	for (uint32_t at = hash % N_SLOTS; slots[at]; at = (at + 1) % N_SLOTS)
		if (entries[slots[at]].name_len == name.len &&
		    bytes_eq(entries[slots[at]].name, name.p, name.len))
			return slots[at];
	return 0;
}

#define LAST_VALUE 16 /* behind it there are names alone */

unsigned int h2_static_value(unsigned int first, struct str value)
{
	for (unsigned int i = first;
	     i <= LAST_VALUE && (i == first || str_eq(name_of(i), name_of(first))); i++)
		if (entries[i].value_len == value.len && value.len &&
		    bytes_eq(entries[i].value, value.p, value.len))
			return i;
	return 0;
}
