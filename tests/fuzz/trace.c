/*
 * Any bytes as a trace: no crash, and what is accepted is replayed. The head
 * is given: its magic would stop nearly all that a fuzzer tries.
 */
#include <stdlib.h>
#include <string.h>

#include "lab/replay_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256];

	(void)argc;
	(void)argv;
	if (mem_choose("system,regions=heap", err, sizeof(err)) != 0)
		abort();
	return 0;
}

/* A fuzzer finds sizes of some GB at once; they say nothing. */
static bool is_small(struct trace_file *f)
{
	struct trace_record r;
	uint64_t sum = 0;

	while (trace_file_next(f, &r) > 0)
		if (r.size > 1 << 20 || (sum += r.size) > 16 << 20 ||
		    r.at_us > 1000000000)
			return false;
	trace_file_rewind(f);
	return true;
}

static void try(const uint8_t *p, size_t len)
{
	const struct replay_way way = {.touch_bytes = 64, .fast = true};
	struct replay_result result;
	struct replay_trace trace;
	struct trace_file f;

	if (trace_file_open(&f, p, len) != 0 || !is_small(&f))
		return;
	if (replay_check(&f, &trace) != 0)
		goto out;
	if (replay_run(&f, &trace, &way, &result) != 0 ||
	    result.calls > trace.records * 2)
		abort();
out:
	replay_trace_fini(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_head head = {.version = TRACE_VERSION,
				  .head_bytes = sizeof(head),
				  .n_tags = MEM_N_TAGS};
	uint8_t *whole = malloc(sizeof(head) + size);

	memcpy(head.magic, TRACE_MAGIC, sizeof(head.magic));
	memcpy(whole, &head, sizeof(head));
	memcpy(whole + sizeof(head), data, size);
	try(whole, sizeof(head) + size);
	try(data, size);
	free(whole);
	return 0;
}
