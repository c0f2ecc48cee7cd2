#include "lab/arm_list.h"

#include <stdio.h>

#include "allocators/mem.h"

#define FAIL(...) (snprintf(err, err_cap, __VA_ARGS__), -1)

/* "regions=heap", but neither "jemalloc+fail=3" nor a path. */
static bool is_setting(struct str word)
{
	const char *equals = memchr(word.p, '=', word.len);
	size_t n = equals ? (size_t)(equals - word.p) : 0;

	return equals && n && word.p[0] != '/' && !memchr(word.p, '+', n);
}

static bool has(const struct arm_list *l, const char *spec)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (strcmp(l->at[i].spec, spec) == 0)
			return true;
	return false;
}

static int add(struct arm_list *l, const char *spec, char *err, size_t err_cap)
{
	struct arm *a = &l->at[l->n];
	char why[192] = "";

	if (l->n == ARMS_MAX)
		return FAIL("more than %u arms", ARMS_MAX - 2);
	if (mem_check_spec(spec, why, sizeof(why)) != 0)
		return FAIL("arm %s: %s", spec, why);
	*a = (struct arm){.version = ""};
	snprintf(a->spec, sizeof(a->spec), "%s", spec);
	snprintf(a->label, sizeof(a->label), "%s", spec);
	l->n++;
	return 0;
}

static int add_profiles(struct arm_list *l, const char *spec, enum arm_profile profile,
			char *err, size_t err_cap)
{
	char tuned[256];

	if (profile != ARM_PROFILE_TUNED && !has(l, spec) &&
	    add(l, spec, err, err_cap) != 0)
		return -1;
	if (profile == ARM_PROFILE_AS_IS)
		return 0;
	if ((size_t)snprintf(tuned, sizeof(tuned), "%s,profile=tuned", spec) >=
	    sizeof(tuned))
		return FAIL("arm %s: too long", spec);
	return has(l, tuned) ? 0 : add(l, tuned, err, err_cap);
}

/* Cuts the next arm with its settings off *rest. */
static bool next_arm(struct str *rest, char *to, size_t cap)
{
	struct str word;
	size_t len = 0;

	to[0] = '\0';
	while (rest->p) {
		struct str before = *rest;

		str_split(rest, ',', &word);
		if (len && (!word.len || !is_setting(word))) {
			*rest = before;
			return true;
		}
		len += (size_t)snprintf(to + len, len < cap ? cap - len : 0, "%s%.*s",
					len ? "," : "", STR_ARG(word));
		if (len >= cap || !word.len)
			return false;
	}
	return len > 0;
}

int arm_list_parse(struct arm_list *l, const char *baseline, const char *text,
		   enum arm_profile profile, char *err, size_t err_cap)
{
	struct str rest = str_z(text);
	char spec[256];

	l->n = 0;
	if (add(l, baseline, err, err_cap) != 0 || add(l, baseline, err, err_cap) != 0)
		return -1;
	snprintf(l->at[ARM_AGAIN].label, sizeof(l->at[ARM_AGAIN].label), "%s (again)",
		 baseline);
	while (rest.p) {
		if (!next_arm(&rest, spec, sizeof(spec)))
			return FAIL("not a list of arms: \"%s\"", text);
		if (add_profiles(l, spec, profile, err, err_cap) != 0)
			return -1;
	}
	return l->n > 2 ? 0 : FAIL("no arm but the baseline");
}
