#include "server/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"

#define SHARED_MAGIC 0x48475348u /* HGSH */

static struct shared *map(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A file of this size in memory, of which nobody can change the size. */
static int new_file(size_t bytes)
{
	int fd = memfd_create("heapgate-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int saved;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct shared *shared_new(unsigned int n_workers, uint32_t n_listeners,
			  uint32_t n_routes, uint32_t n_servers, int *fd)
{
	size_t each = stats_bytes(n_listeners, n_routes, n_servers);
	size_t bytes = sizeof(struct shared) + each * n_workers;
	struct shared *s;
	int file = new_file(bytes);

	if (file < 0)
		return NULL;
	s = map(file, bytes);
	if (!s) {
		close(file);
		return NULL;
	}
	s->magic = SHARED_MAGIC;
	s->n_workers = n_workers;
	s->worker_bytes = each;
	s->bytes = bytes;
	for (unsigned int i = 0; i < n_workers; i++)
		stats_init(shared_stats(s, i), n_listeners, n_routes, n_servers);
	*fd = file;
	return s;
}

static bool is_sound(const struct shared *s, size_t bytes)
{
	return s->magic == SHARED_MAGIC && s->bytes == bytes &&
	       bytes == sizeof(*s) + s->worker_bytes * s->n_workers;
}

struct shared *shared_map(int fd)
{
	struct shared *s;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if ((size_t)st.st_size < sizeof(*s)) {
		errno = EPROTO;
		return NULL;
	}
	s = map(fd, (size_t)st.st_size);
	if (!s || is_sound(s, (size_t)st.st_size))
		return s;
	munmap(s, (size_t)st.st_size);
	errno = EPROTO;
	return NULL;
}

void shared_free(struct shared **s)
{
	if (*s)
		munmap(*s, (*s)->bytes);
	*s = NULL;
}

struct stats *shared_stats(struct shared *s, unsigned int worker)
{
	must(worker < s->n_workers);
	return (struct stats *)(void *)(s->stats + s->worker_bytes * worker);
}
