#include "io/reuseport.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

/* 2^32 over the golden ratio; odd. */
#define GOLDEN 0x9e3779b9u

struct program {
	struct sock_filter code[BPF_MAXINSNS];
	unsigned int n; /* may be more than there is room for */
};

static void add(struct program *p, struct sock_filter instruction)
{
	if (p->n < BPF_MAXINSNS)
		p->code[p->n] = instruction;
	p->n++;
}

static void emit(struct program *p, uint16_t code, uint32_t k)
{
	add(p, (struct sock_filter){.code = code, .k = k});
}

/* Skips jt or jf instructions. */
static void emit_jump(struct program *p, uint16_t test, uint32_t k, uint8_t jt,
		      uint8_t jf)
{
	add(p, (struct sock_filter){.code = (uint16_t)(BPF_JMP | BPF_K | test),
				    .jt = jt,
				    .jf = jf,
				    .k = k});
}

/* A becomes the 32 bits of the network header at this offset. The packet's
 * data begins after the TCP header here, so the header is asked for by its
 * own base. */
static void emit_load(struct program *p, unsigned int offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + offset);
}

static void emit_random(struct program *p)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
}

/* --- the hash -------------------------------------------------------------- */

#define IP4_SOURCE 12 /* RFC 791 §3.1 */
#define IP6_SOURCE 8  /* RFC 8200 §3 */

/* As hash_words(), of n words that begin at offset. */
static void emit_hash(struct program *p, unsigned int offset, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		emit_load(p, offset + 4 * i);
		if (i > 0)
			emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
		emit(p, BPF_ALU | BPF_MUL | BPF_K, GOLDEN);
		if (i + 1 < n)
			emit(p, BPF_MISC | BPF_TAX, 0);
	}
}

#define HASH6_CODE 14 /* what emit_hash() makes of 4 words */

/* A socket of "any" IPv6 gets both. */
static void emit_client(struct program *p)
{
	unsigned int from;

	emit(p, BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	emit_jump(p, BPF_JEQ, 6, 0, HASH6_CODE + 1);
	from = p->n;
	emit_hash(p, IP6_SOURCE, 4);
	must(p->n == from + HASH6_CODE);
	emit(p, BPF_JMP | BPF_JA, 2); /* past the two of IPv4 */
	emit_hash(p, IP4_SOURCE, 1);
}

static uint32_t hash_words(const unsigned char *bytes, unsigned int n)
{
	uint32_t h = 0;

	for (unsigned int i = 0; i < n; i++, bytes += 4) {
		uint32_t word = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				(uint32_t)bytes[2] << 8 | bytes[3];

		h = (h + word) * GOLDEN;
	}
	return h;
}

uint32_t reuseport_hash(const struct addr *client)
{
	const struct in6_addr *in6 = &client->in6.sin6_addr;

	if (client->sa.sa_family == AF_INET)
		return hash_words((const void *)&client->in.sin_addr, 1);
	if (client->sa.sa_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(in6))
		return hash_words(in6->s6_addr + 12, 1);
	return hash_words(in6->s6_addr, 4);
}

/* --- the slices ------------------------------------------------------------ */

/* Where slice i ends, of 2^32. */
static uint64_t end_of(const struct reuseport_slice *slices, unsigned int n,
		       unsigned int i)
{
	uint64_t sum = 0, below = 0;

	for (unsigned int k = 0; k < n; k++) {
		sum += slices[k].weight;
		if (k <= i)
			below += slices[k].weight;
	}
	must(sum > 0);
	return (below << 32) / sum;
}

unsigned int reuseport_slice_of(const struct addr *client,
				const struct reuseport_slice *slices, unsigned int n)
{
	uint32_t hash = reuseport_hash(client);
	unsigned int i = 0;

	while (i + 1 < n && hash >= end_of(slices, n, i))
		i++;
	return i;
}

static bool is_row(const struct reuseport_slice *s)
{
	for (unsigned int i = 1; i < s->n_sockets; i++)
		if (s->sockets[i] != s->sockets[0] + i)
			return false;
	return true;
}

/* Ends the program with one of the slice's sockets. */
static void emit_sockets(struct program *p, const struct reuseport_slice *s)
{
	must(s->n_sockets > 0);
	if (s->n_sockets > 1) {
		emit_random(p);
		emit(p, BPF_ALU | BPF_MOD | BPF_K, s->n_sockets);
	}
	if (s->n_sockets > 1 && is_row(s)) {
		emit(p, BPF_ALU | BPF_ADD | BPF_K, s->sockets[0]);
		emit(p, BPF_RET | BPF_A, 0);
		return;
	}
	for (unsigned int i = 0; i + 1 < s->n_sockets; i++) {
		emit_jump(p, BPF_JEQ, i, 0, 1);
		emit(p, BPF_RET | BPF_K, s->sockets[i]);
	}
	emit(p, BPF_RET | BPF_K, s->sockets[s->n_sockets - 1]);
}

/* A holds the client's place among 2^32. Tests only reach 255 instructions
 * far, so that each is followed by a jump of any length. */
static void emit_slices(struct program *p, const struct reuseport_slice *slices,
			unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t end = end_of(slices, n, i);
		unsigned int jump;

		if (!slices[i].weight)
			continue;
		if (end >> 32) { /* the last one that has clients */
			emit_sockets(p, &slices[i]);
			return;
		}
		emit_jump(p, BPF_JGE, (uint32_t)end, 0, 1);
		jump = p->n;
		emit(p, BPF_JMP | BPF_JA, 0);
		emit_sockets(p, &slices[i]);
		if (jump < BPF_MAXINSNS)
			p->code[jump].k = p->n - jump - 1;
	}
}

static int attach(int fd, struct program *p)
{
	struct sock_fprog fprog = {.len = (unsigned short)p->n, .filter = p->code};

	if (p->n > BPF_MAXINSNS) {
		errno = E2BIG;
		return -1;
	}
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &fprog,
			  sizeof(fprog));
}

int reuseport_steer(int fd, enum reuseport_by by, const struct reuseport_slice *slices,
		    unsigned int n)
{
	struct program p;

	p.n = 0;
	must(n > 0 && n <= REUSEPORT_MAX_SLICES);
	if (by == REUSEPORT_CLIENT_IP)
		emit_client(&p);
	else
		emit_random(&p);
	emit_slices(&p, slices, n);
	return attach(fd, &p);
}

bool reuseport_works(void)
{
	struct program p;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, saved;
	bool works;

	p.n = 0;
	emit_client(&p);
	emit(&p, BPF_RET | BPF_K, 0);
	works = fd >= 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
		attach(fd, &p) == 0;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return works;
}
