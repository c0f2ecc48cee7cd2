#include "conf/value.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/must.h"
#include "base/str.h"
#include "conf/directive.h"
#include "conf/report.h"
#include "io/addr.h"

bool value_refuse(struct value_in *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->reason, sizeof(in->reason), format, args);
	va_end(args);
	return false;
}

bool value_hint(struct value_in *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->hint, sizeof(in->hint), format, args);
	va_end(args);
	return false;
}

bool value_is_made_of(const char *text, const char *others, size_t max)
{
	size_t n = 0;

	for (; text[n]; n++) {
		char c = text[n];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || strchr(others, c)))
			return false;
	}
	return n >= 1 && n <= max;
}

/* --- numbers ------------------------------------------------------------- */

static void store(void *to, size_t size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)to = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)to = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)to = (uint32_t)v;
		break;
	default:
		must(size == 8);
		*(uint64_t *)to = v;
	}
}

static uint64_t fetch(const void *from, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)from;
	case 2:
		return *(const uint16_t *)from;
	case 4:
		return *(const uint32_t *)from;
	}
	must(size == 8);
	return *(const uint64_t *)from;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, NULL at the end. */
static const struct unit no_units[] = {{NULL, 0}};
static const struct unit byte_units[] = {
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1}, {NULL, 0}};
static const struct unit time_units[] = {
	{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

static void write_quantity(const struct unit *units, uint64_t v, char *buf)
{
	const struct unit *u = units;

	while (u->name && v && v % u->factor)
		u++;
	if (!v || !u->name)
		snprintf(buf, VALUE_TEXT_BYTES, "%llu", (unsigned long long)v);
	else
		snprintf(buf, VALUE_TEXT_BYTES, "%llu%s",
			 (unsigned long long)(v / u->factor), u->name);
}

/* "write 10ms, 10s, 10m or 10h", for "10". */
static bool hint_units(struct value_in *in, const struct unit *units, struct str digits)
{
	int len = digits.len < 12 ? (int)digits.len : 12;
	size_t at = 0, n = 0;

	while (units[n].name)
		n++;
	if (!n)
		return false;
	at = (size_t)snprintf(in->hint, sizeof(in->hint), "write ");
	for (size_t i = n; i-- > 0;)
		at += (size_t)snprintf(in->hint + at, sizeof(in->hint) - at, "%.*s%s%s",
				       len, digits.p, units[i].name,
				       i > 1 ? ", "
				       : i   ? " or "
					     : "");
	return false;
}

static bool check_range(struct value_in *in, uint64_t v)
{
	const struct argument *arg = in->arg;
	char min[VALUE_TEXT_BYTES], max[VALUE_TEXT_BYTES];

	if (v >= arg->min && v <= arg->max)
		return true;
	arg->type->number(arg->min, min);
	arg->type->number(arg->max, max);
	return value_refuse(in, "%s is out of range: it goes from %s to %s", in->text,
			    min, max);
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units;
	return NULL;
}

static bool read_quantity(struct value_in *in, const char *what,
			  const struct unit *units, uint64_t *out)
{
	size_t n = strspn(in->text, "0123456789");
	struct str digits = str_of(in->text, n);
	const struct unit *unit = find_unit(units, in->text + n);
	uint64_t v = 0;

	if (!n)
		return value_refuse(in, "\"%s\" is not %s", in->text, what) ||
		       hint_units(in, units, STR("10"));
	if (!str_u64(digits, &v))
		return value_refuse(in, "%s is too large", in->text);
	if (in->text[n] && !units->name)
		return value_refuse(in, "\"%s\" is not %s", in->text, what);
	if (in->text[n] && !unit)
		return value_refuse(in, "\"%s\" has an unknown unit", in->text) ||
		       hint_units(in, units, digits);
	if (!unit && v && units->name)
		return value_refuse(in, "\"%s\" has no unit", in->text) ||
		       hint_units(in, units, digits);
	if (unit && __builtin_mul_overflow(v, unit->factor, &v))
		return value_refuse(in, "%s is too large", in->text);
	*out = v;
	return check_range(in, v);
}

static bool parse_quantity(struct value_in *in, const char *what,
			   const struct unit *units, void *to)
{
	uint64_t v = 0;

	if (!read_quantity(in, what, units, &v))
		return false;
	store(to, in->arg->size, v);
	return true;
}

static void number_count(uint64_t v, char *buf)
{
	write_quantity(no_units, v, buf);
}

static void number_bytes(uint64_t v, char *buf)
{
	write_quantity(byte_units, v, buf);
}

static void number_time(uint64_t v, char *buf)
{
	write_quantity(time_units, v, buf);
}

static bool parse_count(struct value_in *in, void *to)
{
	return parse_quantity(in, "a number", no_units, to);
}

static bool parse_bytes(struct value_in *in, void *to)
{
	return parse_quantity(in, "a size", byte_units, to);
}

static bool parse_time(struct value_in *in, void *to)
{
	return parse_quantity(in, "a time", time_units, to);
}

static const char *text_number(const struct argument *arg, const void *from, char *buf)
{
	arg->type->number(fetch(from, arg->size), buf);
	return buf;
}

const struct value_type value_count = {.syntax = "N",
				       .parse = parse_count,
				       .text = text_number,
				       .number = number_count};
const struct value_type value_bytes = {
	.syntax = "SIZE",
	.summary = "a number with a unit: `b`, `k` (1024 bytes), `m` or `g`",
	.parse = parse_bytes,
	.text = text_number,
	.number = number_bytes,
};
const struct value_type value_time = {
	.syntax = "TIME",
	.summary = "a number with a unit: `ms`, `s`, `m` or `h`",
	.parse = parse_time,
	.text = text_number,
	.number = number_time,
};

static unsigned int usable_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	n = CPU_COUNT(&set);
	return n > 0 ? (unsigned int)n : 1;
}

static bool parse_workers(struct value_in *in, void *to)
{
	unsigned int n = usable_cpus();

	if (strcmp(in->text, "auto") != 0)
		return parse_quantity(in, "a number or auto", no_units, to);
	store(to, in->arg->size, n < in->arg->max ? n : in->arg->max);
	return true;
}

const struct value_type value_workers = {.syntax = "auto|N",
					 .parse = parse_workers,
					 .text = text_number,
					 .number = number_count};

/* --- words --------------------------------------------------------------- */

static bool parse_flag(struct value_in *in, void *to)
{
	(void)in;
	*(bool *)to = true;
	return true;
}

static const char *text_flag(const struct argument *arg, const void *from, char *buf)
{
	(void)buf;
	return *(const bool *)from ? arg->name : NULL;
}

const struct value_type value_flag = {.parse = parse_flag, .text = text_flag};

static bool parse_choice(struct value_in *in, void *to)
{
	const char *words[VALUE_MAX_CHOICES + 1] = {NULL};
	const struct choice *c = in->arg->choices;
	size_t at = 0;
	const char *near;

	for (unsigned int i = 0; c[i].word; i++) {
		if (strcmp(c[i].word, in->text) == 0) {
			if (in->arg->size)
				store(to, in->arg->size, (uint64_t)c[i].value);
			return true;
		}
		words[i] = c[i].word;
		at += (size_t)snprintf(in->hint + at, sizeof(in->hint) - at, "%s%s",
				       i ? (c[i + 1].word ? ", " : " or ") : "",
				       c[i].word);
	}
	near = nearest_word(in->text, words);
	if (near)
		return value_refuse(in, "unknown word \"%s\"; did you mean \"%s\"?",
				    in->text, near);
	return value_refuse(in, "unknown word \"%s\"", in->text);
}

static const char *text_choice(const struct argument *arg, const void *from, char *buf)
{
	const struct choice *c = arg->choices;

	(void)buf;
	while (arg->size && c->word && (uint64_t)c->value != fetch(from, arg->size))
		c++;
	return c->word;
}

const struct value_type value_choice = {.parse = parse_choice, .text = text_choice};

static const struct choice on_off[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

static bool parse_bool(struct value_in *in, void *to)
{
	for (const struct choice *c = on_off; c->word; c++) {
		if (strcmp(c->word, in->text) == 0) {
			*(bool *)to = c->value;
			return true;
		}
	}
	return value_refuse(in, "\"%s\" is neither on nor off", in->text);
}

static const char *text_bool(const struct argument *arg, const void *from, char *buf)
{
	(void)arg;
	(void)buf;
	return *(const bool *)from ? "on" : "off";
}

const struct value_type value_bool = {
	.syntax = "on|off", .parse = parse_bool, .text = text_bool};

/* --- strings ------------------------------------------------------------- */

static void keep_text(struct value_in *in, void *to)
{
	*(const char **)to = room_copy(in->keep, in->text, strlen(in->text));
}

const char *value_string(const struct argument *arg, const void *from, char *buf)
{
	(void)arg;
	(void)buf;
	return *(const char *const *)from;
}

static bool parse_text(struct value_in *in, void *to)
{
	if (!*in->text)
		return value_refuse(in, "is empty");
	keep_text(in, to);
	return true;
}

const struct value_type value_text = {
	.syntax = "TEXT", .parse = parse_text, .text = value_string};

static bool parse_name(struct value_in *in, void *to)
{
	if (!value_is_made_of(in->text, "_.-", 64)) {
		value_refuse(in, "\"%s\" is not a name", in->text);
		return value_hint(in, "1 to 64 letters, digits, \"_\", \".\" and "
				      "\"-\"");
	}
	keep_text(in, to);
	return true;
}

const struct value_type value_name = {
	.syntax = "NAME",
	.summary = "1 to 64 letters, digits, `_`, `.` and `-`",
	.parse = parse_name,
	.text = value_string,
};

static bool parse_token(struct value_in *in, void *to)
{
	if (!value_is_made_of(in->text, "!#$%&'*+-.^_`|~", 64)) {
		value_refuse(in, "\"%s\" cannot stand in a header field", in->text);
		return value_hint(in, "letters, digits, \".\", \"-\" and \"_\" can");
	}
	keep_text(in, to);
	return true;
}

const struct value_type value_token = {
	.syntax = "NAME", .parse = parse_token, .text = value_string};

static bool parse_file(struct value_in *in, void *to)
{
	bool as_it_is = *in->text == '/' || strcmp(in->text, "-") == 0;

	if (!*in->text)
		return value_refuse(in, "is empty");
	*(const char **)to =
		room_printf(in->keep, "%s%s", as_it_is ? "" : in->dir, in->text);
	return true;
}

const struct value_type value_file = {
	.syntax = "FILE",
	.summary = "a path; a relative one starts from the folder of the file it is "
		   "written in",
	.parse = parse_file,
	.text = value_string,
};

/* --- addresses ----------------------------------------------------------- */

static bool parse_addr(struct value_in *in, void *to)
{
	if (addr_parse(to, in->text))
		return true;
	value_refuse(in, "\"%s\" is not an address", in->text);
	return value_hint(in, "an address is 127.0.0.1:80, [::1]:80, :80 or "
			      "unix:/path");
}

static const char *text_addr(const struct argument *arg, const void *from, char *buf)
{
	const struct addr *a = from;

	(void)arg;
	_Static_assert(VALUE_TEXT_BYTES >= ADDR_TEXT_BYTES, "addr_text() needs it");
	return a->len ? addr_text(a, buf) : NULL;
}

const struct value_type value_addr = {
	.syntax = "ADDR",
	.summary = "`127.0.0.1:80`, `[::1]:80`, `:80` (all addresses) or `unix:/path`",
	.parse = parse_addr,
	.text = text_addr,
};

static bool parse_unix(struct value_in *in, void *to)
{
	struct addr a;

	if (addr_parse(&a, in->text) && str_starts(str_z(in->text), STR("unix:"))) {
		*(const char **)to =
			room_copy(in->keep, in->text + 5, strlen(in->text) - 5);
		return true;
	}
	value_refuse(in, "\"%s\" is not the address of a unix socket", in->text);
	return value_hint(in, "it is written unix:/path");
}

static const char *text_unix(const struct argument *arg, const void *from, char *buf)
{
	const char *path = *(const char *const *)from;

	(void)arg;
	if (!path)
		return NULL;
	snprintf(buf, VALUE_TEXT_BYTES, "unix:%s", path);
	return buf;
}

const struct value_type value_unix = {
	.syntax = "unix:PATH", .parse = parse_unix, .text = text_unix};
