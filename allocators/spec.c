#include "spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC_MAX_TEXT 256

#define FAIL(...) (snprintf(err, err_cap, __VA_ARGS__), -1)

static int parse_count(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *out == 0 ? -1 : 0;
}

/* to: of 128 bytes. */
static int parse_path(const char *wrap, const char *path, char *to, char *err,
		      size_t err_cap)
{
	if (!*path || strlen(path) >= 128)
		return FAIL("wrapper %s: a file name of 1 to 127 bytes must follow",
			    wrap);
	strcpy(to, path);
	return 0;
}

static int parse_fail(const char *arg, struct spec *s, char *err, size_t err_cap)
{
	char *end;

	if (strncmp(arg, "every=", 6) == 0) {
		if (parse_count(arg + 6, &s->fail_every) == 0)
			return 0;
	} else if (strncmp(arg, "rate=", 5) == 0) {
		s->fail_rate = strtod(arg + 5, &end);
		if (end > arg + 5 && !*end && s->fail_rate > 0 && s->fail_rate <= 1)
			return 0;
	} else if (strncmp(arg, "file=", 5) == 0) {
		return parse_path("fail=file", arg + 5, s->fail_file, err, err_cap);
	} else if (parse_count(arg, &s->fail_nth) == 0) {
		return 0;
	}
	return FAIL("wrapper fail: \"%s\" is not N, every=N, rate=P or file=PATH "
		    "(N from 1, P above 0 up to 1)",
		    arg);
}

static int parse_bloat(const char *arg, struct spec *s, char *err, size_t err_cap)
{
	char *end;

	s->bloat = strtod(arg, &end) / 100;
	if (end > arg && strcmp(end, "%") == 0 && s->bloat >= 0.01 && s->bloat <= 1)
		return 0;
	return FAIL("wrapper bloat: \"%s\" is not P%%, from 1%% to 100%%", arg);
}

static int parse_wrap(const char *wrap, struct spec *s, char *err, size_t err_cap)
{
	if (strcmp(wrap, "debug") == 0) {
		s->debug = true;
		return 0;
	}
	if (strncmp(wrap, "fail=", 5) == 0)
		return parse_fail(wrap + 5, s, err, err_cap);
	if (strncmp(wrap, "trace=", 6) == 0)
		return parse_path("trace", wrap + 6, s->trace, err, err_cap);
	if (strncmp(wrap, "bloat=", 6) == 0)
		return parse_bloat(wrap + 6, s, err, err_cap);
	return FAIL("unknown wrapper \"%s\"; there are debug, fail=N, trace=FILE and "
		    "bloat=P%%",
		    wrap);
}

static int64_t unit_factor(enum mem_key_kind kind, const char *unit)
{
	if (!*unit)
		return 1;
	if (unit[1])
		return 0;
	if (kind == MEM_KEY_SECONDS)
		return *unit == 's';
	if (kind != MEM_KEY_BYTES)
		return 0;
	switch (*unit) {
	case 'k':
		return 1 << 10;
	case 'm':
		return 1 << 20;
	case 'g':
		return 1 << 30;
	}
	return 0;
}

static int parse_bool(const char *text, int64_t *out)
{
	static const char *const words[] = {"false", "true", "off", "on", "0", "1"};

	for (int i = 0; i < 6; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i & 1;
			return 0;
		}
	}
	return -1;
}

static int parse_value(const struct mem_key *key, const char *text, int64_t *out)
{
	char *end;
	int64_t factor;

	if (key->kind == MEM_KEY_BOOL)
		return parse_bool(text, out);
	errno = 0;
	*out = strtoll(text, &end, 10);
	factor = unit_factor(key->kind, end);
	if (end == text || errno || factor == 0)
		return -1;
	if (__builtin_mul_overflow(*out, factor, out))
		return -1;
	return *out < key->min || *out > key->max ? -1 : 0;
}

static const struct mem_key *find_key(const struct mem_backend *b, const char *name)
{
	for (const struct mem_key *k = b->keys; k && k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static int unknown_key(const struct spec *s, const char *name, char *err,
		       size_t err_cap)
{
	char known[128] = "";
	size_t at = 0;

	for (const struct mem_key *k = s->backend->keys; k && k->name; k++)
		if (at < sizeof(known))
			at += (size_t)snprintf(known + at, sizeof(known) - at, ", %s",
					       k->name);
	return FAIL("allocator %s has no key \"%s\"; it takes regions, sizes, "
		    "lifetimes, profile%s%s",
		    s->backend->name, name, s->lib[0] ? ", prefix" : "", known);
}

static int parse_backend_key(const char *name, const char *value, struct spec *s,
			     char *err, size_t err_cap)
{
	const struct mem_key *key = find_key(s->backend, name);
	struct spec_setting *to;

	if (!key)
		return unknown_key(s, name, err, err_cap);
	if (s->n_settings == SPEC_MAX_SETTINGS)
		return FAIL("too many keys");
	to = &s->settings[s->n_settings];
	if (parse_value(key, value, &to->value) < 0)
		return FAIL("%s=%s: %s", name, value, key->help);
	to->key = key;
	s->n_settings++;
	return 0;
}

static int parse_settings(char *list, struct spec *s, char *err, size_t err_cap);

static int parse_profile(const char *value, struct spec *s, char *err, size_t err_cap)
{
	char tuned[SPEC_MAX_TEXT];

	if (strcmp(value, "default") == 0)
		return 0;
	if (strcmp(value, "tuned") != 0)
		return FAIL("profile=%s: default or tuned", value);
	if (!s->backend->tuned)
		return 0;
	snprintf(tuned, sizeof(tuned), "%s", s->backend->tuned);
	return parse_settings(tuned, s, err, err_cap);
}

static int parse_counting(const char *name, const char *value, struct spec *s,
			  char *err, size_t err_cap)
{
	uint64_t n = 0;
	int64_t on = 0;

	if (*name == 's') {
		if (parse_bool(value, &on) != 0)
			return FAIL("sizes=%s: on or off", value);
		s->sizes = on;
		return 0;
	}
	if (parse_count(value, &n) != 0 || n > 1000000000)
		return FAIL("lifetimes=%s: 1 of how many blocks, 1 to 1000000000",
			    value);
	s->lifetimes = (uint32_t)n;
	return 0;
}

static int parse_setting(const char *name, const char *value, struct spec *s, char *err,
			 size_t err_cap)
{
	if (strcmp(name, "regions") == 0) {
		s->regions = strcmp(value, "bump") == 0;
		if (!s->regions && strcmp(value, "heap") != 0)
			return FAIL("regions=%s: bump or heap", value);
		return 0;
	}
	if (strcmp(name, "sizes") == 0 || strcmp(name, "lifetimes") == 0)
		return parse_counting(name, value, s, err, err_cap);
	if (strcmp(name, "profile") == 0)
		return parse_profile(value, s, err, err_cap);
	if (strcmp(name, "prefix") == 0 && s->lib[0]) {
		if (strlen(value) >= sizeof(s->prefix))
			return FAIL("prefix=%s: too long", value);
		strcpy(s->prefix, value);
		return 0;
	}
	return parse_backend_key(name, value, s, err, err_cap);
}

static int parse_settings(char *list, struct spec *s, char *err, size_t err_cap)
{
	char *save, *equals;

	for (char *word = strtok_r(list, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		equals = strchr(word, '=');
		if (!equals)
			return FAIL("\"%s\" is not key=value", word);
		*equals = '\0';
		if (parse_setting(word, equals + 1, s, err, err_cap) < 0)
			return -1;
	}
	return 0;
}

static bool is_wrap(const char *word)
{
	return strncmp(word, "fail=", 5) == 0 || strncmp(word, "trace=", 6) == 0 ||
	       strncmp(word, "bloat=", 6) == 0 ||
	       (strncmp(word, "debug", 5) == 0 && (!word[5] || word[5] == '+'));
}

/* A path may hold a '+' of its own; a wrapper is what follows the name. */
static char *find_wraps(char *name)
{
	for (char *plus = name; (plus = strchr(plus, '+')); plus++)
		if (*name != '/' || is_wrap(plus + 1))
			return plus;
	return NULL;
}

static int parse_name(const char *name, struct spec *s, char *err, size_t err_cap)
{
	char names[128] = "";
	size_t at = 0;

	if (*name == '/') {
		s->backend = &backend_path;
		snprintf(s->lib, sizeof(s->lib), "%s", name);
	} else {
		s->backend = mem_backend_find(name);
	}
	if (s->backend) {
		s->regions = s->backend->regions;
		return 0;
	}
	for (int i = 0; mem_backends[i]; i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s ",
				       mem_backends[i]->name);
	return FAIL("unknown allocator \"%s\"; there are %sor an absolute /path/lib.so",
		    name, names);
}

int spec_parse(const char *text, struct spec *out, char *err, size_t err_cap)
{
	char copy[SPEC_MAX_TEXT];
	char *settings, *wraps, *save;

	*out = (struct spec){0};
	if (strlen(text) >= sizeof(copy))
		return FAIL("allocator setting longer than %zu bytes",
			    sizeof(copy) - 1);
	strcpy(copy, text);
	settings = strchr(copy, ',');
	if (settings)
		*settings++ = '\0';
	wraps = find_wraps(copy);
	if (wraps)
		*wraps++ = '\0';
	if (parse_name(copy, out, err, err_cap) < 0)
		return -1;
	if (wraps && !*wraps)
		return FAIL("a wrapper must follow \"%s+\"", copy);
	for (char *w = wraps ? strtok_r(wraps, "+", &save) : NULL; w;
	     w = strtok_r(NULL, "+", &save))
		if (parse_wrap(w, out, err, err_cap) < 0)
			return -1;
	return settings ? parse_settings(settings, out, err, err_cap) : 0;
}

void spec_without_trace(const char *text, char *to)
{
	const char *mark = strstr(text, "+trace=");
	size_t before = mark ? (size_t)(mark - text) : strlen(text);

	memcpy(to, text, before);
	strcpy(to + before, mark ? mark + 1 + strcspn(mark + 1, "+,") : "");
}
