/*
 * Listeners and their certificates.
 */
#include "conf/loader.h"
#include "conf/nouns.h"

/* --- listen -------------------------------------------------------------- */

static void *new_listen(struct loader *ld, void *parent, const struct statement *st)
{
	struct snapshot *s = parent;
	unsigned int i = s->n_listens++;
	struct listen_conf *conf = &s->listens[i];
	unsigned int n_certs = statement_count(st->inner, "cert") + 1;

	ld->listen_of[i] = st;
	conf->where = loader_where(ld, &st->at);
	conf->text = "";
	conf->tls.certs = room_alloc(&ld->keep, n_certs * sizeof(*conf->tls.certs));
	return conf;
}

/* Room for one more than the block has was made by open. */
static struct tls_cert_conf *cert_at(struct listen_conf *conf, unsigned int i)
{
	return (struct tls_cert_conf *)&conf->tls.certs[i];
}

static void settle_first_cert(struct loader *ld, struct listen_conf *conf,
			      const struct statement *st, bool has_cert, bool has_key)
{
	struct tls_cert_conf *first = cert_at(conf, 0);

	if (has_cert && !first->key)
		first->key = first->cert;
	if (has_key && !has_cert)
		report_error(&ld->report, &st->at, "key= without cert=");
	if (conf->is_tls && !has_cert && !has_key && !conf->tls.n_certs) {
		report_error(&ld->report, &st->at,
			     "listen with tls lacks a certificate");
		report_hint(&ld->report,
			    "add cert=FILE key=FILE; \"heapgate cert\" makes a "
			    "throw-away pair");
	}
}

static void listen_settle(struct loader *ld, void *self, const struct statement *st,
			  const struct word *const *given)
{
	struct listen_conf *conf = self;
	const struct directive *d = directive_find(BLOCK_TOP, "listen", NULL);
	bool has_cert = given[argument_index(d, "cert")] != NULL;
	bool has_key = given[argument_index(d, "key")] != NULL;

	settle_first_cert(ld, conf, st, has_cert, has_key);
	if (conf->is_tls && !conf->tls.h1 && !conf->tls.h2)
		report_error(&ld->report, &st->at,
			     "listen with h1=off and h2=off serves nobody");
	if (st->has_block && !conf->is_tls) {
		report_error(&ld->report, &st->block_at,
			     "certificates work with tls only");
		report_hint(&ld->report, "listen %s tls { ... }", conf->text);
	}
}

static const void *listen_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i < s->n_listens ? &s->listens[i] : NULL;
}

const struct noun noun_listen = {new_listen, listen_settle, listen_at};

/* --- cert ---------------------------------------------------------------- */

static void *cert_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct listen_conf *conf = parent;
	struct tls_cert_conf *cert;

	/* cert= on the line of listen comes first, even if it was no good. */
	cert = cert_at(conf, conf->tls.n_certs++);
	cert->where = loader_where(ld, &st->at);
	return cert;
}

static void cert_settle(struct loader *ld, void *self, const struct statement *st,
			const struct word *const *given)
{
	struct tls_cert_conf *cert = self;

	(void)ld;
	(void)st;
	(void)given;
	if (!cert->key)
		cert->key = cert->cert;
}

/* A single one is printed as cert= of listen. */
static const void *printed_cert(const void *parent, unsigned int i)
{
	const struct listen_conf *conf = parent;

	return conf->tls.n_certs > 1 && i < conf->tls.n_certs ? &conf->tls.certs[i]
							      : NULL;
}

const struct noun noun_cert = {cert_open, cert_settle, printed_cert};

static bool parse_first_cert(struct value_in *in, void *to)
{
	struct listen_conf *conf = to;
	struct tls_cert_conf *cert = cert_at(conf, 0);

	if (!value_file.parse(in, &cert->cert))
		return false;
	cert->where = conf->where;
	conf->tls.n_certs = 1;
	return true;
}

static bool parse_first_key(struct value_in *in, void *to)
{
	return value_file.parse(in, &cert_at(to, 0)->key);
}

static const char *text_first_cert(const struct argument *arg, const void *from,
				   char *buf)
{
	const struct listen_conf *conf = from;

	(void)arg;
	(void)buf;
	return conf->tls.n_certs == 1 ? conf->tls.certs[0].cert : NULL;
}

static const char *text_first_key(const struct argument *arg, const void *from,
				  char *buf)
{
	const struct listen_conf *conf = from;

	(void)arg;
	(void)buf;
	return conf->tls.n_certs == 1 ? conf->tls.certs[0].key : NULL;
}

const struct value_type value_first_cert = {
	.syntax = "FILE", .parse = parse_first_cert, .text = text_first_cert};
const struct value_type value_first_key = {
	.syntax = "FILE", .parse = parse_first_key, .text = text_first_key};

/* --- where --------------------------------------------------------------- */

static bool parse_listen(struct value_in *in, void *to)
{
	struct listen_conf *conf = to;

	conf->text = room_copy(in->keep, in->text, strlen(in->text));
	return value_addr.parse(in, &conf->addr);
}

static const char *text_listen(const struct argument *arg, const void *from, char *buf)
{
	const struct listen_conf *conf = from;

	(void)arg;
	(void)buf;
	return conf->text;
}

const struct value_type value_listen = {
	.syntax = "ADDR", .parse = parse_listen, .text = text_listen};
