/*
 * What only this host can tell of a config.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <unistd.h>

#include "conf/snapshot.h"

struct check {
	FILE *report;
	unsigned int n_errors;
};

static void fail(struct check *c, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct check *c, const char *where, const char *format, ...)
{
	va_list args;

	c->n_errors++;
	fprintf(c->report, "%s: error: ", where);
	va_start(args, format);
	vfprintf(c->report, format, args);
	va_end(args);
	fputc('\n', c->report);
}

static void hint(struct check *c, const char *text)
{
	fprintf(c->report, "      hint: %s\n", text);
}

static bool is_readable(struct check *c, const char *where, const char *what,
			const char *path)
{
	if (access(path, R_OK) == 0)
		return true;
	fail(c, where, "cannot read the %s %s: %s", what, path, strerror(errno));
	return false;
}

/* Each certificate alone, so that the error is on its line. */
static void check_cert(struct check *c, const struct tls_server_conf *all,
		       const struct tls_cert_conf *cert)
{
	struct tls_server_conf one = *all;
	char err[256] = "no reason is known";
	SSL_CTX *ctx;
	bool has_cert = is_readable(c, cert->where, "certificate", cert->cert);
	bool has_key = cert->key == cert->cert ||
		       is_readable(c, cert->where, "key", cert->key);

	if (!has_cert || !has_key)
		return;
	one.certs = cert;
	one.n_certs = 1;
	ctx = tls_server_ctx(&one, NULL, err, sizeof(err));
	if (!ctx) {
		fail(c, cert->where, "%s", err);
		if (cert->key == cert->cert)
			hint(c, "without key= the key must be in the file of the "
				"certificate");
		return;
	}
	tls_ctx_free(&ctx);
}

static void check_listen(struct check *c, const struct listen_conf *conf)
{
	for (unsigned int i = 0; conf->is_tls && i < conf->tls.n_certs; i++)
		check_cert(c, &conf->tls, &conf->tls.certs[i]);
}

static void check_server(struct check *c, const struct server_conf *conf)
{
	char err[256] = "no reason is known";
	SSL_CTX *ctx;

	if (!conf->is_tls)
		return;
	if (conf->tls.ca && !is_readable(c, conf->where, "file", conf->tls.ca))
		return;
	ctx = tls_client_ctx(&conf->tls, err, sizeof(err));
	if (!ctx)
		fail(c, conf->where, "%s", err);
	else
		tls_ctx_free(&ctx);
}

static void check_error_page(struct check *c, const struct error_page_conf *conf)
{
	char err[512];

	if (error_page_read(conf->path, NULL, err, sizeof(err)) < 0)
		fail(c, conf->where, "%s", err);
}

static void check_user(struct check *c, const struct snapshot *s)
{
	if (s->user && !getpwnam(s->user))
		fail(c, snapshot_where(s, "user"), "there is no user \"%s\" here",
		     s->user);
}

unsigned int snapshot_check_host(const struct snapshot *s, FILE *report)
{
	struct check c = {.report = report};

	check_user(&c, s);
	for (unsigned int i = 0; i < s->n_listens; i++)
		check_listen(&c, &s->listens[i]);
	for (unsigned int i = 0; i < s->n_upstreams; i++)
		for (unsigned int k = 0; k < s->upstreams[i].n_servers; k++)
			check_server(&c, &s->upstreams[i].servers[k]);
	for (unsigned int i = 0; i < s->n_error_pages; i++)
		check_error_page(&c, &s->error_pages[i]);
	return c.n_errors;
}
