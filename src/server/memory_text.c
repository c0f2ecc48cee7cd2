#include <string.h>

#include "server/memory_json.h"

static long long get(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *word(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* In kB with one digit: exact enough, and the columns stay narrow. */
static void kb(struct text *to, long long bytes)
{
	text_printf(to, "%12.1f kB", (double)bytes / 1024);
}

static void print_parts(struct text *to, const json_t *rss)
{
	const json_t *part;
	size_t i;

	text_printf(to, "  anonymous memory, in parts:\n");
	json_array_foreach(json_object_get(rss, "parts"), i, part)
	{
		kb(to, get(part, "bytes"));
		text_printf(to, "  %-13s  %s\n", word(part, "part"),
			    word(part, "means"));
	}
	kb(to, get(rss, "anonymous"));
	text_printf(to, "  %-13s  as the kernel says\n", "in all");
	kb(to, get(rss, "file_and_shared"));
	text_printf(to, "  %-13s  of files and shared, besides\n", "");
}

static void print_owners(struct text *to, const json_t *owners)
{
	const json_t *o;
	size_t i;

	text_printf(to, "  in use, by owner:\n");
	json_array_foreach(owners, i, o)
	{
		if (!get(o, "calls"))
			continue;
		kb(to, get(o, "live"));
		text_printf(to, "  %-9s %-7s %10lld blocks, peak %.1f kB\n",
			    word(o, "owner"), word(o, "life"), get(o, "blocks"),
			    (double)get(o, "peak") / 1024);
	}
}

static void print_sum(struct text *to, const char *name, const json_t *o)
{
	long long n = get(o, "n");

	kb(to, get(o, "bytes"));
	text_printf(to, "  %lld %s, %lld streams", n, name, get(o, "n_streams"));
	if (n)
		text_printf(to, ", %.1f kB each",
			    (double)get(o, "bytes") / 1024 / (double)n);
	text_char(to, '\n');
}

static void print_bytes(struct text *to, const json_t *o, const char *const *keys)
{
	for (; *keys; keys++)
		if (get(o, *keys))
			text_printf(to, " %s %.1f", *keys,
				    (double)get(o, *keys) / 1024);
	text_char(to, '\n');
}

static void print_conn(struct text *to, const json_t *c)
{
	static const char *const of_conn[] = {"struct",  "nghttp2", "hpack",   "tls",
					      "packed",  "folded",  "pending", "held",
					      "streams", "bodies",  NULL};
	static const char *const of_stream[] = {"struct", "arena", "request_body",
						"answer_body", NULL};
	const json_t *s;
	size_t i;

	kb(to, get(c, "bytes"));
	text_printf(to, "  %s %s %s%s:", word(c, "side"), word(c, "peer"),
		    word(c, "protocol"),
		    json_is_true(json_object_get(c, "over_tls")) ? " tls" : "");
	print_bytes(to, c, of_conn);
	json_array_foreach(json_object_get(c, "largest_streams"), i, s)
	{
		kb(to, get(s, "bytes"));
		text_printf(to, "    stream %lld %s %s %s %.1f s:", get(s, "id"),
			    word(s, "state"), word(s, "method"), word(s, "route"),
			    (double)get(s, "age_ms") / 1000);
		print_bytes(to, s, of_stream);
	}
}

static void print_conns(struct text *to, const json_t *w)
{
	const json_t *c;
	size_t i;

	text_printf(to, "  connections:\n");
	print_sum(to, "clients", json_object_get(w, "clients"));
	print_sum(to, "servers", json_object_get(w, "servers"));
	kb(to, get(w, "tls_in_handshake_or_closing"));
	text_printf(to, "  TLS in handshakes, or closing\n");
	text_printf(to, "  those that hold most, with their streams (kB):\n");
	json_array_foreach(json_object_get(w, "largest_connections"), i, c)
		print_conn(to, c);
}

static void print_sizes(struct text *to, const json_t *sizes)
{
	const json_t *s;
	size_t i;

	if (!sizes)
		return;
	text_printf(to, "  sizes asked for, the most frequent of %lld calls:\n",
		    get(sizes, "calls"));
	json_array_foreach(json_object_get(sizes, "top"), i, s) text_printf(
		to, "%12lld B %12lld calls\n", get(s, "bytes"), get(s, "calls"));
}

static void print_head(struct text *to, const json_t *w)
{
	text_printf(to, "worker %lld, config %lld, pid %lld, %s %s", get(w, "worker"),
		    get(w, "config"), get(w, "pid"), word(w, "allocator"),
		    word(w, "version"));
	if (json_object_get(w, "error"))
		text_printf(to, ": %s", word(w, "error"));
	text_char(to, '\n');
}

static void print_worker(struct text *to, const json_t *w)
{
	print_head(to, w);
	if (json_object_get(w, "error"))
		return;
	if (json_object_get(w, "rss"))
		print_parts(to, json_object_get(w, "rss"));
	print_owners(to, json_object_get(w, "owners"));
	print_conns(to, w);
	print_sizes(to, json_object_get(w, "sizes"));
}

void memory_print(struct text *to, const json_t *root)
{
	const json_t *v = json_object_get(root, "supervisor"), *w;
	size_t i;

	text_printf(to, "supervisor, pid %lld: %.1f kB resident\n", get(v, "pid"),
		    (double)get(v, "resident") / 1024);
	json_array_foreach(json_object_get(root, "workers"), i, w) print_worker(to, w);
}

void memory_print_purge(struct text *to, const json_t *root)
{
	const json_t *w;
	size_t i;

	json_array_foreach(json_object_get(root, "workers"), i, w)
	{
		print_head(to, w);
		if (json_object_get(w, "error"))
			continue;
		text_printf(to,
			    "  %.1f kB before, %.1f kB after; the loop was held for "
			    "%lld us, %lld us at most at a stretch, in %lld slices\n",
			    (double)get(w, "before") / 1024,
			    (double)get(w, "after") / 1024, get(w, "held_us"),
			    get(w, "longest_us"), get(w, "slices"));
	}
}
