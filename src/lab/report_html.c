#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "lab/report_chart.h"

static const char style[] =
	":root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#667;--line:#ccd;"
	"--box:#f3f6fa;--bad:#b00020;--badbg:#fdecee;--ok:#0b6b3a}\n"
	"@media(prefers-color-scheme:dark){:root{--fg:#e6e8eb;--bg:#14171b;"
	"--soft:#9aa3ad;--line:#3a424c;--box:#1d232a;--bad:#ff8a94;--badbg:#3a171b;"
	"--ok:#6fd69a}.dygraph-legend{background:#1d232a!important}}\n"
	"body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);"
	"max-width:64rem;margin:0 auto;padding:1rem}\n"
	"h1{font-size:1.3rem}h2{font-size:1.1rem;margin-top:2rem}\n"
	".verdict{font-size:1.15rem;background:var(--box);border-left:.4rem solid "
	"var(--ok);padding:.8rem 1rem}\n"
	".unreliable{background:var(--badbg);border:.2rem solid var(--bad)}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:"
	"tabular-nums}th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);"
	"text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:"
	"left}.void td{color:var(--soft);text-decoration:line-through}"
	".void td.why{text-decoration:none}\n"
	".better{color:var(--ok)}.worse{color:var(--bad)}.soft{color:var(--soft)}\n"
	".chart{width:100%;height:22rem}code{white-space:pre-wrap;word-break:break-all}"
	"svg text{fill:var(--fg);font-size:13px}\n";

void report_put_html(const char *text, FILE *to)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '&':
			fputs("&amp;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

static void put_cell(const char *text, const char *class, FILE *to)
{
	fprintf(to, "<td%s%s%s>", class ? " class=\"" : "", class ? class : "",
		class ? "\"" : "");
	report_put_html(text, to);
	fputs("</td>", to);
}

/* --- what comes first ------------------------------------------------ */

static void put_verdict(const struct report *r, FILE *to)
{
	const struct analysis *a = r->analysis;

	fprintf(to, "<p id=\"verdict\" class=\"verdict%s\">",
		a->unreliable ? " unreliable" : "");
	if (a->unreliable)
		fputs("<strong>Unreliable.</strong> ", to);
	report_put_html(text_str(&a->sentence).p, to);
	fputs("</p>\n", to);
	for (unsigned int i = 0; i < r->n_gates; i++) {
		enum gate_answer answer = gate_rule_ask(&r->gates[i], a);

		fputs("<p>Gate <code>", to);
		report_put_html(r->gates[i].text, to);
		fprintf(to, "</code>: <strong class=\"%s\">%s</strong></p>\n",
			answer == GATE_HOLDS    ? "better"
			: answer == GATE_BROKEN ? "worse"
						: "soft",
			gate_answer_text(answer));
	}
}

/* --- tables ---------------------------------------------------------- */

static void put_finding(const struct analysis *a, unsigned int arm, unsigned int m,
			FILE *to)
{
	const struct finding *f = &a->at[arm][m];
	const struct verdict *v = &f->verdict;
	const char *word = a->unreliable ? "withheld" : verdict_text(v->word);
	char text[64];

	fputs("<tr>", to);
	put_cell(a->campaign->arms.at[arm].label, NULL, to);
	put_cell(measure_text(f->median, measures[m].unit, text, sizeof(text)), NULL,
		 to);
	if (arm == ARM_BASELINE || !v->n) {
		fputs("<td></td><td></td><td></td><td></td></tr>\n", to);
		return;
	}
	fprintf(to, "<td>%.3f×</td>", v->ratio);
	if (v->n > 1)
		fprintf(to, "<td>%.3f – %.3f</td><td>%.3f</td>", v->ci.low, v->ci.high,
			v->p_holm);
	else
		fputs("<td></td><td></td>", to);
	put_cell(arm == ARM_AGAIN ? "A/A" : word, arm == ARM_AGAIN ? "soft" : word, to);
	fputs("</tr>\n", to);
}

static void put_measure(const struct report *r, unsigned int m, FILE *to)
{
	fprintf(to, "<h3>%s%s</h3>\n<p class=\"soft\">%s</p>\n", measures[m].name,
		m == MEASURE_PRIMARY ? " (primary)" : "", measures[m].what);
	fprintf(to,
		"<div class=\"scroll\"><table><thead><tr><th>arm</th><th>median</th>"
		"<th>ratio</th><th>%g %% interval</th><th>p (Holm)</th>"
		"<th>verdict</th></tr></thead><tbody>\n",
		100 * VERDICT_LEVEL);
	for (unsigned int arm = 0; arm < r->analysis->campaign->arms.n; arm++)
		put_finding(r->analysis, arm, m, to);
	fputs("</tbody></table></div>\n", to);
	report_put_intervals(r, m, to);
}

static void put_run(const struct campaign *c, const struct run *r, FILE *to)
{
	char text[64];

	fprintf(to, "<tr%s><td>%u.%u</td>", r->why_void[0] ? " class=\"void\"" : "",
		r->round + 1, r->attempt + 1);
	put_cell(c->arms.at[r->arm].label, NULL, to);
	for (unsigned int m = 0; m < N_MEASURES; m++)
		put_cell(measure_text(measures[m].of(c, r), measures[m].unit, text,
				      sizeof(text)),
			 NULL, to);
	fprintf(to, "<td>%.0f %%</td>", 100 * r->cpu_pressure);
	put_cell(r->why_void, "why", to);
	fputs("</tr>\n", to);
}

static void put_runs(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fprintf(to,
		"<h2>All runs</h2>\n<p>%u runs, %u of them void and struck out.</p>\n"
		"<div class=\"scroll\"><table><thead><tr><th>round</th><th>arm</th>",
		c->n_runs, r->analysis->n_void);
	for (unsigned int m = 0; m < N_MEASURES; m++)
		fprintf(to, "<th>%s</th>", measures[m].name);
	fputs("<th>CPU pressure</th><th>void because</th></tr></thead><tbody>\n", to);
	for (unsigned int i = 0; i < c->n_runs; i++)
		put_run(c, &c->runs[i], to);
	fputs("</tbody></table></div>\n", to);
}

static void put_entry(const char *name, const char *value, FILE *to)
{
	fputs("<tr>", to);
	put_cell(name, NULL, to);
	fputs("<td style=\"text-align:left\">", to);
	report_put_html(value, to);
	fputs("</td></tr>\n", to);
}

static void put_environment(const struct campaign *c, FILE *to)
{
	char text[700], when[CLOCK_RFC3339_BYTES];

	fputs("<h2>How it was measured</h2>\n<p>To repeat it: <code>", to);
	report_put_html(c->command, to);
	fputs("</code></p>\n<div class=\"scroll\"><table><tbody>\n", to);
	put_entry("begun", clock_rfc3339(c->begun_wall_us, when), to);
	snprintf(text, sizeof(text),
		 "%s at %g/s, %u connections, %u streams each, %u idle", c->workload,
		 c->rate, c->n_conns, c->n_streams, c->n_idle);
	put_entry("workload", text, to);
	for (unsigned int i = 0; i < c->n_phases; i++) {
		snprintf(text, sizeof(text), "%.2f s at %g× the rate%s",
			 (double)c->phases[i].lasts_us / 1e6, c->phases[i].factor,
			 c->phases[i].alone        ? ", all connections closed"
			 : c->phases[i].n_per_conn ? ", connections replaced often"
						   : "");
		put_entry(c->phases[i].name, text, to);
	}
	for (unsigned int i = 0; i < c->arms.n; i++) {
		snprintf(text, sizeof(text), "%s %s", c->arms.at[i].version,
			 c->arms.at[i].path);
		put_entry(c->arms.at[i].label, text, to);
	}
	for (unsigned int i = 0; i < c->n_environment; i++)
		put_entry(c->environment[i].name, c->environment[i].value, to);
	fputs("</tbody></table></div>\n", to);
}

static void put_explanation(const struct campaign *c, FILE *to)
{
	fprintf(to,
		"<h2>How to read it</h2>\n<p>Each round ran every arm once, in random "
		"order, under the same requests at the same times. A ratio is an arm's "
		"value for the baseline's two of the same round; smaller is better. "
		"The "
		"interval is a bootstrap over rounds, p an exact signed-rank test with "
		"Holm's correction. <em>better</em> and <em>worse</em> want both to "
		"agree, and a ratio outside the margin and outside of what the "
		"baseline "
		"shows against itself; <em>same</em> wants the whole interval inside "
		"±%g %%; all else "
		"is <em>inconclusive</em>. %s ran twice in each round: where it "
		"differs "
		"from itself, nothing here is to be believed.</p>\n",
		100 * c->margin, "The baseline");
}

void report_html(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" "
	      "content=\"width=device-width,initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
	      "'none';img-src data:;style-src 'unsafe-inline';script-src "
	      "'unsafe-inline'\">\n"
	      "<title>heapgate ab</title>\n<link rel=\"icon\" "
	      "href=\"data:,\">\n<style>\n",
	      to);
	fputs(style, to);
	fputs(report_dygraphs_css, to);
	fputs("</style></head><body>\n", to);
	put_verdict(r, to);
	fputs("<h1>Allocators compared by heapgate</h1>\n", to);
	put_measure(r, MEASURE_PRIMARY, to);
	report_put_time(r, to);
	report_put_latency(r, to);
	fputs("<h2>Everything else</h2>\n", to);
	for (unsigned int m = 0; m < N_MEASURES; m++)
		if (m != MEASURE_PRIMARY)
			put_measure(r, m, to);
	put_explanation(c, to);
	put_environment(c, to);
	put_runs(r, to);
	report_put_scripts(r, to);
	fputs("</body></html>\n", to);
}
