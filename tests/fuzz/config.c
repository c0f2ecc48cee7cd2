/*
 * Any text as a config: no crash, and what is accepted and printed reads back
 * as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static FILE *nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256];

	(void)argc;
	(void)argv;
	setenv("FUZZ", "a \"b\" {c} ;$\\", 1);
	setenv("EMPTY", "", 1);
	nowhere = fopen("/dev/null", "w");
	if (!nowhere || mem_choose("system,regions=heap", err, sizeof(err)) != 0)
		abort();
	return 0;
}

/* Owns: the caller. */
static char *print(const struct snapshot *s, size_t *len)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, len);

	snapshot_print(s, to);
	fclose(to);
	return text;
}

static void check_printed(const struct snapshot *s)
{
	size_t len, again_len;
	char *text = print(s, &len), *again;
	struct snapshot *copy = snapshot_parse("printed", text, len, stderr);

	if (!copy) {
		fputs(text, stderr);
		abort();
	}
	again = print(copy, &again_len);
	if (len != again_len || memcmp(text, again, len) != 0) {
		fprintf(stderr, "%s--- reads back as:\n%s", text, again);
		abort();
	}
	free(text);
	free(again);
	snapshot_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot *s;

	/* What it would include is not for a fuzzer to choose. */
	if (size && memmem(data, size, "incl", 4))
		return 0;
	s = snapshot_parse("fuzz", (const char *)data, size, nowhere);
	if (s)
		check_printed(s);
	snapshot_free(&s);
	return 0;
}
