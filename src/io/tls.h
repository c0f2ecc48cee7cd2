/*
 * tls: OpenSSL contexts for both sides, and the BIO that lets OpenSSL read
 * from and write to the loop's shared buffers instead of a socket.
 *
 * The only module but conn that knows OpenSSL.
 */
#ifndef HEAPGATE_TLS_H
#define HEAPGATE_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ssl_ctx_st SSL_CTX; /* as OpenSSL names it */
typedef struct ssl_st SSL;

/* Ticket keys, in the memory that the supervisor shares with its workers: the
 * supervisor writes, the workers read. keys[0] seals, all open. */
#define TLS_N_TICKET_KEYS 3
struct tls_ticket_key {
	unsigned char name[16];
	unsigned char aes[32];
	unsigned char hmac[32];
};
struct tls_ticket_keys {
	_Atomic uint32_t version; /* odd while it is being written */
	uint32_t n;
	struct tls_ticket_key keys[TLS_N_TICKET_KEYS];
};
/* Puts a fresh key first and drops the oldest. Returns: 0, or -1 if there is
 * no randomness. */
int tls_ticket_keys_rotate(struct tls_ticket_keys *k);

/* TLS of one listener; the strings live as long as the config snapshot. */
struct tls_cert_conf {
	const char *cert;  /* PEM file with the chain */
	const char *key;   /* PEM file */
	const char *where; /* in the config: "heapgate.conf:3:1" */
};
struct tls_server_conf {
	const struct tls_cert_conf *certs; /* the first is the default */
	unsigned int n_certs;
	int min_version;     /* 12 or 13 (12) */
	const char *ciphers; /* TLS 1.2 list or NULL */
	const char *suites;  /* TLS 1.3 suites or NULL */
	bool h1;             /* offer http/1.1 beside h2 */
	bool h2;
	bool release_buffers; /* SSL_MODE_RELEASE_BUFFERS (true) */
	bool tickets;         /* session tickets (true) */
};
/* TLS towards the servers of an upstream. */
struct tls_client_conf {
	bool verify;      /* check the chain and the name (true) */
	const char *ca;   /* PEM file; NULL: the system's */
	const char *name; /* SNI and name to check; NULL: the server's host */
	bool h2;          /* offer h2 alone, else http/1.1 alone */
};

/*
 * Returns: the context, or NULL with a one-line reason in err.
 * keys may be NULL (then tickets are off). Lives: *keys as long as the
 * context. Owns: the caller, until tls_ctx_free().
 */
SSL_CTX *tls_server_ctx(const struct tls_server_conf *conf,
			struct tls_ticket_keys *keys, char *err, size_t err_cap);
SSL_CTX *tls_client_ctx(const struct tls_client_conf *conf, char *err, size_t err_cap);
void tls_ctx_free(SSL_CTX **ctx);

/* Writes a self-signed certificate for localhost, 127.0.0.1 and ::1 and its
 * key (P-256, 30 days) as PEM files. Returns: 0, or -1 with a reason. */
int tls_make_cert(const char *cert_path, const char *key_path, const char *name,
		  char *err, size_t err_cap);

#endif
