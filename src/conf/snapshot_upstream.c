/*
 * Upstreams and their servers; the limits towards clients.
 */
#include "conf/loader.h"
#include "conf/nouns.h"

/* --- upstream ------------------------------------------------------------ */

static void *upstream_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct snapshot *s = parent;
	unsigned int i = s->n_upstreams++;
	struct upstream_conf *conf = &s->upstreams[i];
	unsigned int n_servers = statement_count(st->inner, "server");

	ld->upstream_of[i] = st;
	conf->name = "";
	conf->servers = room_alloc(&ld->keep, n_servers * sizeof(*conf->servers));
	return conf;
}

static void upstream_settle(struct loader *ld, void *self, const struct statement *st,
			    const struct word *const *given)
{
	struct upstream_conf *conf = self;
	struct snapshot *s = ld->s;

	if (st->has_block && !conf->n_servers && !ld->report.blind) {
		report_error(&ld->report, &st->at, "upstream \"%s\" has no server",
			     conf->name);
		report_hint(&ld->report, "upstream %s { server 127.0.0.1:9001 }",
			    conf->name);
	}
	for (unsigned int i = 0; given[0] && &s->upstreams[i] != conf; i++) {
		if (strcmp(s->upstreams[i].name, conf->name) != 0 || !*conf->name)
			continue;
		report_error(&ld->report, &given[0]->at,
			     "upstream \"%s\" is there twice", conf->name);
		report_note(&ld->report, &ld->upstream_of[i]->at, "here first");
		return;
	}
}

static const void *upstream_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i < s->n_upstreams ? &s->upstreams[i] : NULL;
}

const struct noun noun_upstream = {upstream_open, upstream_settle, upstream_at};

/* --- server -------------------------------------------------------------- */

static void *server_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct upstream_conf *up = parent;
	struct server_conf *conf = &up->servers[up->n_servers++];

	conf->index = ld->s->n_servers++;
	conf->where = loader_where(ld, &st->at);
	conf->text = "";
	return conf;
}

/* A name to check must come from somewhere. */
static bool lacks_name(const struct server_conf *conf)
{
	return conf->is_tls && conf->tls.verify && !conf->tls.name && conf->addr.len &&
	       conf->addr.sa.sa_family == AF_UNIX;
}

static void server_settle(struct loader *ld, void *self, const struct statement *st,
			  const struct word *const *given)
{
	struct server_conf *conf = self;
	const struct directive *d = directive_find(BLOCK_UPSTREAM, "server", NULL);
	const struct word *proto = given[argument_index(d, "proto")];
	const struct word *flag = given[argument_index(d, "tls")];

	if (proto && flag && strcmp(proto->text, "h2c") == 0) {
		report_error(&ld->report, &proto->at,
			     "proto=h2c is HTTP/2 without TLS, but tls was asked for");
		report_hint(&ld->report, "proto=h2 is HTTP/2 over TLS");
	}
	conf->tls.h2 = conf->is_tls && conf->proto == PROTO_H2;
	if (lacks_name(conf)) {
		report_error(&ld->report, &st->at,
			     "server %s has no name that its certificate could have",
			     conf->text);
		report_hint(&ld->report, "add sni=NAME, or verify=off");
	}
}

static const void *server_at(const void *parent, unsigned int i)
{
	const struct upstream_conf *up = parent;

	return i < up->n_servers ? &up->servers[i] : NULL;
}

const struct noun noun_server = {server_open, server_settle, server_at};

static bool refuse_server(struct value_in *in, const char *why)
{
	value_refuse(in, "\"%.100s\" %s", in->text, why);
	return value_hint(in, "a server is 127.0.0.1:80, [::1]:80, HOST:80 or "
			      "unix:/path");
}

static bool is_any(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == INADDR_ANY;
	return a->sa.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static bool parse_server_addr(struct value_in *in, const struct server_conf *conf)
{
	if (conf->addr.sa.sa_family == AF_UNIX)
		return true;
	if (is_any(&conf->addr))
		return refuse_server(in, "does not say on which host");
	if (!conf->port)
		return refuse_server(in, "lacks a port");
	return true;
}

static bool parse_server_name(struct value_in *in, struct server_conf *conf)
{
	const char *colon = strrchr(in->text, ':');
	uint64_t port;

	if (!colon)
		return refuse_server(in, "lacks a port");
	if (!str_u64(str_z(colon + 1), &port) || port < 1 || port > 65535)
		return refuse_server(in, "has a port that is not one of 1 to 65535");
	conf->host = room_copy(in->keep, in->text, (size_t)(colon - in->text));
	conf->port = (int)port;
	if (!value_is_made_of(conf->host, "-._", 253))
		return refuse_server(in, "is neither an address nor a host");
	return true;
}

static bool parse_server(struct value_in *in, void *to)
{
	struct server_conf *conf = to;

	conf->text = room_copy(in->keep, in->text, strlen(in->text));
	if (!addr_parse(&conf->addr, in->text)) {
		conf->addr.len = 0;
		return parse_server_name(in, conf);
	}
	conf->port = addr_port(&conf->addr);
	return parse_server_addr(in, conf);
}

static const char *text_server(const struct argument *arg, const void *from, char *buf)
{
	const struct server_conf *conf = from;

	(void)arg;
	(void)buf;
	return conf->text;
}

const struct value_type value_server = {
	.syntax = "ADDR|HOST:PORT", .parse = parse_server, .text = text_server};

static const char *const protos[] = {"h1", "h2c", "h2", NULL};

static bool parse_proto(struct value_in *in, void *to)
{
	struct server_conf *conf = to;
	const char *near = nearest_word(in->text, protos);

	if (strcmp(in->text, "h1") == 0) {
		conf->proto = PROTO_H1;
		return true;
	}
	if (strcmp(in->text, "h2") == 0 || strcmp(in->text, "h2c") == 0) {
		conf->proto = PROTO_H2;
		conf->is_tls |= in->text[2] == '\0';
		return true;
	}
	value_refuse(in, "unknown protocol \"%s\"%s%s%s", in->text,
		     near ? "; did you mean \"" : "", near ? near : "",
		     near ? "\"?" : "");
	return value_hint(in, "h1, h2c (HTTP/2 without TLS) or h2 (HTTP/2 over TLS)");
}

static const char *text_proto(const struct argument *arg, const void *from, char *buf)
{
	const struct server_conf *conf = from;

	(void)arg;
	(void)buf;
	if (conf->proto == PROTO_H1)
		return "h1";
	return conf->is_tls ? "h2" : "h2c";
}

const struct value_type value_proto = {
	.syntax = "h1|h2c|h2", .parse = parse_proto, .text = text_proto};

/* --- limits -------------------------------------------------------------- */

static void *limits_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct snapshot *s = parent;

	(void)ld;
	(void)st;
	return &s->limits;
}

static const struct statement *find_in(const struct statement *st, const char *name)
{
	for (st = st->inner; st; st = st->next)
		if (strcmp(st->words->text, name) == 0)
			return st;
	return NULL;
}

/* A line is part of the head. */
static void limits_settle(struct loader *ld, void *self, const struct statement *st,
			  const struct word *const *given)
{
	struct limits_conf *conf = self;
	const struct statement *line = find_in(st, "line_bytes");

	(void)given;
	if (conf->head.line_bytes <= conf->head.header_bytes)
		return;
	if (line)
		report_error(&ld->report, &line->at,
			     "line_bytes is more than header_bytes, of which the line "
			     "is part");
	conf->head.line_bytes = conf->head.header_bytes;
}

static const void *limits_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i == 0 ? &s->limits : NULL;
}

const struct noun noun_limits = {limits_open, limits_settle, limits_at};
