#include "server/dashboard.h"

#include "base/clock.h"
#include "base/text.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "server/assets.h"
#include "server/dashboard_json.h"
#include "server/dashboard_page.h"
#include "server/overview.h"
#include "server/supervisor.h"

/* The first sample comes once workers had the time to start. */
#define FIRST_MS 1000

struct dashboard {
	struct supervisor *s;
	struct history history;
	struct timer timer;
};

/* --- samples ------------------------------------------------------------- */

static void sample_cb(struct timer *t)
{
	struct dashboard *d = container_of(t, struct dashboard, timer);
	struct metrics_view v = {.arms = NULL};

	if (overview_fill(d->s, &v, false) == 0)
		history_sample(&d->history, &v, clock_mono_us(), clock_wall_us());
	timer_set(&d->s->loop, t, HISTORY_EVERY_MS);
}

struct dashboard *dashboard_new(struct supervisor *s)
{
	struct dashboard *d = mem_zalloc(MEM_WORKER, 1, sizeof(*d));

	if (!d)
		return NULL;
	d->s = s;
	history_init(&d->history);
	timer_init(&d->timer, sample_cb);
	timer_set(&s->loop, &d->timer, FIRST_MS);
	return d;
}

void dashboard_stop(struct dashboard *d)
{
	timer_stop(&d->s->loop, &d->timer);
}

void dashboard_free(struct dashboard **d)
{
	if (!*d)
		return;
	dashboard_stop(*d);
	history_fini(&(*d)->history);
	mem_free(MEM_WORKER, *d);
	*d = NULL;
}

/* --- answers ------------------------------------------------------------- */

/* Nothing from elsewhere, nothing inline, in nobody's frame. */
static const struct reply_field guards[] = {
	{STR("content-security-policy"),
	 STR("default-src 'none'; script-src 'self'; style-src 'self'; "
	     "connect-src 'self'; img-src data:; base-uri 'none'; "
	     "form-action 'none'; frame-ancestors 'none'")},
	{STR("x-content-type-options"), STR("nosniff")},
	{STR("x-frame-options"), STR("DENY")},
	{STR("referrer-policy"), STR("no-referrer")},
	{STR("cross-origin-opener-policy"), STR("same-origin")},
	{STR("cross-origin-resource-policy"), STR("same-origin")},
	{STR("cache-control"), STR("no-cache")},
};

static void answer(struct stream *s, struct str type, struct str body)
{
	reply_send_with(s, 200, type, body, guards, sizeof(guards) / sizeof(*guards));
}

/* The value of a key in the query, NULL if there is none; "" without a "=". */
static struct str query(const struct stream *s, struct str name)
{
	struct str rest = s->req.path, part, key;

	if (!str_split(&rest, '?', &part))
		return str_of(NULL, 0);
	while (str_split(&rest, '&', &part))
		if (str_split(&part, '=', &key) && str_eq(key, name))
			return part.p ? part : STR("");
	return str_of(NULL, 0);
}

void dashboard_get_history(const struct dashboard *d, struct stream *s)
{
	struct str since = query(s, STR("since"));
	struct dashboard_ask ask = {.workers = query(s, STR("workers")).p != NULL,
				    .now = query(s, STR("now")).p != NULL};
	json_t *root;
	char *text;

	if (since.p && !str_u64(since, &ask.since)) {
		reply_error(s, 400);
		return;
	}
	root = dashboard_json(d->s, &d->history, &ask);
	text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(7)) : NULL;
	json_decref(root);
	if (text)
		answer(s, STR("application/json"), str_z(text));
	else
		reply_error(s, 500);
	mem_free(MEM_JANSSON, text);
}

void dashboard_get_page(const struct dashboard *d, struct stream *s)
{
	const struct dashboard_ask ask = {.now = true};
	json_t *root = dashboard_json(d->s, &d->history, &ask);
	struct text page;

	text_init(&page, MEM_STREAM);
	if (root)
		dashboard_page(&page, root);
	if (root && !page.failed)
		answer(s, STR("text/html; charset=utf-8"), text_str(&page));
	else
		reply_error(s, 500);
	text_fini(&page);
	json_decref(root);
}

bool dashboard_get_asset(struct stream *s)
{
	static const struct {
		const char *path;
		const char *type;
		const char *text;
	} assets[] = {
		{"/dashboard.css", "text/css; charset=utf-8", dashboard_css},
		{"/dashboard.js", "text/javascript; charset=utf-8", dashboard_js},
		{"/dygraphs.css", "text/css; charset=utf-8", report_dygraphs_css},
		{"/dygraphs.js", "text/javascript; charset=utf-8", report_dygraphs_js},
	};

	for (unsigned int i = 0; i < sizeof(assets) / sizeof(*assets); i++) {
		if (!str_eq(s->req.path, str_z(assets[i].path)))
			continue;
		answer(s, str_z(assets[i].type), str_z(assets[i].text));
		return true;
	}
	return false;
}
