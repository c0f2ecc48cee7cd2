#include "http/message.h"

#include "http/chars.h"

void message_init(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->minor_version = 1;
	m->content_length = LENGTH_UNKNOWN;
}

enum method method_of(struct str s)
{
	static const struct {
		struct str text;
		enum method method;
	} methods[] = {
		{{"GET", 3}, METHOD_GET},       {{"HEAD", 4}, METHOD_HEAD},
		{{"POST", 4}, METHOD_POST},     {{"PUT", 3}, METHOD_PUT},
		{{"DELETE", 6}, METHOD_DELETE}, {{"OPTIONS", 7}, METHOD_OPTIONS},
		{{"TRACE", 5}, METHOD_TRACE},   {{"CONNECT", 7}, METHOD_CONNECT},
		{{"PATCH", 5}, METHOD_PATCH},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(s, methods[i].text))
			return methods[i].method;
	return METHOD_OTHER;
}

bool method_is_idempotent(enum method m)
{
	switch (m) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_PUT:
	case METHOD_DELETE:
	case METHOD_OPTIONS:
	case METHOD_TRACE:
		return true;
	default:
		return false;
	}
}

bool is_token(struct str s)
{
	return s.len && chars_are(s, CHAR_TOKEN);
}

bool is_origin_form(struct str s)
{
	return s.len && s.p[0] == '/' && chars_are(s, CHAR_TARGET);
}

/* Digits. */
static bool is_port(struct str s)
{
	return s.len < 5 || (s.len == 5 && memcmp(s.p, "65535", 5) <= 0);
}

/* "[...]". */
static bool is_ip_literal(struct str s)
{
	if (s.len < 4 || s.p[0] != '[' || s.p[s.len - 1] != ']')
		return false;
	for (size_t i = 1; i < s.len - 1; i++)
		if (hex_digit(s.p[i]) > 15 && s.p[i] != ':' && s.p[i] != '.')
			return false;
	return true;
}

static bool has_escapes_alone(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (char_is(s.p[i], CHAR_HOST))
			continue;
		if (s.p[i] != '%' || s.len - i < 3 || hex_digit(s.p[i + 1]) > 15 ||
		    hex_digit(s.p[i + 2]) > 15)
			return false;
		i += 2;
	}
	return true;
}

/* A reg-name or an IPv4 address. */
static bool is_reg_name(struct str s)
{
	return s.len && (chars_are(s, CHAR_HOST) || has_escapes_alone(s));
}

/* Where the host ends: at the colon that nothing but digits follow. */
static size_t host_len(struct str s)
{
	size_t n = s.len;

	while (n && s.p[n - 1] >= '0' && s.p[n - 1] <= '9')
		n--;
	return n && s.p[n - 1] == ':' ? n - 1 : s.len;
}

bool is_authority(struct str s)
{
	struct str host = str_of(s.p, host_len(s));

	if (host.len < s.len &&
	    !is_port(str_of(s.p + host.len + 1, s.len - host.len - 1)))
		return false;
	return is_reg_name(host) || is_ip_literal(host);
}

const char *status_reason(unsigned int status)
{
	static const char *const names[][52] = {
		{[0] = "Continue", "Switching Protocols", "Processing", "Early Hints"},
		{[0] = "OK",
		 "Created",
		 "Accepted",
		 "Non-Authoritative Information",
		 "No Content",
		 "Reset Content",
		 "Partial Content",
		 "Multi-Status",
		 "Already Reported",
		 [26] = "IM Used"},
		{[0] = "Multiple Choices",
		 "Moved Permanently",
		 "Found",
		 "See Other",
		 "Not Modified",
		 "Use Proxy",
		 [7] = "Temporary Redirect",
		 "Permanent Redirect"},
		{[0] = "Bad Request",
		 "Unauthorized",
		 "Payment Required",
		 "Forbidden",
		 "Not Found",
		 "Method Not Allowed",
		 "Not Acceptable",
		 "Proxy Authentication Required",
		 "Request Timeout",
		 "Conflict",
		 "Gone",
		 "Length Required",
		 "Precondition Failed",
		 "Content Too Large",
		 "URI Too Long",
		 "Unsupported Media Type",
		 "Range Not Satisfiable",
		 "Expectation Failed",
		 [21] = "Misdirected Request",
		 "Unprocessable Content",
		 "Locked",
		 "Failed Dependency",
		 "Too Early",
		 "Upgrade Required",
		 [28] = "Precondition Required",
		 "Too Many Requests",
		 [31] = "Request Header Fields Too Large",
		 [51] = "Unavailable For Legal Reasons"},
		{[0] = "Internal Server Error",
		 "Not Implemented",
		 "Bad Gateway",
		 "Service Unavailable",
		 "Gateway Timeout",
		 "HTTP Version Not Supported",
		 "Variant Also Negotiates",
		 "Insufficient Storage",
		 "Loop Detected",
		 [11] = "Network Authentication Required"},
	};
	const char *name;

	if (status < 100 || status > 599 || status % 100 > 51)
		return "";
	name = names[status / 100 - 1][status % 100];
	return name ? name : "";
}
