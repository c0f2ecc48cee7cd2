#include "http/h2_priority.h"

static bool is_key(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || c == '*')
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.');
}

static size_t key_len(struct str s)
{
	size_t n = 0;

	while (n < s.len && is_key(s.p[n], !n))
		n++;
	return n;
}

/* The two members that mean something; others, and parameters, are passed over. */
static void take_member(struct str key, struct str value, bool is_bare,
			uint8_t *urgency, bool *incremental)
{
	if (key.len != 1)
		return;
	if (key.p[0] == 'u' && value.len == 1 && value.p[0] >= '0' && value.p[0] <= '7')
		*urgency = (uint8_t)(value.p[0] - '0');
	if (key.p[0] == 'i' && (is_bare || str_eq(value, STR("?1"))))
		*incremental = true;
	if (key.p[0] == 'i' && str_eq(value, STR("?0")))
		*incremental = false;
}

void h2_priority(struct str value, uint8_t *urgency, bool *incremental)
{
	struct str rest = value, member, item;
	uint8_t u = *urgency;
	bool i = *incremental;

	while (str_split(&rest, ',', &member)) {
		struct str name = str_trim(member);
		size_t n = key_len(name);
		bool is_bare = n == name.len || name.p[n] == ';';

		if (!n || (!is_bare && (name.p[n] != '=' || name.len == n + 1)))
			return;
		item = is_bare ? str_of(NULL, 0)
			       : str_of(name.p + n + 1, name.len - n - 1);
		if (item.len)
			str_split(&(struct str){item.p, item.len}, ';', &item);
		take_member(str_of(name.p, n), item, is_bare, &u, &i);
	}
	*urgency = u;
	*incremental = i;
}
