#include "wrap.h"

#include "spec.h"
#include "wrap_sizes.h"
#include "wrap_trace.h"

static struct wrap_caller caller;

void wrap_note_caller(enum mem_tag tag, const void *site)
{
	caller = (struct wrap_caller){tag, site};
}

const struct wrap_caller *wrap_caller(void)
{
	return &caller;
}

/* fail stands outermost: an injected failure must not reach the debugger's
 * books, and its count is that of the calls the program makes. What counts
 * stands above debug, which asks for more than the program does. */
int wrap_stack(const struct spec *spec, const char *text, struct mem_backend *b,
	       char *err, size_t err_cap)
{
	bool fail = spec->fail_nth || spec->fail_every || spec->fail_rate > 0;
	bool count = spec->sizes || spec->lifetimes;

	if (!fail && !spec->debug && !count && !spec->trace[0] && !spec->fail_file[0] &&
	    !(spec->bloat > 0))
		return 0;
	b->alloc_counted = NULL; /* with these one would go round the wrapper */
	if (spec->bloat > 0 && wrap_bloat(b, spec->bloat, err, err_cap) != 0)
		return -1;
	if (spec->debug)
		wrap_debug(b);
	if (count)
		wrap_sizes(b, spec->sizes, spec->lifetimes);
	if (spec->trace[0] && wrap_trace(b, spec->trace, text, err, err_cap) != 0)
		return -1;
	if (spec->fail_file[0] && wrap_fail_file(b, spec->fail_file, err, err_cap) != 0)
		return -1;
	if (fail)
		wrap_fail(b, spec->fail_nth, spec->fail_every, spec->fail_rate);
	return 1;
}
