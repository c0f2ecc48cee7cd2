#include "io/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "allocators/mem.h"
#include "base/must.h"

static void say(char *err, size_t cap, const char *what, const char *name)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(err, cap, "%s%s%s: %s", what, name ? " " : "", name ? name : "",
		 reason ? reason : "unknown error");
	ERR_clear_error();
}

/* --- session tickets -------------------------------------------------- */

int tls_ticket_keys_rotate(struct tls_ticket_keys *k)
{
	struct tls_ticket_key fresh;
	uint32_t v = atomic_load_explicit(&k->version, memory_order_relaxed);

	if (RAND_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
		return -1;
	atomic_store_explicit(&k->version, v + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memmove(&k->keys[1], &k->keys[0], sizeof(fresh) * (TLS_N_TICKET_KEYS - 1));
	k->keys[0] = fresh;
	if (k->n < TLS_N_TICKET_KEYS)
		k->n++;
	atomic_store_explicit(&k->version, v + 2, memory_order_release);
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

/* A consistent copy; the writer is never in the middle for long. */
static void ticket_keys_read(const struct tls_ticket_keys *k,
			     struct tls_ticket_keys *copy)
{
	uint32_t v;

	do {
		v = atomic_load_explicit(&k->version, memory_order_acquire);
		memcpy(copy->keys, k->keys, sizeof(copy->keys));
		copy->n = k->n;
		atomic_thread_fence(memory_order_acquire);
	} while ((v & 1) ||
		 v != atomic_load_explicit(&k->version, memory_order_relaxed));
}

static int ticket_ciphers(const struct tls_ticket_key *key, unsigned char *iv,
			  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	OSSL_PARAM params[3];

	params[0] = OSSL_PARAM_construct_octet_string(
		OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->hmac, sizeof(key->hmac));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						     (char *)(uintptr_t) "SHA256", 0);
	params[2] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(mac, params) != 1)
		return -1;
	if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, enc) != 1)
		return -1;
	return 1;
}

static int ticket_cb(SSL *ssl, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	struct tls_ticket_keys *shared = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct tls_ticket_keys k;

	if (!shared)
		return 0;
	ticket_keys_read(shared, &k);
	if (enc) {
		if (!k.n || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
			return -1;
		memcpy(name, k.keys[0].name, sizeof(k.keys[0].name));
		return ticket_ciphers(&k.keys[0], iv, cipher, mac, 1);
	}
	for (uint32_t i = 0; i < k.n; i++) {
		if (memcmp(name, k.keys[i].name, sizeof(k.keys[i].name)) != 0)
			continue;
		if (ticket_ciphers(&k.keys[i], iv, cipher, mac, 0) != 1)
			return -1;
		/* 2: give a new one. A TLS 1.3 ticket is for one use (RFC 8446
		 * C.4), so who resumes needs another for the next time. */
		return i == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
	}
	return 0;
}

/* --- contexts ---------------------------------------------------------- */

/* ALPN (RFC 7301): the context carries which protocols the listener speaks. */
enum { ALPN_H2 = 1, ALPN_H1 = 2 };

static bool alpn_offered(const unsigned char *in, unsigned int len, const char *name)
{
	size_t n = strlen(name);

	for (unsigned int i = 0; i < len; i += 1u + in[i])
		if (in[i] == n && i + 1 + n <= len && memcmp(in + i + 1, name, n) == 0)
			return true;
	return false;
}

static int alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int len, void *arg)
{
	uintptr_t speaks = (uintptr_t)arg;

	(void)ssl;
	if ((speaks & ALPN_H2) && alpn_offered(in, len, "h2")) {
		*out = (const unsigned char *)"h2";
		*out_len = 2;
		return SSL_TLSEXT_ERR_OK;
	}
	if ((speaks & ALPN_H1) && alpn_offered(in, len, "http/1.1")) {
		*out = (const unsigned char *)"http/1.1";
		*out_len = 8;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 §3.2 */
}

static void common_options(SSL_CTX *ctx, bool release_buffers)
{
	long mode = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

	if (release_buffers)
		mode |= SSL_MODE_RELEASE_BUFFERS;
	SSL_CTX_set_mode(ctx, mode);
	/* Compression leaks (CRIME) and renegotiation costs the server more
	 * than the client. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static int load_cert(SSL_CTX *ctx, const struct tls_cert_conf *c, char *err,
		     size_t err_cap)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, c->cert) != 1) {
		say(err, err_cap, "cannot load certificate", c->cert);
		return -1;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) != 1) {
		say(err, err_cap, "cannot load key", c->key);
		return -1;
	}
	if (SSL_CTX_check_private_key(ctx) != 1) {
		say(err, err_cap, "key does not fit the certificate", c->key);
		return -1;
	}
	return 0;
}

static int set_ciphers(SSL_CTX *ctx, const struct tls_server_conf *conf, char *err,
		       size_t err_cap)
{
	static const char safe[] =
		"ECDHE+AESGCM:ECDHE+CHACHA20"; /* RFC 9113 §9.2.2, appendix A */

	if (SSL_CTX_set_cipher_list(ctx, conf->ciphers ? conf->ciphers : safe) != 1) {
		say(err, err_cap, "bad ciphers", conf->ciphers);
		return -1;
	}
	if (conf->suites && SSL_CTX_set_ciphersuites(ctx, conf->suites) != 1) {
		say(err, err_cap, "bad suites", conf->suites);
		return -1;
	}
	return 0;
}

static SSL_CTX *one_server_ctx(const struct tls_server_conf *conf,
			       const struct tls_cert_conf *cert,
			       struct tls_ticket_keys *keys, char *err, size_t err_cap)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	uintptr_t speaks = (conf->h2 ? ALPN_H2 : 0) | (conf->h1 ? ALPN_H1 : 0);

	if (!ctx) {
		say(err, err_cap, "no TLS context", NULL);
		return NULL;
	}
	common_options(ctx, conf->release_buffers);
	SSL_CTX_set_min_proto_version(ctx, conf->min_version == 13 ? TLS1_3_VERSION
								   : TLS1_2_VERSION);
	SSL_CTX_set_options(ctx,
			    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_alpn_select_cb(ctx, alpn_cb, (void *)speaks);
	if (keys && conf->tickets) {
		SSL_CTX_set_app_data(ctx, keys);
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_cb);
		SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"heapgate",
					       8);
		/* OpenSSL gives two, at 6 % of a handshake each; but who resumes is
		 * given another, and with HTTP/2 nobody needs two at once. */
		SSL_CTX_set_num_tickets(ctx, 1);
	} else {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
	}
	if (set_ciphers(ctx, conf, err, err_cap) == 0 &&
	    load_cert(ctx, cert, err, err_cap) == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* --- several certificates: SNI (RFC 6066 §3) ---------------------------- */

struct sni {
	unsigned int n;
	SSL_CTX *ctx[]; /* the first is the listener's own, not counted */
};

static int sni_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static int sni_cb(SSL *ssl, int *alert, void *arg)
{
	struct sni *sni = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (!name)
		return SSL_TLSEXT_ERR_OK;
	for (unsigned int i = 0; i < sni->n; i++) {
		X509 *x = SSL_CTX_get0_certificate(sni->ctx[i]);

		if (x && X509_check_host(x, name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, sni->ctx[i]);
			break;
		}
	}
	return SSL_TLSEXT_ERR_OK;
}

static int add_sni(SSL_CTX *ctx, const struct tls_server_conf *conf,
		   struct tls_ticket_keys *keys, char *err, size_t err_cap)
{
	struct sni *sni =
		mem_alloc(MEM_BOOT, sizeof(*sni) + conf->n_certs * sizeof(SSL_CTX *));

	if (!sni) {
		snprintf(err, err_cap, "no memory");
		return -1;
	}
	sni->n = 1;
	sni->ctx[0] = ctx;
	SSL_CTX_set_ex_data(ctx, sni_index(), sni);
	for (unsigned int i = 1; i < conf->n_certs; i++) {
		sni->ctx[i] = one_server_ctx(conf, &conf->certs[i], keys, err, err_cap);
		if (!sni->ctx[i])
			return -1;
		sni->n++;
	}
	SSL_CTX_set_tlsext_servername_callback(ctx, sni_cb);
	SSL_CTX_set_tlsext_servername_arg(ctx, sni);
	return 0;
}

SSL_CTX *tls_server_ctx(const struct tls_server_conf *conf,
			struct tls_ticket_keys *keys, char *err, size_t err_cap)
{
	SSL_CTX *ctx;

	must(conf->n_certs >= 1);
	ctx = one_server_ctx(conf, &conf->certs[0], keys, err, err_cap);
	if (ctx && conf->n_certs > 1 && add_sni(ctx, conf, keys, err, err_cap) != 0)
		tls_ctx_free(&ctx);
	return ctx;
}

SSL_CTX *tls_client_ctx(const struct tls_client_conf *conf, char *err, size_t err_cap)
{
	static const unsigned char h2[] = "\x02h2", h1[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int ok;

	if (!ctx) {
		say(err, err_cap, "no TLS context", NULL);
		return NULL;
	}
	common_options(ctx, true);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_alpn_protos(ctx, conf->h2 ? h2 : h1,
				conf->h2 ? sizeof(h2) - 1 : sizeof(h1) - 1);
	if (!conf->verify)
		return ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	ok = conf->ca ? SSL_CTX_load_verify_locations(ctx, conf->ca, NULL)
		      : SSL_CTX_set_default_verify_paths(ctx);
	if (ok == 1)
		return ctx;
	say(err, err_cap, "cannot load CA", conf->ca ? conf->ca : "(the system's)");
	SSL_CTX_free(ctx);
	return NULL;
}

void tls_ctx_free(SSL_CTX **ctx)
{
	struct sni *sni;

	if (!*ctx)
		return;
	sni = SSL_CTX_get_ex_data(*ctx, sni_index());
	if (sni) {
		for (unsigned int i = 1; i < sni->n; i++)
			SSL_CTX_free(sni->ctx[i]);
		mem_free(MEM_BOOT, sni);
	}
	SSL_CTX_free(*ctx);
	*ctx = NULL;
}

/* --- a throw-away certificate -------------------------------------------- */

static int add_ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!ext)
		return -1;
	ok = X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	return ok == 1 ? 0 : -1;
}

static X509 *self_signed(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	X509_NAME *subject;
	char san[300];
	uint64_t serial;

	if (!x || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		goto fail;
	snprintf(san, sizeof(san), "DNS:localhost,IP:127.0.0.1,IP:::1%s%s",
		 name ? ",DNS:" : "", name ? name : "");
	X509_set_version(x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 30L * 24 * 3600);
	X509_set_pubkey(x, key);
	subject = X509_get_subject_name(x);
	if (X509_NAME_add_entry_by_txt(
		    subject, "CN", MBSTRING_UTF8,
		    (const unsigned char *)(name ? name : "localhost"), -1, -1, 0) != 1)
		goto fail;
	X509_set_issuer_name(x, subject);
	if (add_ext(x, NID_subject_alt_name, san) == 0 &&
	    add_ext(x, NID_basic_constraints, "critical,CA:TRUE") == 0 &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
fail:
	X509_free(x);
	return NULL;
}

static int write_pem(const char *path, mode_t mode, X509 *x, EVP_PKEY *key)
{
	BIO *bio;
	int ok = 0;
	mode_t old = umask(0777 & ~mode);

	bio = BIO_new_file(path, "w");
	umask(old);
	if (!bio)
		return -1;
	if (x)
		ok = PEM_write_bio_X509(bio, x);
	else
		ok = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	if (BIO_flush(bio) != 1)
		ok = 0;
	BIO_free(bio);
	return ok == 1 ? 0 : -1;
}

int tls_make_cert(const char *cert_path, const char *key_path, const char *name,
		  char *err, size_t err_cap)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? self_signed(key, name) : NULL;
	int rc = -1;

	if (!x)
		say(err, err_cap, "cannot make a certificate", NULL);
	else if (write_pem(key_path, 0600, NULL, key) != 0)
		say(err, err_cap, "cannot write", key_path);
	else if (write_pem(cert_path, 0644, x, NULL) != 0)
		say(err, err_cap, "cannot write", cert_path);
	else
		rc = 0;
	X509_free(x);
	EVP_PKEY_free(key);
	return rc;
}
