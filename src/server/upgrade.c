#include "server/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/channel.h"
#include "server/launch.h"

#define VARIABLE "HEAPGATE_HANDOVER" /* the old one's pid */
#define VERSION  1

/* What the new one finds where. */
enum { FD_WORDS = LAUNCH_FIRST_FD, FD_CHANNEL, FD_SOCKETS };

#define MAX_ARGS  256
#define MAX_WORDS (1u << 20)

/* --- the old one --------------------------------------------------------- */

void upgrade_init(struct upgrade *u)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	*u = (struct upgrade){.channel = -1};
	if (n <= 0)
		return;
	path[n] = '\0';
	u->path = mem_strdup(MEM_BOOT, path);
}

void upgrade_forget(struct upgrade *u)
{
	loop_unwatch(&u->watch);
	if (u->channel >= 0)
		close(u->channel);
	u->channel = -1;
	u->pid = 0;
}

void upgrade_fini(struct upgrade *u)
{
	upgrade_forget(u);
	mem_free(MEM_BOOT, u->path);
	u->path = NULL;
}

static json_t *tickets_json(const struct tls_ticket_keys *keys)
{
	const unsigned char *bytes = (const void *)keys;
	char hex[2 * sizeof(*keys) + 1];

	for (size_t i = 0; i < sizeof(*keys); i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return json_string(hex);
}

/* Sockets are named by how many there are: they follow in this order. */
static json_t *describe(const struct crew *c, const struct addr *endpoints)
{
	json_t *listeners = json_array(), *ends = json_array();
	char asked[ADDR_TEXT_BYTES], bound[ADDR_TEXT_BYTES];

	for (unsigned int i = 0; i < c->ports.n_listens; i++)
		json_array_append_new(listeners,
				      json_pack("{s:s, s:s, s:i, s:b}", "asked",
						addr_text(&c->ports.asked[i], asked),
						"bound",
						addr_text(&c->ports.bound[i], bound),
						"sockets", (int)c->ports.n_sockets[i],
						"steered", (int)c->ports.steered[i]));
	for (unsigned int i = 0; i < UPGRADE_N_ENDPOINTS; i++)
		json_array_append_new(ends,
				      json_string(addr_text(&endpoints[i], asked)));
	return json_pack("{s:i, s:i, s:o, s:o, s:o}", "version", VERSION, "config",
			 (int)c->number, "tickets", tickets_json(&c->shared->tickets),
			 "listeners", listeners, "endpoints", ends);
}

/* Returns: a file in memory, or -1. */
static int write_words(const struct crew *c, const struct addr *endpoints)
{
	json_t *root = describe(c, endpoints);
	int fd = root ? memfd_create("heapgate-handover", MFD_CLOEXEC) : -1;

	if (fd >= 0 && json_dumpfd(root, fd, JSON_COMPACT) != 0) {
		close(fd);
		fd = -1;
	}
	json_decref(root);
	return fd;
}

/* Our own arguments. Returns: how many bytes, 0 when they cannot be had. */
static size_t read_args(char *text, size_t cap, const char **argv)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1);
	unsigned int count = 0;

	if (fd >= 0)
		close(fd);
	if (n <= 0 || (size_t)n == cap - 1)
		return 0;
	text[n] = '\0';
	for (char *at = text; at < text + n && count < MAX_ARGS; at += strlen(at) + 1)
		argv[count++] = at;
	argv[count] = NULL;
	return count < MAX_ARGS ? (size_t)n : 0;
}

static pid_t launch(const struct upgrade *u, int *fds, unsigned int n_fds)
{
	const char *argv[MAX_ARGS + 1];
	char text[16384], pid[24];
	pid_t child;

	if (!u->path || !read_args(text, sizeof(text), argv)) {
		errno = ENOENT;
		return -1;
	}
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv(VARIABLE, pid, 1);
	child = launch_start(&(struct launch){
		.argv = argv, .path = u->path, .fds = fds, .n_fds = n_fds});
	unsetenv(VARIABLE);
	return child;
}

static unsigned int list_sockets(const struct crew *c, const int *endpoint_fds, int *to)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->ports.n_listens; i++)
		for (unsigned int k = 0; k < c->ports.n_sockets[i]; k++)
			to[n++] = c->ports.fds[i * c->ports.width + k];
	for (unsigned int i = 0; i < UPGRADE_N_ENDPOINTS; i++)
		if (endpoint_fds[i] >= 0)
			to[n++] = endpoint_fds[i];
	return n;
}

int upgrade_start(struct upgrade *u, const struct crew *c, const struct addr *endpoints,
		  const int *endpoint_fds)
{
	size_t most =
		2 + UPGRADE_N_ENDPOINTS + (size_t)c->ports.n_listens * c->ports.width;
	int *fds = mem_alloc(MEM_BOOT, most * sizeof(*fds));
	int words = write_words(c, endpoints), ends[2] = {-1, -1};

	if (fds && words >= 0 && channel_open(ends) == 0) {
		fds[0] = words;
		fds[1] = ends[1];
		u->pid = launch(u, fds, 2 + list_sockets(c, endpoint_fds, fds + 2));
		u->channel = u->pid > 0 ? ends[0] : -1;
		close(ends[1]);
		if (u->pid <= 0) {
			u->pid = 0;
			close(ends[0]);
		}
	}
	if (words >= 0)
		close(words);
	mem_free(MEM_BOOT, fds);
	return u->pid ? 0 : -1;
}

/* --- the new one --------------------------------------------------------- */

static json_t *read_words(void)
{
	json_t *root;

	lseek(FD_WORDS, 0, SEEK_SET);
	root = json_loadfd(FD_WORDS, 0, NULL);
	close(FD_WORDS);
	if (json_integer_value(json_object_get(root, "version")) == VERSION)
		return root;
	json_decref(root);
	return NULL;
}

static bool read_addr(const json_t *from, struct addr *to)
{
	const char *text = json_string_value(from);

	return text && addr_parse(to, text);
}

/* *fd: the next of what was handed down. */
static int adopt_listener(struct ports *p, unsigned int i, const json_t *from, int *fd)
{
	json_int_t n = json_integer_value(json_object_get(from, "sockets"));

	if (!read_addr(json_object_get(from, "asked"), &p->asked[i]) ||
	    !read_addr(json_object_get(from, "bound"), &p->bound[i]) || n < 1 ||
	    n > (json_int_t)p->width)
		return -1;
	p->n_sockets[i] = (unsigned int)n;
	p->steered[i] = json_is_true(json_object_get(from, "steered"));
	for (unsigned int k = 0; k < p->n_sockets[i]; k++) {
		if (fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0)
			return -1;
		p->fds[i * p->width + k] = (*fd)++;
	}
	return 0;
}

static unsigned int widest(const json_t *listeners)
{
	unsigned int width = 1;
	json_t *one;
	size_t i;

	json_array_foreach(listeners, i, one)
	{
		json_int_t n = json_integer_value(json_object_get(one, "sockets"));

		if (n > (json_int_t)width && n <= ARMS_MAX_SEATS)
			width = (unsigned int)n;
	}
	return width;
}

static int adopt_ports(struct ports *p, const json_t *listeners, int *fd)
{
	json_t *one;
	size_t i;

	if (ports_reserve(p, (unsigned int)json_array_size(listeners),
			  widest(listeners)) != 0)
		return -1;
	json_array_foreach(listeners, i,
			   one) if (adopt_listener(p, (unsigned int)i, one, fd) !=
				    0) return -1;
	return 0;
}

static int adopt_endpoints(struct handover *h, const json_t *ends, int *fd)
{
	for (unsigned int i = 0; i < UPGRADE_N_ENDPOINTS; i++) {
		const char *text = json_string_value(json_array_get(ends, i));

		if (!text || !*text)
			continue;
		if (!addr_parse(&h->endpoints[i], text) ||
		    fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0)
			return -1;
		h->endpoint_fds[i] = (*fd)++;
	}
	return 0;
}

/* Those of another layout are not taken: clients then shake hands in full. */
static void adopt_tickets(struct handover *h, const char *hex)
{
	unsigned char *to = (void *)&h->tickets;
	unsigned int byte;

	if (!hex || strlen(hex) != 2 * sizeof(h->tickets))
		return;
	for (size_t i = 0; i < sizeof(h->tickets); i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return;
		to[i] = (unsigned char)byte;
	}
	h->has_tickets = true;
}

static int adopt(struct handover *h, const json_t *root)
{
	int fd = FD_SOCKETS;

	h->before.number =
		(unsigned int)json_integer_value(json_object_get(root, "config"));
	adopt_tickets(h, json_string_value(json_object_get(root, "tickets")));
	if (adopt_ports(&h->before.ports, json_object_get(root, "listeners"), &fd) != 0)
		return -1;
	return adopt_endpoints(h, json_object_get(root, "endpoints"), &fd);
}

static bool is_given(void)
{
	const char *pid = getenv(VARIABLE);
	bool given = pid && strtol(pid, NULL, 10) == getppid();

	unsetenv(VARIABLE); /* not for the workers */
	return given;
}

struct handover *handover_take(bool *failed)
{
	struct handover *h;
	json_t *root;

	*failed = false;
	if (!is_given())
		return NULL;
	*failed = true;
	h = mem_zalloc(MEM_BOOT, 1, sizeof(*h));
	root = read_words();
	if (h && root) {
		h->channel = FD_CHANNEL;
		fcntl(h->channel, F_SETFD, FD_CLOEXEC);
		for (unsigned int i = 0; i < UPGRADE_N_ENDPOINTS; i++)
			h->endpoint_fds[i] = -1;
		*failed = adopt(h, root) != 0;
		if (*failed)
			handover_free(&h);
	} else {
		mem_free(MEM_BOOT, h);
		h = NULL;
	}
	json_decref(root);
	return h;
}

void handover_done(struct handover *h)
{
	channel_send(h->channel, CHANNEL_READY);
}

void handover_free(struct handover **h)
{
	struct handover *old = *h;

	*h = NULL;
	if (!old)
		return;
	/* Files of sockets stay: whoever took them over uses them. */
	ports_close(&old->before.ports, &old->before.ports);
	for (unsigned int i = 0; i < UPGRADE_N_ENDPOINTS; i++)
		if (old->endpoint_fds[i] >= 0)
			close(old->endpoint_fds[i]);
	close(old->channel);
	mem_free(MEM_BOOT, old);
}
