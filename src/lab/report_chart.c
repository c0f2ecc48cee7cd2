#include "lab/report_chart.h"

#include <math.h>
#include <string.h>

static const char *const colours[ARMS_MAX] = {
	"#555555", "#999999", "#0072b2", "#d55e00", "#009e73", "#cc79a7",
	"#e69f00", "#56b4e9", "#7b3294", "#a6761d", "#1b9e77", "#e7298a",
	"#66a61e", "#386cb0", "#b15928", "#f0027f"};

/* --- intervals (SVG) ------------------------------------------------- */

#define WIDTH 760.0
#define LEFT  230.0
#define ROW   34.0
#define RIGHT 20.0

struct scale {
	double low, high; /* logarithms of ratios */
};

static double x_of(const struct scale *s, double ratio)
{
	return LEFT +
	       (WIDTH - LEFT - RIGHT) * (log(ratio) - s->low) / (s->high - s->low);
}

static void widen(struct scale *s, double ratio)
{
	if (!(ratio > 0) || !isfinite(ratio))
		return;
	s->low = fmin(s->low, log(ratio));
	s->high = fmax(s->high, log(ratio));
}

static struct scale scale_for(const struct analysis *a, unsigned int m)
{
	const struct campaign *c = a->campaign;
	struct scale s = {-log1p(c->margin) * 2, log1p(c->margin) * 2};
	double pad;

	for (unsigned int arm = ARM_AGAIN; arm < c->arms.n; arm++) {
		widen(&s, a->at[arm][m].verdict.ci.low);
		widen(&s, a->at[arm][m].verdict.ci.high);
		for (unsigned int i = 0; i < c->n_rounds; i++)
			widen(&s, analysis_ratio(c, arm, i, m));
	}
	pad = 0.04 * (s.high - s.low);
	return (struct scale){s.low - pad - 1e-3, s.high + pad + 1e-3};
}

static void put_line(const struct scale *s, double ratio, double height,
		     const char *style, FILE *to)
{
	double x = x_of(s, ratio);

	fprintf(to, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%.0f\" %s/>", x, x,
		height, style);
	fprintf(to, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%.3g×</text>\n",
		x, height + 16, ratio);
}

static void put_arm(const struct analysis *a, const struct scale *s, unsigned int arm,
		    unsigned int m, FILE *to)
{
	const struct campaign *c = a->campaign;
	const struct verdict *v = &a->at[arm][m].verdict;
	double y = ROW * (arm - ARM_AGAIN) + ROW / 2;

	fprintf(to, "<text x=\"0\" y=\"%.0f\">", y + 5);
	report_put_html(c->arms.at[arm].label, to);
	fputs("</text>", to);
	for (unsigned int i = 0; i < c->n_rounds; i++) {
		double ratio = analysis_ratio(c, arm, i, m);

		if (!isnan(ratio))
			fprintf(to,
				"<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" "
				"fill-opacity=\".45\"/>",
				x_of(s, ratio), y + 8, colours[arm]);
	}
	if (v->n < 2)
		return;
	fprintf(to,
		"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
		"stroke-width=\"4\"/>",
		x_of(s, v->ci.low), x_of(s, v->ci.high), y - 3, y - 3, colours[arm]);
	fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"%s\"/>\n",
		x_of(s, v->ratio), y - 3, colours[arm]);
}

void report_put_intervals(const struct report *r, unsigned int m, FILE *to)
{
	const struct analysis *a = r->analysis;
	const struct campaign *c = a->campaign;
	struct scale s = scale_for(a, m);
	double height = ROW * (c->arms.n - ARM_AGAIN), margin = 1 + c->margin;

	fprintf(to,
		"<div class=\"scroll\"><svg width=\"%.0f\" height=\"%.0f\" "
		"role=\"img\" "
		"aria-label=\"%s: ratios to the baseline with intervals, margin and a "
		"dot for each round\">\n",
		WIDTH, height + 22, measures[m].name);
	fprintf(to,
		"<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\" fill=\"#888\" "
		"fill-opacity=\".18\"/>",
		x_of(&s, 1 / margin), x_of(&s, margin) - x_of(&s, 1 / margin), height);
	put_line(&s, 1, height, "stroke=\"#888\"", to);
	put_line(&s, exp(s.low + 0.02 * (s.high - s.low)), height, "stroke=\"none\"",
		 to);
	put_line(&s, exp(s.high - 0.02 * (s.high - s.low)), height, "stroke=\"none\"",
		 to);
	for (unsigned int arm = ARM_AGAIN; arm < c->arms.n; arm++)
		put_arm(a, &s, arm, m, to);
	fputs("</svg></div>\n", to);
}

/* --- RSS over time --------------------------------------------------- */

/* Of all rounds of an arm at one moment. Returns: false for no sample. */
static bool spread_at(const struct campaign *c, unsigned int arm, uint64_t from_us,
		      uint64_t to_us, double spread[3])
{
	double v[CAMPAIGN_MAX_ROUNDS];
	unsigned int n = 0;

	for (unsigned int round = 0; round < c->n_rounds; round++) {
		const struct run *r = campaign_run(c, arm, round);
		double sum = 0;
		unsigned int k = 0;

		for (unsigned int i = 0; r && i < r->n_samples; i++) {
			if (r->samples[i].at_us < from_us ||
			    r->samples[i].at_us >= to_us)
				continue;
			sum += measure_net_of_lazyfree(r, i);
			k++;
		}
		if (k)
			v[n++] = sum / k;
	}
	statistics_sort(v, n);
	if (n) {
		spread[0] = v[0];
		spread[1] = statistics_quantile(v, n, 0.5);
		spread[2] = v[n - 1];
	}
	return n;
}

static void put_phase_row(const struct campaign *c, unsigned int phase, FILE *to)
{
	uint64_t from = measure_phase_start(c, phase);
	uint64_t until = from + c->phases[phase].lasts_us;

	fprintf(to, "<tr><td>%s</td>", c->phases[phase].name);
	for (unsigned int arm = 0; arm < c->arms.n; arm++) {
		double spread[3];

		if (spread_at(c, arm, from, until, spread))
			fprintf(to, "<td>%.2f MB</td>", spread[1] / 1e6);
		else
			fputs("<td></td>", to);
	}
	fputs("</tr>\n", to);
}

static void put_arm_heads(const struct campaign *c, FILE *to)
{
	for (unsigned int arm = 0; arm < c->arms.n; arm++) {
		fputs("<th>", to);
		report_put_html(c->arms.at[arm].label, to);
		fputs("</th>", to);
	}
	fputs("</tr></thead><tbody>\n", to);
}

static void put_place(const char *id, FILE *to)
{
	if (report_dygraphs_js[0])
		fprintf(to,
			"<div id=\"%s\" class=\"chart\"></div>\n"
			"<div id=\"%s-legend\"></div>\n",
			id, id);
	else
		fputs("<p class=\"soft\">This heapgate was built without dygraphs "
		      "(Debian's libjs-dygraphs), so there is a table only.</p>\n",
		      to);
}

void report_put_time(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fputs("<h2>Memory over time</h2>\n<p class=\"soft\">Anonymous RSS less "
	      "LazyFree: "
	      "median over rounds, the band from the least to the most; phases are "
	      "shaded.</p>\n",
	      to);
	put_place("time", to);
	fputs("<div class=\"scroll\"><table><thead><tr><th>phase</th>", to);
	put_arm_heads(c, to);
	for (unsigned int i = 0; i < c->n_phases; i++)
		put_phase_row(c, i, to);
	fputs("</tbody></table></div>\n", to);
}

/* --- latency --------------------------------------------------------- */

#define STEADY 1u

static void merge_latency(const struct campaign *c, unsigned int arm,
			  struct latencies *h)
{
	memset(h, 0, sizeof(*h));
	for (unsigned int round = 0; round < c->n_rounds; round++) {
		const struct run *r = campaign_run(c, arm, round);

		if (r && r->n_phases > STEADY)
			latencies_merge(h, &r->phases[STEADY].load.latency);
	}
}

void report_put_latency(const struct report *r, FILE *to)
{
	static const double quantiles[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
	const struct campaign *c = r->analysis->campaign;

	fputs("<h2>Latency</h2>\n<p class=\"soft\">From when a request was due to its "
	      "end, in the steady phase, all rounds together.</p>\n",
	      to);
	put_place("latency", to);
	fputs("<div class=\"scroll\"><table><thead><tr><th>percentile</th>", to);
	put_arm_heads(c, to);
	for (unsigned int i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		fprintf(to, "<tr><td>p%g</td>", quantiles[i] * 100);
		for (unsigned int arm = 0; arm < c->arms.n; arm++) {
			struct latencies h;

			merge_latency(c, arm, &h);
			fprintf(to, "<td>%.3f ms</td>",
				latencies_quantile(&h, quantiles[i]) / 1000);
		}
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table></div>\n", to);
}

/* --- data for dygraphs ----------------------------------------------- */

/* In a script: no quote, no backslash and no "</" may stand as it is. */
static void put_string(const char *text, FILE *to)
{
	fputc('"', to);
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;

		if (ch < ' ' || strchr("\"\\<>&", *text))
			fprintf(to, "\\u%04x", ch);
		else
			fputc(ch, to);
	}
	fputc('"', to);
}

static void put_labels(const struct campaign *c, const char *x, FILE *to)
{
	fprintf(to, "[\"%s\"", x);
	for (unsigned int arm = 0; arm < c->arms.n; arm++) {
		fputc(',', to);
		put_string(c->arms.at[arm].label, to);
	}
	fputc(']', to);
}

static void put_time_data(const struct campaign *c, FILE *to)
{
	uint64_t step = CAMPAIGN_SAMPLE_MS * 1000, all = 0;

	all = measure_phase_start(c, c->n_phases);
	while (all / step > 1000) /* enough for any screen */
		step *= 2;
	fputs("[", to);
	for (uint64_t at = 0; at < all; at += step) {
		fprintf(to, "%s[%.3f", at ? ",\n" : "", (double)(at + step / 2) / 1e6);
		for (unsigned int arm = 0; arm < c->arms.n; arm++) {
			double v[3];

			if (spread_at(c, arm, at, at + step, v))
				fprintf(to, ",[%.4f,%.4f,%.4f]", v[0] / 1e6, v[1] / 1e6,
					v[2] / 1e6);
			else
				fputs(",null", to);
		}
		fputs("]", to);
	}
	fputs("]", to);
}

static void put_phases(const struct campaign *c, FILE *to)
{
	fputs("[", to);
	for (unsigned int i = 0; i < c->n_phases; i++) {
		fprintf(to, "%s[%.3f,%.3f,", i ? "," : "",
			(double)measure_phase_start(c, i) / 1e6,
			(double)measure_phase_start(c, i + 1) / 1e6);
		put_string(c->phases[i].name, to);
		fputs("]", to);
	}
	fputs("]", to);
}

/* A row for each bucket that any arm has something in: which share of each arm's
 * requests ended so soon. */
static void put_shares(const struct latencies *l, unsigned int n_arms, FILE *to)
{
	double seen[ARMS_MAX] = {0};
	bool any = false;

	for (unsigned int i = 0; i + 1 < LATENCIES_BUCKETS; i++) {
		bool grew = false;

		for (unsigned int arm = 0; arm < n_arms; arm++) {
			seen[arm] += (double)l[arm].at[i];
			grew |= l[arm].at[i] != 0;
		}
		if (!grew)
			continue;
		fprintf(to, "%s[%.4f", any ? ",\n" : "",
			(double)latencies_upper(i) / 1000);
		any = true;
		for (unsigned int arm = 0; arm < n_arms; arm++)
			fprintf(to, ",%.4f",
				l[arm].n ? 100 * seen[arm] / (double)l[arm].n : 0);
		fputs("]", to);
	}
}

static void put_latency_data(const struct campaign *c, FILE *to)
{
	struct latencies *l = mem_zalloc(MEM_WORKER, c->arms.n, sizeof(*l));

	for (unsigned int arm = 0; l && arm < c->arms.n; arm++)
		merge_latency(c, arm, &l[arm]);
	fputs("[", to);
	if (l)
		put_shares(l, c->arms.n, to);
	fputs("]", to);
	mem_free(MEM_WORKER, l);
}

static const char script[] =
	"var dark=matchMedia('(prefers-color-scheme:dark)').matches;\n"
	"var common={colors:colours,strokeWidth:2,legend:'always',"
	"axisLineColor:'#888',gridLineColor:dark?'#333':'#ddd',"
	"labelsSeparateLines:true,highlightCircleSize:3};\n"
	"function with_(o){for(var k in common)if(!(k in o))o[k]=common[k];return o}\n"
	"function shade(ctx,area,g){phases.forEach(function(p,i){var a=g.toDomXCoord("
	"p[0]),b=g.toDomXCoord(p[1]);ctx.fillStyle=i%2?'rgba(128,128,128,.13)':"
	"'rgba(128,128,128,.04)';ctx.fillRect(a,area.y,b-a,area.h);ctx.fillStyle="
	"dark?'#aaa':'#555';ctx.font='12px sans-serif';ctx.fillText(p[2],a+4,"
	"area.y+14)})}\n"
	"if(time.length)new Dygraph(document.getElementById('time'),time,with_({labels:"
	"timeLabels,labelsDiv:'time-legend',dateWindow:[0,time[time.length-1][0]],"
	"customBars:true,fillAlpha:.15,xlabel:'seconds',ylabel:'MB',"
	"underlayCallback:shade}));\n"
	"if(latency.length)new "
	"Dygraph(document.getElementById('latency'),latency,with_({"
	"labels:latencyLabels,labelsDiv:'latency-legend',xlabel:'ms',ylabel:'% of "
	"requests',stepPlot:false,axes:{x:"
	"{logscale:true}}}));\n";

void report_put_scripts(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	if (!report_dygraphs_js[0])
		return;
	fputs("<script>\n", to);
	fputs(report_dygraphs_js, to);
	fputs("\n</script>\n<script>\nvar colours=[", to);
	for (unsigned int arm = 0; arm < c->arms.n; arm++)
		fprintf(to, "%s\"%s\"", arm ? "," : "", colours[arm]);
	fputs("];\nvar phases=", to);
	put_phases(c, to);
	fputs(";\nvar timeLabels=", to);
	put_labels(c, "seconds", to);
	fputs(";\nvar time=", to);
	put_time_data(c, to);
	fputs(";\nvar latencyLabels=", to);
	put_labels(c, "ms", to);
	fputs(";\nvar latency=", to);
	put_latency_data(c, to);
	fputs(";\n", to);
	fputs(script, to);
	fputs("</script>\n", to);
}
