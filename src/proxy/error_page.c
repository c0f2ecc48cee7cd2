#include "proxy/error_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"

#define N_CODES (ERROR_PAGE_LAST - ERROR_PAGE_FIRST + 1)

struct error_pages {
	uint8_t by_code[N_CODES][2]; /* index in at[] plus 1; [1]: JSON */
	unsigned int n;
	struct error_page at[];
};

_Static_assert(ERROR_PAGE_MAX < UINT8_MAX, "by_code[] holds an index plus 1");

static const char json_type[] = "application/json";

const char *error_page_type(const char *path)
{
	static const char *const types[][2] = {
		{".html", "text/html"},      {".htm", "text/html"},
		{".json", json_type},        {".txt", "text/plain"},
		{".xml", "application/xml"}, {".xhtml", "application/xhtml+xml"},
		{".svg", "image/svg+xml"},
	};
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i][0]);

		if (len > n && strcasecmp(path + len - n, types[i][0]) == 0)
			return types[i][1];
	}
	return NULL;
}

bool error_page_is_json(const char *path)
{
	return error_page_type(path) == json_type;
}

/* --- files --------------------------------------------------------------- */

/* Returns: how many bytes there are, as far as they go into to. */
static long read_all(int fd, char *to, size_t cap)
{
	size_t at = 0;

	while (at < cap) {
		ssize_t n = read(fd, to + at, cap - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	return (long)at;
}

/* Returns: a file, no pipe that one could wait for. */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode))
			return fd;
		errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
	}
	close(fd);
	return -1;
}

long error_page_read(const char *path, char *to, char *err, size_t cap)
{
	char room[ERROR_PAGE_BYTES + 1];
	int fd = open_file(path);
	long n = fd < 0 ? -1 : read_all(fd, to ? to : room, sizeof(room));

	if (n < 0)
		snprintf(err, cap, "cannot read the error page %s: %s", path,
			 strerror(errno));
	else if (n > ERROR_PAGE_BYTES)
		snprintf(err, cap, "the error page %s is larger than %dk", path,
			 ERROR_PAGE_BYTES / 1024);
	if (fd >= 0)
		close(fd);
	return n > ERROR_PAGE_BYTES ? -1 : n;
}

/* --- all of them --------------------------------------------------------- */

/* Returns: 0, or -1 without memory; a page that cannot be had is left out. */
static int add(struct error_pages *all, const struct error_page_conf *conf)
{
	char room[ERROR_PAGE_BYTES + 1], err[512];
	long len = error_page_read(conf->path, room, err, sizeof(err));
	char *copy;

	if (len < 0) {
		log_warn("%s; heapgate's own words go out", err);
		return 0;
	}
	copy = mem_alloc(MEM_WORKER, (size_t)len + 1);
	if (!copy)
		return -1;
	memcpy(copy, room, (size_t)len);
	all->at[all->n++] = (struct error_page){error_page_type(conf->path),
						str_of(copy, (size_t)len)};
	for (unsigned int i = 0; i < conf->n_codes; i++)
		all->by_code[conf->codes[i] - ERROR_PAGE_FIRST][conf->json] =
			(uint8_t)all->n;
	return 0;
}

struct error_pages *error_pages_new(const struct error_page_conf *confs, unsigned int n)
{
	struct error_pages *all;

	must(n <= ERROR_PAGE_MAX);
	all = mem_zalloc(MEM_WORKER, 1, sizeof(*all) + n * sizeof(all->at[0]));
	for (unsigned int i = 0; all && i < n; i++)
		if (add(all, &confs[i]) != 0)
			error_pages_free(&all);
	return all;
}

void error_pages_free(struct error_pages **all)
{
	if (!*all)
		return;
	for (unsigned int i = 0; i < (*all)->n; i++)
		mem_free(MEM_WORKER, (void *)(uintptr_t)(*all)->at[i].body.p);
	mem_free(MEM_WORKER, *all);
	*all = NULL;
}

const struct error_page *error_pages_find(const struct error_pages *all,
					  unsigned int status, bool json)
{
	const uint8_t *of;
	unsigned int i;

	if (!all || status < ERROR_PAGE_FIRST || status > ERROR_PAGE_LAST)
		return NULL;
	of = all->by_code[status - ERROR_PAGE_FIRST];
	i = json || !of[0] ? of[1] : of[0];
	return i ? &all->at[i - 1] : NULL;
}
