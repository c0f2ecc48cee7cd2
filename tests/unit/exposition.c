#include "exposition.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAMILIES 200
#define MAX_SAMPLES  20000

struct family {
	char name[128];
	char type[16];
	bool helped;
	unsigned int n_samples;
};

struct sample {
	char *key; /* name{labels} */
	size_t name_len;
	double value;
};

static struct family families[MAX_FAMILIES];
static unsigned int n_families;
static struct sample samples[MAX_SAMPLES];
static unsigned int n_samples;
static bool is_openmetrics;
static bool ended;
/* of the histogram whose buckets come just now */
static char series[512];
static double last_le, last_count;

static struct family *current(void)
{
	return n_families ? &families[n_families - 1] : NULL;
}

/* --- lexical --------------------------------------------------------- */

static size_t name_len(const char *p, bool colons)
{
	size_t n = 0;

	while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z') ||
	       p[n] == '_' || (n && p[n] >= '0' && p[n] <= '9') ||
	       (colons && p[n] == ':'))
		n++;
	return n;
}

static void assert_utf8(const char *line)
{
	const unsigned char *p = (const unsigned char *)line;

	while (*p) {
		int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;

		ck_assert_msg(*p < 0x80 || (*p >= 0xc2 && *p <= 0xf4), "not UTF-8: %s",
			      line);
		for (p++; more; more--, p++)
			ck_assert_msg((*p & 0xc0) == 0x80, "not UTF-8: %s", line);
	}
}

/* Past the closing quote. */
static const char *quoted_end(const char *p, const char *line)
{
	ck_assert_msg(*p == '"', "no quote: %s", line);
	for (p++; *p != '"'; p++) {
		ck_assert_msg(*p, "quote does not end: %s", line);
		if (*p == '\\') {
			p++;
			ck_assert_msg(*p == '\\' || *p == '"' || *p == 'n',
				      "bad escape: %s", line);
		}
	}
	return p + 1;
}

/* Past the closing brace. No label name may come twice. */
static const char *labels_end(const char *p, const char *line)
{
	const char *seen[32];
	size_t seen_len[32];
	unsigned int n = 0;

	do {
		p++; /* the brace, or a comma */
		seen_len[n] = name_len(p, false);
		seen[n] = p;
		ck_assert_msg(seen_len[n] > 0, "no label name: %s", line);
		for (unsigned int i = 0; i < n; i++)
			ck_assert_msg(seen_len[i] != seen_len[n] ||
					      memcmp(seen[i], p, seen_len[n]) != 0,
				      "label twice: %s", line);
		p += seen_len[n++];
		ck_assert_msg(*p == '=', "no '=': %s", line);
		p = quoted_end(p + 1, line);
	} while (*p == ',');
	ck_assert_msg(*p == '}', "no '}': %s", line);
	return p + 1;
}

/* --- comments -------------------------------------------------------- */

static void begin_family(const char *name, size_t len)
{
	struct family *f = current();

	if (f && strlen(f->name) == len && memcmp(f->name, name, len) == 0) {
		ck_assert_msg(!f->n_samples, "comment after samples: %s", f->name);
		return;
	}
	ck_assert_msg(!f || f->n_samples, "family without samples: %s",
		      f ? f->name : "");
	ck_assert_uint_lt(n_families, MAX_FAMILIES);
	f = &families[n_families++];
	memset(f, 0, sizeof(*f));
	snprintf(f->name, sizeof(f->name), "%.*s", (int)len, name);
	series[0] = '\0';
	for (unsigned int i = 0; i + 1 < n_families; i++)
		ck_assert_msg(strcmp(families[i].name, f->name) != 0,
			      "family twice: %s", f->name);
}

static bool ends(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n > t && strcmp(s + n - t, tail) == 0;
}

static void read_type(struct family *f, const char *type)
{
	ck_assert_msg(!f->type[0], "TYPE twice: %s", f->name);
	snprintf(f->type, sizeof(f->type), "%s", type);
	ck_assert_msg(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
			      strcmp(type, "histogram") == 0 ||
			      (is_openmetrics && strcmp(type, "info") == 0),
		      "type %s of %s", type, f->name);
	if (strcmp(type, "counter") == 0)
		ck_assert_msg(ends(f->name, "_total") == !is_openmetrics, "%s",
			      f->name);
	else
		ck_assert_msg(!ends(f->name, "_total"), "%s", f->name);
}

static void read_comment(char *line)
{
	char *name, *rest, *word = line + 2;
	size_t len;

	if (strcmp(line, "# EOF") == 0) {
		ck_assert(is_openmetrics);
		ended = true;
		return;
	}
	name = strchr(word, ' ');
	ck_assert_msg(name != NULL, "%s", line);
	*name++ = '\0';
	len = name_len(name, true);
	ck_assert_msg(len && name[len] == ' ', "%s %s", word, name);
	begin_family(name, len);
	rest = name + len + 1;
	ck_assert_msg(*rest, "nothing said: %s", name);
	if (strcmp(word, "TYPE") == 0) {
		read_type(current(), rest);
	} else if (strcmp(word, "HELP") == 0) {
		ck_assert_msg(!strpbrk(rest, "\\\"|"), "needs escapes: %s", rest);
		current()->helped = true;
	} else {
		ck_assert_msg(is_openmetrics && strcmp(word, "UNIT") == 0, "%s", word);
		ck_assert_msg(ends(current()->name, rest), "unit %s of %s", rest,
			      current()->name);
	}
}

/* --- samples --------------------------------------------------------- */

static const char *suffix_of(const struct family *f, const char *name, size_t len)
{
	size_t n = strlen(f->name);

	ck_assert_msg(f->type[0] && f->helped, "no TYPE or HELP: %s", f->name);
	ck_assert_msg(len >= n && memcmp(name, f->name, n) == 0, "%.*s is not of %s",
		      (int)len, name, f->name);
	return name + n;
}

/* Buckets come with le last and rising, counts rising, then _sum, _count. */
static void read_bucket(const char *key, double value)
{
	const char *le = strstr(key, ",le=\""), *brace = strchr(key, '{');
	char labels[512];
	double bound;

	ck_assert_msg(le && brace, "no le: %s", key);
	snprintf(labels, sizeof(labels), "%.*s", (int)(le - brace), brace);
	bound = strncmp(le + 5, "+Inf", 4) == 0 ? INFINITY : strtod(le + 5, NULL);
	if (strcmp(labels, series) != 0) {
		ck_assert_msg(!series[0] || isinf(last_le), "no +Inf before %s", key);
		snprintf(series, sizeof(series), "%s", labels);
		last_le = -1;
		last_count = 0;
	}
	ck_assert_msg(bound > last_le, "le falls: %s", key);
	ck_assert_msg(value >= last_count, "count falls: %s", key);
	last_le = bound;
	last_count = value;
}

static void check_suffix(const struct family *f, const char *suffix, size_t len,
			 const char *key, double value)
{
	const char *want = "";

	if (strcmp(f->type, "histogram") == 0) {
		if (len == 7 && memcmp(suffix, "_bucket", 7) == 0)
			read_bucket(key, value);
		else if (len == 6 && memcmp(suffix, "_count", 6) == 0)
			ck_assert_msg(isinf(last_le) && value == last_count,
				      "not the last bucket: %s", key);
		else
			ck_assert_msg(len == 4 && memcmp(suffix, "_sum", 4) == 0, "%s",
				      key);
		return;
	}
	if (is_openmetrics && strcmp(f->type, "counter") == 0)
		want = "_total";
	if (is_openmetrics && strcmp(f->type, "info") == 0)
		want = "_info";
	ck_assert_msg(len == strlen(want) && memcmp(suffix, want, len) == 0, "%s", key);
	if (strcmp(f->type, "counter") == 0)
		ck_assert_msg(value >= 0, "%s", key);
	if (strcmp(want, "_info") == 0)
		ck_assert_msg(value == 1, "%s", key);
}

static void read_sample(char *line)
{
	struct family *f = current();
	size_t len = name_len(line, true);
	const char *p = line + len, *suffix;
	struct sample *s = &samples[n_samples];
	char *end;

	ck_assert_msg(f && len, "%s", line);
	if (*p == '{')
		p = labels_end(p, line);
	ck_assert_msg(*p == ' ', "no value: %s", line);
	s->value = strtod(p + 1, &end);
	ck_assert_msg(end > p + 1 && *end == '\0' && p[1] != ' ', "value: %s", line);
	line[p - line] = '\0';
	ck_assert_uint_lt(++n_samples, MAX_SAMPLES);
	s->key = line;
	s->name_len = len;
	for (struct sample *o = samples; o < s; o++)
		ck_assert_msg(strcmp(o->key, line) != 0, "twice: %s", line);
	suffix = suffix_of(f, line, len);
	check_suffix(f, suffix, (size_t)(line + len - suffix), line, s->value);
	f->n_samples++;
}

void exposition_read(const char *text, bool openmetrics)
{
	static char *copy;
	char *rest, *line;

	free(copy);
	copy = strdup(text);
	n_families = n_samples = 0;
	is_openmetrics = openmetrics;
	ended = false;
	series[0] = '\0';
	ck_assert_msg(ends(text, "\n"), "the last line does not end");
	ck_assert_ptr_null(strchr(text, '\r'));
	for (rest = copy; (line = strsep(&rest, "\n")) && rest;) {
		ck_assert_msg(!ended, "after the end: %s", line);
		assert_utf8(line);
		if (line[0] == '#')
			read_comment(line);
		else
			read_sample(line);
	}
	ck_assert_msg(ended == openmetrics, "no # EOF");
	ck_assert(!current() || current()->n_samples);
}

static const struct sample *find(const char *key)
{
	for (unsigned int i = 0; i < n_samples; i++)
		if (strcmp(samples[i].key, key) == 0)
			return &samples[i];
	return NULL;
}

bool exposition_has(const char *sample)
{
	return find(sample) != NULL;
}

double exposition_value(const char *sample)
{
	const struct sample *s = find(sample);

	ck_assert_msg(s != NULL, "no %s", sample);
	return s->value;
}

unsigned int exposition_count(const char *name)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_samples; i++)
		n += samples[i].name_len == strlen(name) &&
		     memcmp(samples[i].key, name, samples[i].name_len) == 0;
	return n;
}

void exposition_each_family(void (*f)(const char *name, void *arg), void *arg)
{
	for (unsigned int i = 0; i < n_families; i++)
		f(families[i].name, arg);
}
