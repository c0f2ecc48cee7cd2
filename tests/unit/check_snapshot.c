/*
 * Whole configs: what is made of them, what is said of those that are wrong.
 */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/directive.h"
#include "conf_try.h"
#include "proxy/forward.h"
#include "runner.h"

/* A bit of everything. */
static const char full[] =
	"allocator jemalloc+debug regions=heap\n"
	"workers 3; user nobody; pid_file /run/h.pid\n"
	"via edge; forwarded trust; tickets rotate=90m\n"
	"metrics 127.0.0.1:9180; admin unix:/run/h.sock\n"
	"log access \"/var/log/a b.log\" format=json\n"
	"log error /var/log/e.log level=debug\n"
	"listen :8443 tls cert=/t.crt key=/t.key h1=off\n"
	"listen [::1]:9443 tls suites=\"A:B\" { cert /a key=/ak; cert /b }\n"
	"listen 127.0.0.1:8080 backlog=9\n"
	"listen unix:/run/h.listen\n"
	"limits { connections 1; body_bytes 3000b; drain_timeout 0 }\n"
	"route host=*.Example.com /a app\n"
	"route / grpc\n"
	"upstream app {\n"
	"	server 127.0.0.1:9001 weight=2\n"
	"	server \"unix:/run/a b\" backup\n"
	"	server app.example:443 tls verify=off\n"
	"	balance least_requests\n"
	"	check GET /h?x=${TRY_NONE:-1} every=5s\n"
	"}\n"
	"upstream grpc { server 127.0.0.1:9101 proto=h2c; "
	"server g.example:443 proto=h2 ca=/ca sni=g }\n"
	"error_page 502 503 \"/e/5 xx.html\"; error_page 502 /e/5.json\n";

static const char with_arms[] =
	"workers 3; experiment { arm a allocator=hybrid,regions=heap weight=90\n"
	"arm b workers=2; assign client_ip; guard rss <= 1.5x of=9; header on }\n" REST;

START_TEST(a_full_config_is_made_of_what_it_says)
{
	struct try t;
	const struct snapshot *s;

	try_text(&t, full);
	ck_assert_str_eq(t.errors, "");
	s = t.s;
	ck_assert_str_eq(s->allocator, "jemalloc+debug,regions=heap");
	ck_assert_uint_eq(s->n_workers, 3);
	ck_assert_str_eq(s->user, "nobody");
	ck_assert_str_eq(s->pid_file, "/run/h.pid");
	ck_assert_str_eq(s->via, "edge");
	ck_assert_int_eq(s->forwarded, FORWARDED_TRUST);
	ck_assert_uint_eq(s->ticket_rotate_ms, 90 * 60 * 1000);
	ck_assert_int_eq(addr_port(&s->metrics), 9180);
	ck_assert_str_eq(s->admin, "/run/h.sock");
	ck_assert_str_eq(s->access.path, "/var/log/a b.log");
	ck_assert_int_eq(s->access.format, ACCESSLOG_JSON);
	ck_assert_str_eq(s->error_path, "/var/log/e.log");
	ck_assert_int_eq(s->error_level, LOG_DEBUG);
	ck_assert_uint_eq(s->n_listens, 4);
	ck_assert_uint_eq(s->n_routes, 2);
	ck_assert_uint_eq(s->n_upstreams, 2);
	ck_assert_uint_eq(s->n_servers, 5);
	try_end(&t);
}
END_TEST

START_TEST(listeners_have_their_certificates)
{
	struct try t;
	const struct listen_conf *l;

	try_text(&t, full);
	ck_assert_ptr_nonnull(t.s);
	l = t.s->listens;
	ck_assert_str_eq(l[0].text, ":8443");
	ck_assert_str_eq(l[0].where, "t.conf:7:1");
	ck_assert(l[0].is_tls && !l[0].tls.h1 && l[0].tls.h2);
	ck_assert_uint_eq(l[0].tls.n_certs, 1);
	ck_assert_str_eq(l[0].tls.certs[0].cert, "/t.crt");
	ck_assert_str_eq(l[0].tls.certs[0].key, "/t.key");
	ck_assert_int_eq(l[0].tls.min_version, 12);
	ck_assert_int_eq(l[0].backlog, 511);
	ck_assert(l[0].tls.release_buffers && l[0].tls.tickets);
	ck_assert_uint_eq(l[1].tls.n_certs, 2);
	ck_assert_str_eq(l[1].tls.certs[1].cert, "/b");
	ck_assert_str_eq(l[1].tls.certs[1].key, "/b");
	ck_assert_str_eq(l[1].tls.certs[1].where, "t.conf:8:55");
	ck_assert_str_eq(l[1].tls.suites, "A:B");
	ck_assert_ptr_null(l[1].tls.ciphers);
	ck_assert(!l[2].is_tls);
	ck_assert_int_eq(l[2].backlog, 9);
	ck_assert_int_eq(l[3].addr.sa.sa_family, AF_UNIX);
	try_end(&t);
}
END_TEST

START_TEST(servers_are_numbered_over_all_upstreams)
{
	struct try t;
	const struct server_conf *app, *grpc;

	try_text(&t, full);
	ck_assert_ptr_nonnull(t.s);
	app = t.s->upstreams[0].servers;
	grpc = t.s->upstreams[1].servers;
	ck_assert_uint_eq(app[0].index, 0);
	ck_assert_uint_eq(app[2].index, 2);
	ck_assert_uint_eq(grpc[1].index, 4);
	ck_assert_str_eq(app[0].where, "t.conf:15:2");
	ck_assert_uint_eq(app[0].weight, 2);
	ck_assert_ptr_null(app[0].host);
	ck_assert_int_eq(app[0].port, 9001);
	ck_assert(app[1].backup);
	ck_assert_str_eq(app[2].host, "app.example");
	ck_assert_int_eq(app[2].port, 443);
	ck_assert_uint_eq(app[2].addr.len, 0);
	ck_assert(app[2].is_tls && app[2].proto == PROTO_H1);
	ck_assert(!app[2].tls.h2 && !app[2].tls.verify);
	ck_assert(!grpc[0].is_tls && grpc[0].proto == PROTO_H2);
	ck_assert(grpc[1].is_tls && grpc[1].tls.h2 && grpc[1].tls.verify);
	ck_assert_str_eq(grpc[1].tls.name, "g");
	ck_assert_str_eq(grpc[1].tls.ca, "/ca");
	ck_assert_str_eq(t.s->upstreams[0].check_path, "/h?x=1");
	ck_assert_uint_eq(t.s->upstreams[0].check_every_ms, 5000);
	ck_assert_ptr_null(t.s->upstreams[1].check_path);
	try_end(&t);
}
END_TEST

START_TEST(routes_are_in_the_table)
{
	struct try t;
	const struct route_conf *r;

	try_text(&t, full);
	ck_assert_ptr_nonnull(t.s);
	r = routes_find(t.s->route_table, STR("x.example.com"), STR("/a/b"));
	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(r->upstream, "app");
	ck_assert_str_eq(r->name, "*.example.com/a");
	ck_assert_uint_eq(r->index, 0);
	r = routes_find(t.s->route_table, STR("y"), STR("/a"));
	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(r->upstream, "grpc");
	try_end(&t);
}
END_TEST

START_TEST(an_experiment_has_arms_and_the_rest_has_one)
{
	struct try t;
	const struct experiment_conf *e;

	try_text(&t, "allocator jemalloc; workers 4\n"
		     "experiment { arm a; arm b allocator=hybrid weight=9 workers=3\n"
		     "arm c allocator=mimalloc weight=0; assign client_ip\n"
		     "guard p99 <= 1.25x; guard error_ratio <= 0.5% breaches=2 of=3\n"
		     "guard rss <= 600m; guard p99 <= 2s }\n" REST);
	ck_assert_str_eq(t.errors, "");
	e = &t.s->experiment;
	ck_assert(e->is_on && !e->header);
	ck_assert_uint_eq(e->n_arms, 3);
	ck_assert_int_eq(e->assign, ASSIGN_CLIENT_IP);
	ck_assert_str_eq(snapshot_arm_allocator(t.s, 0), "jemalloc");
	ck_assert_str_eq(snapshot_arm_allocator(t.s, 1), "hybrid");
	/* 4 over 3 arms, rounded up */
	ck_assert_uint_eq(e->arms[0].workers, 2);
	ck_assert_uint_eq(t.s->n_seats, 2 + 3 + 2);
	ck_assert_uint_eq(snapshot_arm_of(t.s, 1), 0);
	ck_assert_uint_eq(snapshot_arm_of(t.s, 2), 1);
	ck_assert_uint_eq(snapshot_arm_of(t.s, 4), 1);
	ck_assert_uint_eq(snapshot_arm_of(t.s, 6), 2);
	ck_assert_int_eq(e->guards[0].unit, GUARD_TIMES);
	ck_assert_double_eq_tol(e->guards[0].limit, 1.25, 1e-9);
	ck_assert_double_eq_tol(e->guards[1].limit, 0.005, 1e-9);
	ck_assert_uint_eq(e->guards[1].of, 3);
	ck_assert_double_eq_tol(e->guards[2].limit, 600.0 * (1 << 20), 1);
	ck_assert_double_eq_tol(e->guards[3].limit, 2000, 1e-9);
	try_end(&t);
	try_text(&t, "workers 5\n" REST);
	e = &t.s->experiment;
	ck_assert(!e->is_on);
	ck_assert_uint_eq(e->n_arms, 1);
	ck_assert_str_eq(e->arms[0].name, "main");
	ck_assert_uint_eq(t.s->n_seats, 5);
	try_end(&t);
}
END_TEST

START_TEST(an_experiment_that_cannot_work_is_refused)
{
	static const char *const wrong[][2] = {
		{"experiment { arm a }\n" REST, "experiment lacks its arms"},
		{"experiment { arm a weight=0; arm b weight=0 }\n" REST,
		 "no arm has a weight"},
		{"experiment { arm a; arm b }; listen unix:/x\n" REST,
		 "cannot divide the clients of a unix socket"},
		{"experiment { arm a workers=256; arm b workers=256; "
		 "arm c workers=256; arm d workers=256; arm e }\n" REST,
		 "workers; 1024 can be"},
		{"experiment\n" REST, "experiment lacks its block"},
	};
	struct try t;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		try_text(&t, wrong[i][0]);
		ck_assert_ptr_null(t.s);
		ck_assert_msg(strstr(t.errors, wrong[i][1]) != NULL, "%s", t.errors);
		try_end(&t);
	}
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
	struct try t;
	const struct snapshot *s;
	const struct upstream_conf *u;

	try_text(&t, REST);
	ck_assert_str_eq(t.errors, "");
	s = t.s;
	u = &s->upstreams[0];
	ck_assert_str_eq(s->allocator, "system");
	ck_assert_uint_ge(s->n_workers, 1);
	ck_assert_ptr_null(s->user);
	ck_assert_ptr_null(s->pid_file);
	ck_assert_ptr_null(s->admin);
	ck_assert_uint_eq(s->metrics.len, 0);
	ck_assert_ptr_null(s->access.path);
	ck_assert_str_eq(s->error_path, "-");
	ck_assert_int_eq(s->error_level, LOG_NOTICE);
	ck_assert_str_eq(s->via, "heapgate");
	ck_assert_int_eq(s->forwarded, FORWARDED_REPLACE);
	ck_assert_uint_eq(s->ticket_rotate_ms, 3600000);
	ck_assert_uint_eq(s->limits.connections, 20000);
	ck_assert_uint_eq(s->limits.streams, 128);
	ck_assert_uint_eq(s->limits.head.line_bytes, 8192);
	ck_assert_uint_eq(s->limits.head.header_bytes, 32768);
	ck_assert_uint_eq(s->limits.head.n_headers, 100);
	ck_assert_uint_eq(s->limits.body_bytes, 0);
	ck_assert_uint_eq(s->limits.stream_buffer_bytes, 65536);
	ck_assert_uint_eq(s->limits.window_bytes, 1 << 20);
	ck_assert_uint_eq(s->limits.drain_timeout_ms, 30000);
	ck_assert_int_eq(u->balance, BALANCE_ROUND_ROBIN);
	ck_assert_uint_eq(u->connect_timeout_ms, 5000);
	ck_assert_uint_eq(u->response_timeout_ms, 60000);
	ck_assert_uint_eq(u->n_streams, 100);
	ck_assert_uint_eq(u->max_fails, 3);
	ck_assert_uint_eq(u->fail_timeout_ms, 10000);
	ck_assert_uint_eq(u->retries, 1);
	ck_assert_uint_eq(u->servers[0].weight, 1);
	try_end(&t);
}
END_TEST

START_TEST(auto_is_as_many_workers_as_there_are_cpus_for_us)
{
	struct try t;

	try_text(&t, "workers auto\n" REST);
	ck_assert_ptr_nonnull(t.s);
	ck_assert_uint_ge(t.s->n_workers, 1);
	ck_assert_uint_le(t.s->n_workers, (unsigned int)sysconf(_SC_NPROCESSORS_CONF));
	try_end(&t);
}
END_TEST

/* --- print --------------------------------------------------------------- */

static void expect_same_when_printed(const char *text)
{
	struct try a, b;

	try_text(&a, text);
	ck_assert_msg(a.s != NULL, "%s", a.errors);
	try_text(&b, a.printed);
	ck_assert_msg(b.s != NULL, "%s", b.errors);
	ck_assert_str_eq(b.printed, a.printed);
	ck_assert_uint_gt(strlen(a.printed), 300);
	try_end(&a);
	try_end(&b);
}

START_TEST(what_is_printed_reads_back_as_the_same)
{
	expect_same_when_printed(full);
	expect_same_when_printed(REST);
	expect_same_when_printed(with_arms);
	expect_same_when_printed("listen :0; listen :0; upstream \"u\" { server "
				 "\"unix:/a=b{}\\\"$\\$\" }\nroute \"/a=b;\" u\n"
				 "pid_file \"x=${TRY_NONE:-{ \\}#}\"\n");
}
END_TEST

START_TEST(the_effective_config_spells_all_out)
{
	struct try t;

	try_text(&t, "workers 2; listen :8443 tls cert=/a\n"
		     "upstream u { server a:1; server b:2 proto=h2 }\nroute / u");
	ck_assert_str_eq(t.errors, "");
	ck_assert_ptr_nonnull(
		strstr(t.printed,
		       "allocator system\nworkers 2\nvia heapgate\nforwarded replace\n"
		       "tickets rotate=1h\nlog error - level=notice\n"
		       "listen :8443 tls cert=/a key=/a backlog=511 min_version=1.2 "
		       "h1=on h2=on tickets=on release_buffers=on\n"
		       "limits {\n\tconnections 20000\n\tclient_connections 5000\n"
		       "\tstreams 128\n"));
	ck_assert_ptr_nonnull(strstr(t.printed,
				     "upstream u {\n\tserver a:1 weight=1 proto=h1\n"
				     "\tserver b:2 weight=1 proto=h2 tls verify=on\n"
				     "\tbalance round_robin\n\tconnect_timeout 5s\n"));
	ck_assert_ptr_nonnull(strstr(t.printed, "}\nroute / u\n"));
	try_end(&t);
}
END_TEST

START_TEST(relative_paths_start_from_the_folder_of_their_file)
{
	struct try t;

	try_dir_new();
	try_write("h.conf", REST "pid_file h.pid; log access -\n"
				 "listen :443 tls cert=c/a.crt key=/k\n");
	try_file(&t, try_path("h.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_str_eq(t.s->pid_file, try_path("h.pid"));
	ck_assert_str_eq(t.s->access.path, "-");
	ck_assert_str_eq(t.s->listens[1].tls.certs[0].cert, try_path("c/a.crt"));
	ck_assert_str_eq(t.s->listens[1].tls.certs[0].key, "/k");
	try_end(&t);
	ck_assert_int_eq(chdir(try_dir), 0);
	try_file(&t, "h.conf");
	ck_assert_str_eq(t.errors, "");
	ck_assert_str_eq(t.s->pid_file, try_path("h.pid"));
	ck_assert_str_eq(t.s->listens[0].where, "h.conf:1:1");
	try_end(&t);
	ck_assert_int_eq(chdir("/"), 0);
	try_dir_free();
}
END_TEST

START_TEST(directives_know_where_they_stand)
{
	struct try t;

	try_text(&t, "  metrics :1\n" REST "log error -");
	ck_assert_str_eq(t.errors, "");
	ck_assert_str_eq(snapshot_where(t.s, "metrics"), "t.conf:1:3");
	ck_assert_str_eq(snapshot_where(t.s, "log error"), "t.conf:5:1");
	ck_assert_str_eq(snapshot_where(t.s, "log access"), "t.conf");
	ck_assert_str_eq(snapshot_where(t.s, "allocator"), "t.conf");
	try_end(&t);
}
END_TEST

/* --- errors -------------------------------------------------------------- */

static void expect_errors(const char *text, const char *errors)
{
	struct try t;

	try_text(&t, text);
	ck_assert_ptr_null(t.s);
	ck_assert_str_eq(t.errors, errors);
}

START_TEST(an_error_has_its_line_a_caret_and_a_hint)
{
	expect_errors("listen :80\nroute / app\nupstream \"app\" {\n"
		      "    serevr 127.0.0.1:9001\n"
		      "\tserver 127.0.0.1:9001 weight=0\n"
		      "    idle_timeout 10\n}\n",
		      "t.conf:4:5: error: unknown directive \"serevr\" in upstream "
		      "\"app\"; did you mean \"server\"?\n"
		      "    4 |     serevr 127.0.0.1:9001\n"
		      "      |     ^~~~~~\n"
		      "t.conf:5:31: error: server weight=: 0 is out of range: it goes "
		      "from 1 to 1000\n"
		      "    5 | \tserver 127.0.0.1:9001 weight=0\n"
		      "      | \t                             ^\n"
		      "t.conf:6:18: error: idle_timeout: \"10\" has no unit\n"
		      "    6 |     idle_timeout 10\n"
		      "      |                  ^~\n"
		      "      hint: write 10ms, 10s, 10m or 10h\n");
}
END_TEST

START_TEST(an_empty_config_lacks_three_things)
{
	expect_errors("# nothing\n",
		      "t.conf: error: there is no listen\n"
		      "      hint: listen 127.0.0.1:8080\n"
		      "t.conf: error: there is no upstream\n"
		      "      hint: upstream app { server 127.0.0.1:9001 }\n"
		      "t.conf: error: there is no route\n"
		      "      hint: route / app\n");
}
END_TEST

START_TEST(what_an_unknown_word_may_hide_is_not_an_error)
{
	expect_errors("listne :80\nroute / app\nupstraem app { server a:1 }\n",
		      "t.conf:1:1: error: unknown directive \"listne\"; did you mean "
		      "\"listen\"?\n"
		      "    1 | listne :80\n"
		      "      | ^~~~~~\n"
		      "t.conf:3:1: error: unknown directive \"upstraem\"; did you mean "
		      "\"upstream\"?\n"
		      "    3 | upstraem app { server a:1 }\n"
		      "      | ^~~~~~~~\n");
}
END_TEST

START_TEST(a_word_that_is_near_none_gets_the_whole_list)
{
	expect_errors(REST "frobnicate 3\nupstream v { server a:1; xyzzy }\n",
		      "t.conf:4:1: error: unknown directive \"frobnicate\"\n"
		      "    4 | frobnicate 3\n"
		      "      | ^~~~~~~~~~\n"
		      "      hint: the top level takes allocator, workers, user, "
		      "pid_file, via, forwarded, tickets, metrics, admin, log, listen, "
		      "limits, upstream, route, error_page, experiment\n"
		      "t.conf:5:26: error: unknown directive \"xyzzy\" in upstream "
		      "\"v\"\n"
		      "    5 | upstream v { server a:1; xyzzy }\n"
		      "      |                          ^~~~~\n"
		      "      hint: upstream \"v\" takes server, balance, "
		      "connect_timeout, response_timeout, idle_timeout, idle, streams, "
		      "max_fails, fail_timeout, retries, check\n");
}
END_TEST

START_TEST(a_directive_in_the_wrong_block_is_sent_to_the_right_one)
{
	expect_errors(REST "server a:1\nlimits { listen :90 }\n",
		      "t.conf:4:1: error: \"server\" belongs into the block of "
		      "upstream\n"
		      "    4 | server a:1\n"
		      "      | ^~~~~~\n"
		      "t.conf:5:10: error: \"listen\" belongs to the top level, not "
		      "into limits\n"
		      "    5 | limits { listen :90 }\n"
		      "      |          ^~~~~~\n");
}
END_TEST

START_TEST(what_may_stand_once_says_where_it_stood_first)
{
	expect_errors(REST "via a; via b\nlisten :1 backlog=1 backlog=2\n"
			   "upstream u { server a:1 }\n",
		      "t.conf:4:8: error: via is given twice\n"
		      "    4 | via a; via b\n"
		      "      |        ^~~\n"
		      "t.conf:4:1: note: here first\n"
		      "    4 | via a; via b\n"
		      "      | ^~~\n"
		      "t.conf:5:21: error: \"backlog=\" is given twice\n"
		      "    5 | listen :1 backlog=1 backlog=2\n"
		      "      |                     ^~~~~~~~~\n"
		      "t.conf:6:10: error: upstream \"u\" is there twice\n"
		      "    6 | upstream u { server a:1 }\n"
		      "      |          ^\n"
		      "t.conf:2:1: note: here first\n"
		      "    2 | upstream u { server 127.0.0.1:9001 }\n"
		      "      | ^~~~~~~~\n");
}
END_TEST

START_TEST(equal_routes_are_errors_with_both_lines)
{
	expect_errors(REST "route host=A / u\nroute / u; route host=a / u\n",
		      "t.conf:5:1: error: another route has the same host and prefix\n"
		      "    5 | route / u; route host=a / u\n"
		      "      | ^~~~~\n"
		      "t.conf:3:1: note: here first\n"
		      "    3 | route / u\n"
		      "      | ^~~~~\n"
		      "t.conf:5:12: error: another route has the same host and prefix\n"
		      "    5 | route / u; route host=a / u\n"
		      "      |            ^~~~~\n"
		      "t.conf:4:1: note: here first\n"
		      "    4 | route host=A / u\n"
		      "      | ^~~~~\n");
}
END_TEST

START_TEST(a_route_to_nowhere_names_the_nearest_upstream)
{
	expect_errors("listen :80\nupstream app { server a:1 }\nroute / apq\n"
		      "route /app zzzz\n",
		      "t.conf:3:9: error: route to unknown upstream \"apq\"; did you "
		      "mean \"app\"?\n"
		      "    3 | route / apq\n"
		      "      |         ^~~\n"
		      "t.conf:4:12: error: route to unknown upstream \"zzzz\"\n"
		      "    4 | route /app zzzz\n"
		      "      |            ^~~~\n"
		      "      hint: upstream zzzz { server 127.0.0.1:9001 }\n");
}
END_TEST

START_TEST(two_cannot_listen_on_one_address)
{
	expect_errors(REST "listen 127.0.0.1:8080\nmetrics 127.0.0.1:8080\n"
			   "listen unix:/a; admin unix:/a; listen :0; listen :0\n",
		      "t.conf:4:8: error: 127.0.0.1:8080 is listened on twice\n"
		      "    4 | listen 127.0.0.1:8080\n"
		      "      |        ^~~~~~~~~~~~~~\n"
		      "t.conf:1:1: note: here first\n"
		      "    1 | listen 127.0.0.1:8080\n"
		      "      | ^~~~~~\n"
		      "t.conf:5:9: error: 127.0.0.1:8080 is listened on twice\n"
		      "    5 | metrics 127.0.0.1:8080\n"
		      "      |         ^~~~~~~~~~~~~~\n"
		      "t.conf:1:1: note: here first\n"
		      "    1 | listen 127.0.0.1:8080\n"
		      "      | ^~~~~~\n"
		      "t.conf:6:23: error: unix:/a is listened on twice\n"
		      "    6 | listen unix:/a; admin unix:/a; listen :0; listen :0\n"
		      "      |                       ^~~~~~~\n"
		      "t.conf:6:1: note: here first\n"
		      "    6 | listen unix:/a; admin unix:/a; listen :0; listen :0\n"
		      "      | ^~~~~~\n");
}
END_TEST

START_TEST(broken_form_is_reported_and_the_rest_still_read)
{
	expect_errors("listen :80 \"x\n{ a }\nlisten foo\n}\nroute / u\n"
		      "upstream u { server a:1 \"; via \"\n",
		      "t.conf:1:12: error: string without a closing quote\n"
		      "    1 | listen :80 \"x\n"
		      "      |            ^\n"
		      "t.conf:2:1: error: \"{\" without a directive before it\n"
		      "    2 | { a }\n"
		      "      | ^\n"
		      "      hint: a block starts on the line of its directive\n"
		      "t.conf:4:1: error: \"}\" closes nothing\n"
		      "    4 | }\n"
		      "      | ^\n"
		      "t.conf:6:12: error: \"{\" is never closed by a \"}\"\n"
		      "    6 | upstream u { server a:1 \"; via \"\n"
		      "      |            ^\n"
		      "t.conf:3:8: error: listen: \"foo\" is not an address\n"
		      "    3 | listen foo\n"
		      "      |        ^~~\n"
		      "      hint: an address is 127.0.0.1:80, [::1]:80, :80 or "
		      "unix:/path\n"
		      "t.conf:6:25: error: unknown word \"; via \" of server\n"
		      "    6 | upstream u { server a:1 \"; via \"\n"
		      "      |                         ^~~~~~~~\n"
		      "      hint: usage: server ADDR|HOST:PORT [weight=N] "
		      "[proto=h1|h2c|h2] [tls] [verify=on|off] [ca=FILE] [sni=HOST] "
		      "[backup]\n");
}
END_TEST

START_TEST(twenty_errors_are_shown_and_no_more)
{
	char text[2048] = REST;
	struct try t;
	unsigned int n = 0;

	for (int i = 0; i < 30; i++)
		strcat(text, "qqqqq 1\n");
	try_text(&t, text);
	ck_assert_ptr_null(t.s);
	for (const char *p = t.errors; (p = strstr(p, ": error: ")); p++)
		n++;
	ck_assert_uint_eq(n, 20);
	ck_assert_ptr_nonnull(
		strstr(t.errors, "\nmore than 20 errors; the rest is not shown\n"));
	ck_assert_ptr_null(strstr(strstr(t.errors, "more than 20") + 1, "more than"));
	try_end(&t);
}
END_TEST

START_TEST(of_a_long_line_only_a_part_is_shown)
{
	char text[1024] = REST, *end;
	struct try t;

	strcat(text, "via");
	end = text + strlen(text);
	memset(end, ' ', 400);
	strcpy(end + 400, "\"a b\" # tail");
	try_text(&t, text);
	ck_assert_ptr_null(t.s);
	for (char *line = strtok(t.errors, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 120);
	try_end(&t);
	try_text(&t, text);
	ck_assert_ptr_nonnull(strstr(t.errors, "\"a b\" # tail\n"));
	try_end(&t);
}
END_TEST

START_TEST(what_speaks_to_a_terminal_is_not_shown)
{
	struct try t;

	try_text(&t, REST "via \x1b[2J\n");
	ck_assert_ptr_null(t.s);
	ck_assert_ptr_null(strchr(t.errors, '\x1b'));
	ck_assert_ptr_nonnull(strstr(t.errors, "    4 | via ?[2J\n"));
	try_end(&t);
}
END_TEST

START_TEST(blocks_end_at_a_depth)
{
	char text[4096] = "";
	struct try t;

	for (int i = 0; i < 500; i++)
		strcat(text, "a { ");
	try_text(&t, text);
	ck_assert_ptr_nonnull(strstr(t.errors, "blocks nested more than 16 deep"));
	try_end(&t);
}
END_TEST

/* What snapshot_try() says of the file. */
static bool lacks_allocator(const char *text)
{
	char said[2048] = "";
	FILE *report = fmemopen(said, sizeof(said), "w");
	bool lacks = true;
	struct snapshot *s;

	try_write("h.conf", text);
	s = snapshot_try(try_path("h.conf"), report, &lacks);
	fclose(report);
	ck_assert(!s == (said[0] != '\0'));
	snapshot_free(&s);
	return lacks;
}

START_TEST(an_allocator_that_does_not_exist_is_told_from_other_errors)
{
	try_dir_new();
	ck_assert(lacks_allocator("allocator nosuch\n" REST));
	ck_assert(lacks_allocator("allocator nosuch+debug regions=heap\n" REST));
	ck_assert(!lacks_allocator("allocator nosuch\nvia \"a b\"\n" REST));
	ck_assert(!lacks_allocator("allocator system+nosuch\n" REST));
	ck_assert(!lacks_allocator("allocator system nosuch=1\n" REST));
	ck_assert(!lacks_allocator("allocator /nowhere.so nosuch=1\n" REST));
	ck_assert(!lacks_allocator("allocator system\n" REST));
	ck_assert(!lacks_allocator("via \"a b\"\n" REST));
	try_dir_free();
}
END_TEST

/* --- memory -------------------------------------------------------------- */

START_TEST(a_snapshot_gives_all_its_memory_back)
{
	uint64_t before = mem_live(mem_counters(), MEM_BOOT);
	struct try t;

	try_text(&t, full);
	ck_assert_uint_gt(mem_live(mem_counters(), MEM_BOOT), before);
	try_end(&t);
	ck_assert_ptr_null(t.s);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_BOOT), before);
	try_text(&t, "listen\nroute x\ninclude none\nupstream {");
	try_end(&t);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_BOOT), before);
}
END_TEST

/* More than it takes; the last of them must see it through. */
#define N_FAILURES 400

static uint64_t count_failures(void)
{
	uint64_t n = 0;

	for (int tag = 0; tag < MEM_N_TAGS; tag++)
		n += mem_counters()->tag[tag].failures;
	return n;
}

/* The nth allocation fails; a test is a process, so each n has its own. */
START_TEST(without_memory_there_is_a_clear_error_and_nothing_left)
{
	char spec[64], err[256], text[4096], want[512];
	struct try t;

	try_dir_new();
	try_write("a.conf", "include b*.conf\n");
	try_write("b.conf", "upstream more { server a:1 }\n");
	snprintf(text, sizeof(text), "include %s/a*.conf\n%s", try_dir, full);
	try_write("main.conf", text);
	snprintf(spec, sizeof(spec), "system+fail=%d,regions=heap", _i + 1);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	try_file(&t, try_path("main.conf"));
	if (count_failures()) {
		snprintf(want, sizeof(want), "%s/main.conf: error: out of memory\n",
			 try_dir);
		ck_assert_ptr_null(t.s);
		ck_assert_str_eq(t.errors, want);
		ck_assert_int_lt(_i, N_FAILURES - 1);
	} else {
		ck_assert_str_eq(t.errors, "");
		ck_assert_int_gt(_i, 100);
	}
	try_end(&t);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_BOOT), 0);
	try_dir_free();
}
END_TEST

/* --- proxy --------------------------------------------------------------- */

static void proxy_text(const struct proxy_args *args, struct try *t)
{
	char text[2048];
	FILE *to = fmemopen(text, sizeof(text), "w");

	snapshot_proxy_text(args, to);
	fclose(to);
	try_text(t, text);
}

START_TEST(proxy_without_a_certificate_is_cleartext)
{
	static const char *const to[] = {"127.0.0.1:9001", "h2c://localhost:2"};
	struct try t;

	proxy_text(&(struct proxy_args){.from = ":8080", .to = to, .n_to = 2}, &t);
	ck_assert_str_eq(t.errors, "");
	ck_assert(!t.s->listens[0].is_tls);
	ck_assert_str_eq(t.s->listens[0].text, ":8080");
	ck_assert_uint_eq(t.s->n_servers, 2);
	ck_assert_str_eq(t.s->upstreams[0].servers[0].text, "127.0.0.1:9001");
	ck_assert_str_eq(t.s->upstreams[0].servers[1].host, "localhost");
	ck_assert_int_eq(t.s->upstreams[0].servers[1].proto, PROTO_H2);
	ck_assert_str_eq(t.s->allocator, "system");
	try_end(&t);
}
END_TEST

START_TEST(proxy_with_a_certificate_is_tls)
{
	static const char *const to[] = {"https://a.example:443"};
	struct try t;

	proxy_text(&(struct proxy_args){.from = ":8443",
					.to = to,
					.n_to = 1,
					.allocator = "mimalloc,regions=heap",
					.cert = "a b.crt",
					.key = "k=1",
					.workers = "2",
					.metrics = "127.0.0.1:9180",
					.access_log = "-"},
		   &t);
	ck_assert_str_eq(t.errors, "");
	ck_assert(t.s->listens[0].is_tls);
	ck_assert_str_eq(t.s->listens[0].tls.certs[0].cert, "a b.crt");
	ck_assert_str_eq(t.s->listens[0].tls.certs[0].key, "k=1");
	ck_assert_str_eq(t.s->allocator, "mimalloc,regions=heap");
	ck_assert_uint_eq(t.s->n_workers, 2);
	ck_assert_int_eq(addr_port(&t.s->metrics), 9180);
	ck_assert_str_eq(t.s->access.path, "-");
	ck_assert(t.s->upstreams[0].servers[0].is_tls);
	try_end(&t);
}
END_TEST

START_TEST(proxy_arguments_cannot_say_more_than_one_word)
{
	static const char *const to[] = {"a:1 backup; via x"};
	struct try t;

	proxy_text(&(struct proxy_args){.from = ":1 tls", .to = to, .n_to = 1}, &t);
	ck_assert_ptr_null(t.s);
	ck_assert_ptr_nonnull(strstr(t.errors, "\":1 tls\" is not an address"));
	ck_assert_ptr_nonnull(strstr(t.errors, "\"a:1 backup; via x\" has a port"));
	try_end(&t);
}
END_TEST

/* --- this host ----------------------------------------------------------- */

static unsigned int check_host(struct try *t)
{
	FILE *report = fmemopen(t->errors, sizeof(t->errors), "w");
	unsigned int n;

	t->errors[0] = '\0';
	n = snapshot_check_host(t->s, report);
	fclose(report);
	return n;
}

static void make_cert(const char *cert, const char *key)
{
	char cert_path[320], key_path[320], err[256];

	snprintf(cert_path, sizeof(cert_path), "%s", try_path(cert));
	snprintf(key_path, sizeof(key_path), "%s", try_path(key));
	ck_assert_msg(
		tls_make_cert(cert_path, key_path, "localhost", err, sizeof(err)) == 0,
		"%s", err);
}

START_TEST(a_good_certificate_and_key_are_fine)
{
	struct try t;

	try_dir_new();
	make_cert("a.crt", "a.key");
	try_write("h.conf", REST "listen :443 tls cert=a.crt key=a.key\n"
				 "upstream v { server a:1 tls ca=a.crt }\n");
	try_file(&t, try_path("h.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_msg(check_host(&t) == 0, "%s", t.errors);
	ck_assert_str_eq(t.errors, "");
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(each_bad_certificate_is_an_error_on_its_line)
{
	struct try t;

	try_dir_new();
	make_cert("a.crt", "a.key");
	make_cert("b.crt", "b.key");
	try_write("junk", "junk\n");
	try_write("h.conf", REST "listen :1 tls { \n"
				 "cert a.crt key=a.key\n"
				 "cert none.crt key=none.key\n"
				 "cert a.crt key=b.key\n"
				 "cert junk key=a.key\n"
				 "cert a.crt\n}\n"
				 "upstream v { server a:1 tls ca=none.ca\n"
				 "server a:1 tls ca=junk }\nuser no-such-user\n");
	try_file(&t, try_path("h.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_uint_eq(check_host(&t), 8);
	for (int line = 6; line <= 12; line++) {
		char want[512];

		if (line == 10)
			continue;
		snprintf(want, sizeof(want), "%s/h.conf:%d:", try_dir, line);
		ck_assert_msg(strstr(t.errors, want) != NULL, "no %s in\n%s", want,
			      t.errors);
	}
	ck_assert_ptr_null(strstr(t.errors, "h.conf:5:"));
	ck_assert_ptr_nonnull(strstr(t.errors, "none.crt: No such file or directory"));
	ck_assert_ptr_nonnull(strstr(t.errors, "there is no user \"no-such-user\""));
	ck_assert_ptr_nonnull(strstr(t.errors, "hint: without key="));
	try_end(&t);
	try_dir_free();
}
END_TEST

/* --- docs and example ---------------------------------------------------- */

/* Unit tests run in the top folder, or know it. */
static const char *top_path(const char *name)
{
	static char path[512];
	const char *top = getenv("TOP");

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	return path;
}

START_TEST(the_example_parses_and_names_every_directive)
{
	static char text[16384];
	struct try t;
	FILE *f = fopen(top_path("examples/heapgate.conf"), "r");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	try_file(&t, top_path("examples/heapgate.conf"));
	ck_assert_str_eq(t.errors, "");
	try_end(&t);
	for (const struct directive *d = directives; d->name; d++) {
		char word[64];

		snprintf(word, sizeof(word), "%s ", d->name);
		ck_assert_msg(strstr(text, word) != NULL, "%s is not in it", d->name);
	}
}
END_TEST

START_TEST(the_docs_name_every_directive_and_argument)
{
	static char docs[128 * 1024];
	FILE *to = fmemopen(docs, sizeof(docs), "w");
	char *example, *end;
	struct try t;

	snapshot_print_docs(to);
	fclose(to);
	for (const struct directive *d = directives; d->name; d++)
		ck_assert_msg(strstr(docs, d->help) != NULL, "%s", d->name);
	ck_assert_ptr_nonnull(strstr(docs, "\n### log access\n"));
	ck_assert_ptr_nonnull(strstr(docs, "\n#### idle_timeout (upstream)\n"));
	ck_assert_ptr_nonnull(strstr(docs, "| `weight=` | 1 to 1000 | `1` |"));
	example = strstr(docs, "\n```\n") + 5;
	end = strstr(example, "```");
	*end = '\0';
	try_text(&t, example);
	ck_assert_str_eq(t.errors, "");
	try_end(&t);
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, choose_system, NULL);
	suite_add_tcase(s, t);
	return t;
}

static void add_good(Suite *s)
{
	TCase *t = add_case(s, "good");

	tcase_add_test(t, a_full_config_is_made_of_what_it_says);
	tcase_add_test(t, listeners_have_their_certificates);
	tcase_add_test(t, servers_are_numbered_over_all_upstreams);
	tcase_add_test(t, routes_are_in_the_table);
	tcase_add_test(t, what_is_left_out_has_its_default);
	tcase_add_test(t, an_experiment_has_arms_and_the_rest_has_one);
	tcase_add_test(t, an_experiment_that_cannot_work_is_refused);
	tcase_add_test(t, auto_is_as_many_workers_as_there_are_cpus_for_us);
	tcase_add_test(t, what_is_printed_reads_back_as_the_same);
	tcase_add_test(t, the_effective_config_spells_all_out);
	tcase_add_test(t, relative_paths_start_from_the_folder_of_their_file);
	tcase_add_test(t, directives_know_where_they_stand);
	tcase_add_test(t, proxy_without_a_certificate_is_cleartext);
	tcase_add_test(t, proxy_with_a_certificate_is_tls);
	tcase_add_test(t, proxy_arguments_cannot_say_more_than_one_word);
	tcase_add_test(t, a_good_certificate_and_key_are_fine);
	tcase_add_test(t, each_bad_certificate_is_an_error_on_its_line);
	tcase_add_test(t, the_example_parses_and_names_every_directive);
	tcase_add_test(t, the_docs_name_every_directive_and_argument);
	tcase_add_test(t, a_snapshot_gives_all_its_memory_back);
}

static void add_wrong(Suite *s)
{
	TCase *t = add_case(s, "wrong");
	TCase *oom = tcase_create("no memory");

	tcase_add_test(t, an_error_has_its_line_a_caret_and_a_hint);
	tcase_add_test(t, an_empty_config_lacks_three_things);
	tcase_add_test(t, what_an_unknown_word_may_hide_is_not_an_error);
	tcase_add_test(t, a_word_that_is_near_none_gets_the_whole_list);
	tcase_add_test(t, a_directive_in_the_wrong_block_is_sent_to_the_right_one);
	tcase_add_test(t, what_may_stand_once_says_where_it_stood_first);
	tcase_add_test(t, equal_routes_are_errors_with_both_lines);
	tcase_add_test(t, a_route_to_nowhere_names_the_nearest_upstream);
	tcase_add_test(t, two_cannot_listen_on_one_address);
	tcase_add_test(t, broken_form_is_reported_and_the_rest_still_read);
	tcase_add_test(t, twenty_errors_are_shown_and_no_more);
	tcase_add_test(t, of_a_long_line_only_a_part_is_shown);
	tcase_add_test(t, what_speaks_to_a_terminal_is_not_shown);
	tcase_add_test(t, blocks_end_at_a_depth);
	tcase_add_test(t, an_allocator_that_does_not_exist_is_told_from_other_errors);
	tcase_add_loop_test(oom, without_memory_there_is_a_clear_error_and_nothing_left,
			    0, N_FAILURES);
	suite_add_tcase(s, oom);
}

int main(void)
{
	Suite *s = suite_create("snapshot");

	add_good(s);
	add_wrong(s);
	return run_suite(s);
}
