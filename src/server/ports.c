#include "server/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

static int alloc_arrays(struct ports *p)
{
	size_t n_fds = (size_t)p->n_listens * p->width;

	p->asked = mem_zalloc(MEM_BOOT, p->n_listens, sizeof(*p->asked));
	p->bound = mem_zalloc(MEM_BOOT, p->n_listens, sizeof(*p->bound));
	p->n_sockets = mem_zalloc(MEM_BOOT, p->n_listens, sizeof(*p->n_sockets));
	p->steered = mem_zalloc(MEM_BOOT, p->n_listens, sizeof(*p->steered));
	p->fds = mem_alloc(MEM_BOOT, n_fds * sizeof(*p->fds));
	if (!p->asked || !p->bound || !p->n_sockets || !p->steered || !p->fds)
		return -1;
	for (size_t i = 0; i < n_fds; i++)
		p->fds[i] = -1;
	return 0;
}

int ports_reserve(struct ports *p, unsigned int n_listens, unsigned int width)
{
	*p = (struct ports){.n_listens = n_listens, .n_workers = width, .width = width};
	if (alloc_arrays(p) == 0)
		return 0;
	ports_close(p, NULL);
	return -1;
}

static int *fds_of(const struct ports *p, unsigned int listener)
{
	return &p->fds[(size_t)listener * p->width];
}

static int find(const struct ports *p, const struct addr *asked)
{
	for (unsigned int i = 0; p && i < p->n_listens; i++)
		if (addr_eq(&p->asked[i], asked))
			return (int)i;
	return -1;
}

static int dup_some(const int *from, int *to, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		to[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 0);
		if (to[i] < 0)
			return -1;
	}
	return 0;
}

static bool is_unix(const struct ports *p, unsigned int listener)
{
	return p->bound[listener].sa.sa_family == AF_UNIX;
}

/* Fewer workers than before: what is queued for those that end is taken by
 * them before they do. More: the new ones get sockets beside the old. */
static int take_over(struct ports *p, unsigned int i, int backlog,
		     const struct ports *old, unsigned int at)
{
	unsigned int n = old->n_sockets[at];
	int *to = fds_of(p, i);

	p->bound[i] = old->bound[at];
	p->steered[i] = old->steered[at];
	if (is_unix(p, i) && n > p->n_workers)
		n = p->n_workers;
	if (dup_some(fds_of(old, at), to, n) != 0)
		return -1;
	for (unsigned int k = 0; k < n; k++)
		listen(to[k], backlog); /* it may have changed */
	p->n_sockets[i] = n > p->n_workers ? n : p->n_workers;
	if (n >= p->n_workers)
		return 0;
	if (!is_unix(p, i))
		return listen_more(&p->bound[i], backlog, to + n, p->n_workers - n);
	for (unsigned int k = n; k < p->n_workers; k++)
		if (dup_some(to, to + k, 1) != 0)
			return -1;
	return 0;
}

static int open_new(struct ports *p, unsigned int i, int backlog)
{
	p->bound[i] = p->asked[i];
	p->n_sockets[i] = p->n_workers;
	return listen_open(&p->bound[i], backlog, fds_of(p, i), p->n_workers);
}

static int open_one(struct ports *p, unsigned int i, const struct listen_conf *conf,
		    const struct ports *old, FILE *report)
{
	int at = find(old, &conf->addr), got;

	p->asked[i] = conf->addr;
	if (at >= 0)
		got = take_over(p, i, conf->backlog, old, (unsigned int)at);
	else
		got = open_new(p, i, conf->backlog);
	if (got == 0)
		return 0;
	fprintf(report, "%s: error: cannot listen on %s: %s\n", conf->where, conf->text,
		strerror(errno));
	return -1;
}

static unsigned int widest(unsigned int n_workers, const struct ports *old)
{
	unsigned int width = n_workers;

	for (unsigned int i = 0; old && i < old->n_listens; i++)
		if (old->n_sockets[i] > width)
			width = old->n_sockets[i];
	return width;
}

int ports_open(struct ports *p, const struct listen_conf *confs, unsigned int n_listens,
	       unsigned int n_workers, const struct ports *old, FILE *report)
{
	unsigned int n_bad = 0;

	*p = (struct ports){.n_listens = n_listens,
			    .n_workers = n_workers,
			    .width = widest(n_workers, old)};
	if (alloc_arrays(p) != 0) {
		fprintf(report, "error: no memory for the sockets\n");
		n_bad++;
	}
	for (unsigned int i = 0; p->fds && i < n_listens; i++)
		n_bad += open_one(p, i, &confs[i], old, report) != 0;
	if (n_bad == 0)
		return 0;
	ports_close(p, old);
	return -1;
}

static void unlink_unix(const struct ports *p, const struct ports *keep)
{
	for (unsigned int i = 0; i < p->n_listens; i++)
		if (p->bound[i].len && p->bound[i].sa.sa_family == AF_UNIX &&
		    fds_of(p, i)[0] >= 0 && find(keep, &p->asked[i]) < 0)
			unlink(p->bound[i].un.sun_path);
}

void ports_close(struct ports *p, const struct ports *keep)
{
	if (p->fds && p->bound && p->asked)
		unlink_unix(p, keep);
	for (size_t i = 0; p->fds && i < (size_t)p->n_listens * p->width; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	mem_free(MEM_BOOT, p->fds);
	mem_free(MEM_BOOT, p->steered);
	mem_free(MEM_BOOT, p->n_sockets);
	mem_free(MEM_BOOT, p->bound);
	mem_free(MEM_BOOT, p->asked);
	*p = (struct ports){0};
}

int ports_fd(const struct ports *p, unsigned int listener, unsigned int worker)
{
	must(listener < p->n_listens && worker < p->n_workers);
	return fds_of(p, listener)[worker];
}

/* --- who gets what ------------------------------------------------------- */

int ports_steer(struct ports *p, enum reuseport_by by,
		const struct reuseport_slice *slices, unsigned int n)
{
	int result = 0, saved = 0;

	for (unsigned int i = 0; i < p->n_listens; i++) {
		if (is_unix(p, i))
			continue;
		if (reuseport_steer(fds_of(p, i)[0], by, slices, n) == 0) {
			p->steered[i] = true;
			continue;
		}
		saved = errno;
		result = -1;
	}
	errno = saved;
	return result;
}

bool ports_want_steering(const struct ports *p)
{
	for (unsigned int i = 0; i < p->n_listens; i++)
		if (p->steered[i] || p->n_sockets[i] > p->n_workers)
			return true;
	return false;
}

void ports_sweep(const struct ports *p)
{
	for (unsigned int i = 0; i < p->n_listens; i++) {
		for (unsigned int k = p->n_workers; k < p->n_sockets[i]; k++) {
			int fd;

			while ((fd = accept(fds_of(p, i)[k], NULL, NULL)) >= 0)
				close(fd);
		}
	}
}

void ports_close_spares(struct ports *p)
{
	for (unsigned int i = 0; i < p->n_listens; i++) {
		for (unsigned int k = p->n_workers; k < p->n_sockets[i]; k++) {
			close(fds_of(p, i)[k]);
			fds_of(p, i)[k] = -1;
		}
		p->n_sockets[i] = p->n_workers;
	}
}
