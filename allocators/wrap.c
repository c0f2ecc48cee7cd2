#include "wrap.h"

#include "spec.h"

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
 * books, and its count is that of the calls the program makes. */
bool wrap_stack(const struct spec *spec, struct mem_backend *b)
{
	bool fail = spec->fail_nth || spec->fail_every || spec->fail_rate > 0;

	if (!fail && !spec->debug)
		return false;
	b->alloc_sized = NULL; /* they would go round the wrapper */
	b->free_sized = NULL;
	if (spec->debug)
		wrap_debug(b);
	if (fail)
		wrap_fail(b, spec->fail_nth, spec->fail_every, spec->fail_rate);
	return true;
}
