/* The live part of the dashboard: polls /history.json, keeps an hour of it,
 * writes the tables anew and draws. No inline style and no markup from text:
 * the page's Content-Security-Policy would refuse it. */
(function () {
'use strict';

var KEEP = 720, N_COLOURS = 6;
var colours = [], ink = {};
var span = 5, spanChosen = false, lines = 'arms';
var run = null;       /* started_ms of the heapgate that the samples are from */
var next = 0;         /* number of the sample to ask for */
var every = 5000;
var times = [];       /* Date of each sample */
var series = {};      /* by id: {label, arm, colour, dash, values: {field: []}} */
var order = [];       /* ids as drawn */
var charts = [];
var cursor = null;    /* index into times; null: the last one */
var lastAnswer = 0;

function byId(id) { return document.getElementById(id); }
function make(tag, className, text) {
	var e = document.createElement(tag);
	if (className) e.className = className;
	if (text !== undefined) e.textContent = text;
	return e;
}

/* --- values with units; the same as board_value() ------------------------ */

function digits(v) {
	return v >= 99.95 || v === 0 ? v.toFixed(0) : v >= 9.995 ? v.toFixed(1) : v.toFixed(2);
}
function commas(v) { return v.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ','); }
function known(v) { return typeof v === 'number' && isFinite(v) && v >= 0; }
function scaled(v, steps) {
	var i = 0;
	while (i < steps.length - 1 && v < steps[i][0]) i++;
	return digits(v / steps[i][0]) + '\u00a0' + steps[i][1];
}
var BYTES = [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']];
var DURATIONS = [[1e6, 's'], [1e3, 'ms'], [1, 'µs']];
var format = {
	bytes: function (v) { return scaled(v, BYTES); },
	us: function (v) { return scaled(v, DURATIONS); },
	count: commas,
	rate: function (v) { return v >= 99.95 ? commas(v) : digits(v); }
};
/* On an axis: without the zeros that say nothing. */
function tick(v, kind) {
	if (v === 0) return '0';
	return v < 0.01 ? String(+v.toPrecision(2)) : show(v, kind).replace(/\.0+(?=\D|$)|(\.\d*[1-9])0+(?=\D|$)/, '$1');
}
function show(v, kind) { return known(v) ? format[kind](v) : '–'; }

var columns = {
	anon_bytes: 'bytes', allocated_bytes: 'bytes', resident_bytes: 'bytes',
	cpu_us_per_request: 'us', requests_per_second: 'rate', p50_us: 'us',
	p99_us: 'us', connections: 'count', streams: 'count', errors_per_second: 'rate'
};

/* main: drawn strong. also: a second line of each arm, dashed. */
var plots = [
	{title: 'RSS', what: 'anonymous memory', kind: 'bytes', main: 'anon_bytes'},
	{title: 'Allocated', what: 'and resident, dashed; as the allocator says', kind: 'bytes',
	 main: 'allocated_bytes', also: 'resident_bytes', alsoName: 'resident'},
	{title: 'CPU per request', what: '', kind: 'us', main: 'cpu_us_per_request'},
	{title: 'CPU', what: 'cores busy', kind: 'rate', main: 'cpu_cores'},
	{title: 'Requests', what: 'per second', kind: 'rate', main: 'requests_per_second'},
	{title: 'Latency p99', what: 'and p50, dashed', kind: 'us', main: 'p99_us', also: 'p50_us', alsoName: 'p50'},
	{title: 'Connections', what: 'of clients, open', kind: 'count', main: 'connections'},
	{title: 'Errors', what: 'per second; 5xx or no answer', kind: 'rate', main: 'errors_per_second'}
];

/* --- samples ------------------------------------------------------------- */

function forget(data) {
	run = data.started_ms;
	times = [];
	series = {};
	order = [];
	cursor = null;
}

function rowsOf(data) {
	var arms = {};
	data.arms.forEach(function (a, i) { arms[a.arm] = i; });
	return (lines === 'arms' ? data.arms : data.workers).map(function (r) {
		var worker = r.worker !== undefined;
		var arm = arms[r.arm];
		return {
			id: worker ? r.arm + '/' + r.worker : r.arm,
			label: worker ? r.arm + ' · ' + r.worker : r.arm,
			title: r.allocator || '', colour: arm % N_COLOURS,
			dash: arm >= N_COLOURS ? [8, 3] : null, values: r.values
		};
	});
}

/* Samples come from number first on; what we have ends before number next. */
function append(data) {
	var n = data.times_ms.length;
	if (data.started_ms !== run || data.first !== next) forget(data);
	order = [];
	rowsOf(data).forEach(function (r) {
		var s = series[r.id];
		if (!s) s = series[r.id] = {values: {}};
		s.label = r.label; s.title = r.title; s.colour = r.colour; s.dash = r.dash;
		s.fresh = r.values;
		order.push(r.id);
	});
	Object.keys(series).forEach(function (id) {
		var s = series[id];
		plots.forEach(function (p) {
			[p.main, p.also].forEach(function (f) {
				if (!f) return;
				var to = s.values[f] || (s.values[f] = []);
				var from = s.fresh && s.fresh[f];
				while (to.length < times.length) to.push(null);
				for (var i = 0; i < n; i++) to.push(from ? from[i] : null);
				to.splice(0, Math.max(0, to.length - KEEP));
			});
		});
		s.fresh = null;
	});
	data.times_ms.forEach(function (t) { times.push(new Date(t)); });
	var gone = Math.max(0, times.length - KEEP);
	times.splice(0, gone);
	if (cursor !== null) cursor = Math.max(0, cursor - gone);
	next = data.next;
	every = data.every_ms;
}

/* --- tables -------------------------------------------------------------- */

function put(row, text, className) {
	var td = make('td', className, text);
	row.appendChild(td);
	return td;
}

function putCells(row, r) {
	Object.keys(columns).forEach(function (key) {
		var v = r.now[key];
		put(row, show(v, columns[key]), key === 'errors_per_second' && v > 0 ? 'bad' : '');
	});
}

function writeTable(data) {
	var body = make('tbody');
	data.arms.forEach(function (a, i) {
		var row = make('tr', 'arm'), head = make('th');
		head.scope = 'row';
		head.appendChild(make('i', 'swatch c' + i % N_COLOURS));
		head.appendChild(document.createTextNode(a.arm + ' '));
		head.appendChild(make('small', '', a.allocator || '')).title = a.version || '';
		row.appendChild(head);
		put(row, a.workers_ready + ' of ' + a.workers + ' ready',
			'state' + (a.workers_ready < a.workers ? ' bad' : ''));
		putCells(row, a);
		body.appendChild(row);
		data.workers.forEach(function (w) {
			if (w.arm !== a.arm) return;
			var r = make('tr', 'worker'), h = make('th', '', 'worker ' + w.worker);
			h.scope = 'row';
			r.appendChild(h);
			put(r, w.state, 'state' + (w.state === 'ready' ? '' : ' bad'));
			putCells(r, w);
			body.appendChild(r);
		});
	});
	var old = byId('now').tBodies[0];
	old.parentNode.replaceChild(body, old);
}

function writeStatus(s) {
	byId('status').textContent = s.workers_ready + ' of ' + s.workers + ' workers serve' +
		(s.reason ? '; ' + s.reason : '') +
		(s.reload ? '; the last reload failed, an older config is in use' : '');
}

/* --- charts -------------------------------------------------------------- */

function readInk() {
	var style = getComputedStyle(document.documentElement);
	for (var i = 0; i < N_COLOURS; i++) colours[i] = style.getPropertyValue('--c' + i).trim();
	ink = {grid: style.getPropertyValue('--grid').trim(), axis: style.getPropertyValue('--line').trim()};
}

function clock(date) {
	return ('0' + date.getHours()).slice(-2) + ':' + ('0' + date.getMinutes()).slice(-2) +
		':' + ('0' + date.getSeconds()).slice(-2);
}

function tableFor(plot) {
	return times.map(function (t, i) {
		var row = [t];
		order.forEach(function (id) {
			row.push(series[id].values[plot.main][i]);
			if (plot.also) row.push(series[id].values[plot.also][i]);
		});
		return row;
	});
}

function highest(plot) {
	var most = 0, from = firstShown();
	order.forEach(function (id) {
		[plot.main, plot.also].forEach(function (f) {
			if (f) series[id].values[f].forEach(function (v, i) { if (i >= from && v > most) most = v; });
		});
	});
	return most;
}

function firstShown() { return Math.max(0, times.length - span * 60000 / every); }

function optionsFor(plot) {
	var labels = ['time'], palette = [], per = {}, top = highest(plot);
	order.forEach(function (id) {
		var s = series[id];
		labels.push(s.label);
		palette.push(colours[s.colour]);
		per[s.label] = {strokePattern: s.dash, strokeWidth: span > 15 ? 1.25 : 1.75};
		if (!plot.also) return;
		labels.push(s.label + ' ' + plot.alsoName);
		palette.push(colours[s.colour]);
		per[s.label + ' ' + plot.alsoName] = {strokePattern: [3, 3], strokeWidth: 1};
	});
	var end = times.length ? times[times.length - 1].getTime() : Date.now();
	return {
		file: tableFor(plot), labels: labels, colors: palette, series: per,
		dateWindow: [end - span * 60000, end], valueRange: [0, top > 0 ? top * 1.08 : 1],
		gridLineColor: ink.grid, axisLineColor: ink.axis
	};
}

function draw(chart) {
	var o = optionsFor(chart.plot), k;
	if (!order.length || !times.length) return;
	if (chart.graph) {
		chart.graph.updateOptions(o);
	} else {
		var fixed = {
			legend: 'never', interactionModel: {}, highlightCircleSize: 3,
			rightGap: 4, xRangePad: 0, axisLabelFontSize: 12,
			axes: {
				x: {drawGrid: false, pixelsPerLabel: 70, axisTickSize: 8,
				    axisLabelFormatter: function (d) { return clock(d).slice(0, 5); }},
				y: {axisLabelWidth: 56, pixelsPerLabel: 26,
				    axisLabelFormatter: function (v) { return tick(v, chart.plot.kind); }}
			},
			highlightCallback: function (e, x, points, row) { moveTo(row); },
			unhighlightCallback: function () { moveTo(null); }
		};
		for (k in fixed) o[k] = fixed[k];
		var file = o.file;
		delete o.file;
		chart.graph = new Dygraph(chart.box, file, o);
	}
}

function moveTo(row) {
	cursor = row;
	charts.forEach(function (c) {
		if (!c.graph) return;
		if (row === null) c.graph.clearSelection();
		else c.graph.setSelection(row);
		readOut(c);
	});
}

function lastKnown(values, at) { return at < values.length ? values[at] : null; }

function readOut(chart) {
	var at = cursor === null ? times.length - 1 : cursor, plot = chart.plot, spoken = [];
	if (at < 0) return;
	chart.readout.textContent = '';
	order.forEach(function (id) {
		var s = series[id], item = make('span', 'c' + s.colour), value;
		value = show(lastKnown(s.values[plot.main], at), plot.kind);
		if (plot.also) value += ' / ' + show(lastKnown(s.values[plot.also], at), plot.kind);
		item.appendChild(make('i', 'swatch'));
		if (order.length > 1) item.appendChild(document.createTextNode(s.label + ' '));
		item.appendChild(make('b', '', value));
		chart.readout.appendChild(item);
		spoken.push(s.label + ' ' + value);
	});
	chart.time.textContent = cursor === null ? '' : clock(times[at]);
	chart.box.setAttribute('aria-label', plot.title + (plot.what ? ' ' + plot.what : '') + ', ' +
		(cursor === null ? 'now' : clock(times[at])) + ': ' + spoken.join(', '));
}

function onKey(e) {
	var at = cursor === null ? times.length - 1 : cursor;
	if (e.key === 'ArrowLeft') at -= e.shiftKey ? 12 : 1;
	else if (e.key === 'ArrowRight') at += e.shiftKey ? 12 : 1;
	else if (e.key === 'Home') at = firstShown();
	else if (e.key === 'End' || e.key === 'Escape') at = null;
	else return;
	e.preventDefault();
	moveTo(at === null ? null : Math.min(times.length - 1, Math.max(0, at)));
}

function makeChart(plot) {
	var figure = make('figure'), caption = make('figcaption'), title = make('h3', '', plot.title);
	var c = {plot: plot, box: make('div', 'chart'), readout: make('span', 'readout'), time: make('time')};
	title.appendChild(make('small', '', plot.what));
	title.appendChild(c.time);
	caption.appendChild(title);
	caption.appendChild(c.readout);
	figure.appendChild(caption);
	figure.appendChild(c.box);
	c.box.tabIndex = 0;
	c.box.setAttribute('role', 'img');
	c.box.addEventListener('keydown', onKey);
	c.box.addEventListener('blur', function () { moveTo(null); });
	byId('charts').appendChild(figure);
	charts.push(c);
}

/* Until somebody chooses: the shortest that shows all there is. */
function fitSpan() {
	var has = times.length * every / 60000;
	if (spanChosen) return;
	span = has <= 5 ? 5 : has <= 15 ? 15 : 60;
	document.querySelector('input[name=span][value="' + span + '"]').checked = true;
}

function drawAll() {
	fitSpan();
	charts.forEach(function (c) { draw(c); readOut(c); });
	if (cursor !== null) moveTo(cursor);
}

/* --- the experiment ------------------------------------------------------ */

function percent(v) { return known(v) ? digits(100 * v) + '\u00a0%' : '–'; }
function ofBaseline(r) {
	if (!r) return '–';
	return r.ratio.toFixed(2) + '× (' + r.low.toFixed(2) + '–' + r.high.toFixed(2) + ')';
}

var experimentColumns = ['arm', 'state', 'asked', 'seen', 'requests', 'errors', 'p99', 'RSS', 'CPU/request'];

function experimentRow(a, i) {
	var row = make('tr'), head = make('th');
	head.scope = 'row';
	head.appendChild(make('i', 'swatch c' + i % N_COLOURS));
	head.appendChild(document.createTextNode(a.arm + ' '));
	head.appendChild(make('small', '', a.allocator));
	row.appendChild(head);
	put(row, a.state, 'state' + (a.state === 'serving' ? '' : ' bad'));
	put(row, percent(a.share_asked));
	put(row, percent(a.share_seen));
	put(row, show(a.requests, 'count'));
	put(row, percent(a.error_ratio));
	put(row, show(a.p99_seconds === null ? null : a.p99_seconds * 1e6, 'us'));
	put(row, i ? ofBaseline(a.memory) : '1 (baseline)');
	put(row, i ? ofBaseline(a.cpu) : '1 (baseline)');
	return row;
}

function experimentNote(e) {
	return e.note + (e.sample_p === null ? '' : ' The split is as asked with p = ' + digitsOfP(e.sample_p) + '.') +
		(e.guards.length ? ' Guards: ' + e.guards.map(function (g) { return g.guard; }).join(', ') + '.' : '');
}
function digitsOfP(p) { return p < 0.001 ? p.toExponential(1) : p.toFixed(3); }

/* The tables' shape is that of dashboard_experiment.c. */
function writeExperiment(e) {
	var place = byId('experiment');
	place.textContent = '';
	if (!e) {
		place.appendChild(make('p', 'soft', 'No experiment is configured.'));
		return;
	}
	e.arms.forEach(function (a, i) {
		if (!i) return;
		var line = make('p', 'verdict c' + i % N_COLOURS), text = make('span');
		text.appendChild(make('b', '', a.arm + ': '));
		text.appendChild(document.createTextNode(a.verdict));
		line.appendChild(text);
		place.appendChild(line);
	});
	var box = make('div', 'scroll'), table = make('table'), head = make('tr'), body = make('tbody');
	experimentColumns.forEach(function (c) {
		var th = make('th', c === 'state' ? 'state' : '', c);
		th.scope = 'col';
		head.appendChild(th);
	});
	e.arms.forEach(function (a, i) { body.appendChild(experimentRow(a, i)); });
	table.appendChild(make('thead')).appendChild(head);
	table.appendChild(body);
	box.tabIndex = 0;
	box.setAttribute('role', 'region');
	box.setAttribute('aria-label', 'Arms of the experiment');
	box.appendChild(table);
	place.appendChild(box);
	place.appendChild(make('p', 'soft small', experimentNote(e)));
}

/* --- polling ------------------------------------------------------------- */

function take(data) {
	lastAnswer = Date.now();
	append(data);
	writeStatus(data.status);
	writeTable(data);
	writeExperiment(data.experiment);
	byId('past').hidden = false;
	if (charts.length) drawAll();
	sayLive();
}

function sayLive() {
	var late = Date.now() - lastAnswer > 3 * every;
	byId('live').className = late ? 'lost' : 'soft';
	byId('live').textContent = lastAnswer ? (late ? 'No answer since ' : 'Live, as of ') + clock(new Date(lastAnswer)) : '';
}

var asking = null;
function ask() {
	clearTimeout(asking);
	var url = '/history.json?since=' + next + (lines === 'workers' ? '&workers' : '');
	var asked = lines;
	fetch(url, {cache: 'no-store'}).then(function (r) {
		if (!r.ok) throw new Error(r.status);
		return r.json();
	}).then(function (data) { if (asked === lines) take(data); }, sayLive).then(function () {
		clearTimeout(asking);
		asking = setTimeout(ask, every);
	});
}

function onChoice(e) {
	if (e.target.name === 'span') {
		span = +e.target.value;
		spanChosen = true;
		drawAll();
	} else if (e.target.name === 'lines') {
		lines = e.target.value;
		next = 0;
		run = null;
		ask();
	}
}

readInk();
function dropLegend() {
	/* It writes inline style, which our Content-Security-Policy refuses; the
	 * captions say what it would. */
	Dygraph.PLUGINS = Dygraph.PLUGINS.filter(function (p) { return p !== Dygraph.Plugins.Legend; });
}

if (typeof Dygraph === 'undefined') {
	byId('past').className = 'bare';
	byId('charts').appendChild(make('p', 'soft',
		'This heapgate was built without dygraphs (Debian\u2019s libjs-dygraphs), so there are no charts.'));
} else {
	dropLegend();
	plots.forEach(makeChart);
}
document.addEventListener('change', onChoice);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', function () { readInk(); drawAll(); });
document.addEventListener('visibilitychange', function () { if (!document.hidden) ask(); });
setInterval(sayLive, 1000);
ask();
})();
