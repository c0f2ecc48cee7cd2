#include "lab/workload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"

#define N_OF(a)    (sizeof(a) / sizeof(*(a)))
#define MIX(mix)   .requests = (mix), .n_requests = N_OF(mix)
#define MAX_REPLAY 100000u
#define FAIL(...)  (snprintf(err, err_cap, __VA_ARGS__), NULL)

static const struct request browse_mix[] = {
	{"GET", "/bytes/2k", 0, 40},  {"GET", "/bytes/16k", 0, 25},
	{"GET", "/bytes/500", 0, 20}, {"GET", "/bytes/64k", 0, 10},
	{"POST", "/sink", 1024, 5},
};
static const struct request api_mix[] = {
	{"GET", "/bytes/300", 0, 60},
	{"GET", "/headers", 0, 10},
	{"POST", "/echo", 1024, 30},
};
static const struct request upload_mix[] = {
	{"POST", "/sink", 256 << 10, 80},
	{"POST", "/sink", 1 << 20, 20},
};
static const struct request small_mix[] = {
	{"GET", "/bytes/1k", 0, 1},
};
static const struct request message_mix[] = {
	{"POST", "/echo", 200, 80},
	{"POST", "/echo", 2000, 20},
};

static const struct workload browse = {
	.name = "browse",
	.summary = "pages and pictures: many sizes up to 64 KiB, a few posts",
	MIX(browse_mix),
	.rate = 1000,
	.n_conns = 100,
	.n_streams = 10,
};
static const struct workload api = {
	.name = "api",
	.summary = "small answers and small posts on few connections",
	MIX(api_mix),
	.rate = 2000,
	.n_conns = 50,
	.n_streams = 20,
};
static const struct workload upload = {
	.name = "upload",
	.summary = "bodies of 256 KiB and 1 MiB towards the server",
	MIX(upload_mix),
	.rate = 40,
	.n_conns = 20,
	.n_streams = 4,
};
static const struct workload tls_churn = {
	.name = "tls-churn",
	.summary = "a new connection for every second request",
	MIX(small_mix),
	.rate = 200,
	.n_conns = 50,
	.n_streams = 2,
	.n_per_conn = 2,
};
static const struct workload idle_heavy = {
	.name = "idle-heavy",
	.summary = "1,000 connections that only stay open beside 20 in use",
	MIX(small_mix),
	.rate = 300,
	.n_conns = 20,
	.n_streams = 5,
	.n_idle = 1000,
};
static const struct workload grpc_stream = {
	.name = "grpc-stream",
	.summary = "200 long streams that carry messages both ways; HTTP/2 only",
	MIX(message_mix),
	.rate = 1500,
	.n_conns = 20,
	.n_streams = 10,
	.messages = true,
};

const struct workload *const workloads[] = {
	&browse, &api, &upload, &tls_churn, &idle_heavy, &grpc_stream, NULL,
};

static struct workload *workload_new(const char *name, unsigned int n)
{
	struct workload *w = mem_zalloc(MEM_BOOT, 1, sizeof(*w));
	struct request *r = mem_zalloc(MEM_BOOT, n, sizeof(*r));

	if (!w || !r) {
		mem_free(MEM_BOOT, w);
		mem_free(MEM_BOOT, r);
		return NULL;
	}
	*w = (struct workload){.summary = "",
			       .requests = r,
			       .n_conns = 50,
			       .n_streams = 10,
			       .rate = 1000,
			       .in_order = true,
			       .owned = true};
	w->name = mem_strdup(MEM_BOOT, name);
	return w;
}

/* The table's requests are const; those of an own workload are not. */
static bool add(struct workload *w, struct str method, struct str path, uint64_t bytes)
{
	struct request *r = (struct request *)(uintptr_t)w->requests + w->n_requests;
	char *text = mem_alloc(MEM_BOOT, method.len + path.len + 2);

	if (!text)
		return false;
	memcpy(text, method.p, method.len);
	text[method.len] = '\0';
	memcpy(text + method.len + 1, path.p, path.len);
	text[method.len + 1 + path.len] = '\0';
	*r = (struct request){text, text + method.len + 1, bytes, 1};
	w->n_requests++;
	return true;
}

static const struct workload *open_get(const char *name, char *err, size_t err_cap)
{
	struct workload *w = workload_new(name, 1);

	if (w && w->name && add(w, STR("GET"), str_z(name + 4), 0))
		return w;
	workload_close((const struct workload **)&w);
	return FAIL("no memory");
}

static bool read_file(const char *path, struct text *to)
{
	FILE *f = fopen(path, "re");
	char part[4096];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		text_add(to, part, n);
	fclose(f);
	return !to->failed;
}

/* Returns: false when the line is no request. */
static bool take_line(struct workload *w, struct str line)
{
	struct str method, path, rest, bytes;
	uint64_t n = 0;

	str_split(&line, '#', &rest);
	rest = str_trim(rest);
	if (!rest.len)
		return true;
	if (!str_split(&rest, ' ', &method) || !str_split(&rest, ' ', &path) ||
	    !path.len || path.p[0] != '/')
		return false;
	if (str_split(&rest, ' ', &bytes) && !str_u64(bytes, &n))
		return false;
	return add(w, method, path, n);
}

static const struct workload *open_replay(const char *name, char *err, size_t err_cap)
{
	struct workload *w = workload_new(name, MAX_REPLAY);
	const char *file = name + strlen("replay:");
	struct str rest, line;
	struct text text;
	unsigned int number = 0;
	bool good = w && w->name;

	text_init(&text, MEM_BOOT);
	if (!read_file(file, &text)) {
		snprintf(err, err_cap, "%s: %s", file, strerror(errno));
		good = false;
	}
	rest = text_str(&text);
	while (good && w->n_requests < MAX_REPLAY && str_split(&rest, '\n', &line)) {
		number++;
		good = take_line(w, line);
		if (!good)
			snprintf(err, err_cap,
				 "%s:%u: not \"METHOD /PATH [BODY_BYTES]\"", file,
				 number);
	}
	text_fini(&text);
	if (good && w->n_requests)
		return w;
	if (good)
		snprintf(err, err_cap, "%s: no request in it", file);
	workload_close((const struct workload **)&w);
	return NULL;
}

const struct workload *workload_open(const char *name, char *err, size_t err_cap)
{
	char known[160] = "";
	size_t at = 0;

	if (strncmp(name, "get:/", 5) == 0)
		return open_get(name, err, err_cap);
	if (strncmp(name, "replay:", 7) == 0)
		return open_replay(name, err, err_cap);
	for (unsigned int i = 0; workloads[i]; i++) {
		if (strcmp(workloads[i]->name, name) == 0)
			return workloads[i];
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s ",
				       workloads[i]->name);
	}
	return FAIL("unknown workload \"%s\"; there are %sget:/PATH replay:FILE", name,
		    known);
}

void workload_close(const struct workload **wp)
{
	const struct workload *w = *wp;

	*wp = NULL;
	if (!w || !w->owned)
		return;
	for (unsigned int i = 0; i < w->n_requests; i++)
		mem_free(MEM_BOOT, (void *)(uintptr_t)w->requests[i].method);
	mem_free(MEM_BOOT, (void *)(uintptr_t)w->requests);
	mem_free(MEM_BOOT, (void *)(uintptr_t)w->name);
	mem_free(MEM_BOOT, (void *)(uintptr_t)w);
}
