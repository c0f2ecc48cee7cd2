/*
 * Fuzzes what a client sends on an HTTP/2 connection, after the preface. Each
 * request is answered with a body, or its own body is taken first.
 */
#include "h2_gate.h"
#include "sink.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void dispatch(struct stream *s)
{
	static char page[40000];

	if (s->req.path.len > 1 && s->req.path.p[1] == 'b') {
		reply_send(s, 200, STR("text/plain"), str_of(page, sizeof(page)));
	} else if (s->req.path.len > 1 && s->req.path.p[1] == 'e') {
		reply_error(s, 404);
	} else {
		sink_attach(s);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	bench_init(dispatch);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				      "\0\0\0\4\0\0\0\0";
	size_t half = size / 2;
	int client;

	if (size > 65536)
		return 0;
	client = bench_client(preface, sizeof(preface));
	if (half)
		must(write(client, data, half) == (ssize_t)half);
	bench_turn(TURNS / 2);
	/* It may have been cut off by now. */
	if (write(client, data + half, size - half) >= 0)
		bench_turn(TURNS);
	bench_end(client);
	return 0;
}
