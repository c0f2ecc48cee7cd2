#!/usr/bin/env bash
# The dashboard as a browser shows it: wide and narrow, light and dark, with
# and without a script; nothing to complain about, nothing from elsewhere.
. "$(dirname "$0")/lib.sh"

start_backend
ports
cert
conf <<-CONF
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route / app
	upstream app { server 127.0.0.1:$BACKEND_PORT }
	metrics 127.0.0.1:$METRICS
	admin unix:$TMPDIR/admin.sock
	experiment {
		arm steady allocator=system weight=50
		arm other allocator=hybrid weight=50
		assign random
	}
CONF
start_heapgate
base=http://127.0.0.1:$METRICS

it "says all on one page, readable as it is"
page=$(curl -fsS "$base/" -D headers)
for words in '</i>steady <small>system</small>' '</i>other <small>hybrid</small>' \
		'worker 0' 'worker 1' '2 of 2 workers serve' 'none yet: too little was seen'; do
	has "$page" "$words"
done
has_not "$page" '<!--{'
has_not "$page" 'style='
has_not "$page" 'onclick'

it "lets nothing in from elsewhere"
headers=$(tr -d '\r' <headers)
has "$headers" "content-security-policy: default-src 'none'; script-src 'self';"
has "$headers" "x-content-type-options: nosniff"
has "$headers" "referrer-policy: no-referrer"
has_not "$headers" unsafe
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/dashboard.js")" 200
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/dashboard.jsx")" 404
is "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$base/")" 405
has "$(curl -s -i -X POST "$base/" | tr 'A-Z' 'a-z')" "allow: get, head"

it "has a list in its place on the admin socket"
has "$(curl -s --unix-socket "$TMPDIR/admin.sock" http://admin/)" "/history.json"

# ask QUERY EXPRESSION: of /history.json?QUERY, as d.
ask() {
	curl -fsS "$base/history.json?$1" | python3 -c "
import json, sys
d = json.load(sys.stdin)
print($2)"
}

it "gives samples from a number on, and what is new since"
sampled() { [ "$(ask "" "d['next'] >= $1")" = True ]; }
soon 15 sampled 1 # rates want one to begin with
for _ in {1..30}; do plain /name -o /dev/null; done
soon 15 sampled 3
is "$(ask "" 'len(d["times_ms"]) == len(d["arms"][0]["values"]["anon_bytes"]) == d["next"] - d["first"]')" True
is "$(ask since=1 'd["first"]')" 1
is "$(ask since=999999 'd["first"]')" 0 "the first sample for one who asked another run"
is "$(ask now '"values" in d["arms"][0]')" False
is "$(ask workers '[len(w["values"]["streams"]) > 0 for w in d["workers"]]')" "[True, True]"
is "$(ask "" '"values" in d["workers"][0]')" False
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/history.json?since=x")" 400

it "counts what went through"
total() { ask "" 'sum(v or 0 for a in d["arms"] for v in a["values"]["requests_per_second"]) * 5'; }
at_least "$(total)" 25 requests
at_least "$(ask "" 'min(a["now"]["anon_bytes"] for a in d["arms"])')" 100000 RSS

need chromium python3
shots=$B/tests/dashboard
mkdir -p "$shots"
it "looks right in a browser (pictures: ${shots#"$TOP"/})"
py "$base" "$shots" <<-'EOT'
	import sys
	from browser import Browser

	base, shots = sys.argv[1:]
	DRAWN = "document.querySelectorAll('figure canvas').length >= 16"
	READ = "document.querySelectorAll('figure .readout b').length >= 16"
	NO_DYGRAPHS = "typeof Dygraph === 'undefined'"

	def look(b, width, dark):
	    page = b.open(base + "/", width=width, height=900, dark=dark)
	    page.wait("document.getElementById('live').textContent.startsWith('Live')")
	    charts = not page.value(NO_DYGRAPHS)
	    if charts:
	        page.wait(DRAWN)
	        page.wait(READ)
	        first = page.value("document.querySelector('figure .readout').textContent")
	        assert "steady" in first and "other" in first and "B" in first, first
	    text = page.value("document.body.innerText")
	    for words in ("none yet: too little was seen", "2 of 2 workers serve", "steady", "other"):
	        assert words in text, (words, text)
	    wide = page.value("document.documentElement.scrollWidth - innerWidth")
	    assert wide <= 0, f"{wide} px too wide at {width}"
	    ground = page.value("getComputedStyle(document.body).backgroundColor")
	    assert (ground == "rgb(255, 255, 255)") != dark, ground
	    page.screenshot(f"{shots}/{width}-{'dark' if dark else 'light'}.png")
	    assert not page.complaints, page.complaints
	    assert all(u.startswith(base + "/") or u.startswith("data:") for u in page.requests), page.requests
	    return page, charts

	with Browser("chromium") as b:
	    for width in (1280, 390):
	        for dark in (False, True):
	            page, charts = look(b, width, dark)
	            page.close()

	    page, charts = look(b, 1280, False)
	    polls = len(page.requests)
	    if charts:
	        # Workers instead of arms: their names are at each chart.
	        page.value("document.querySelector('input[value=workers]').click()")
	        page.wait("document.querySelector('figure .readout').textContent.includes('other · 1')")
	        # By the keys alone all charts are read at one moment.
	        page.value("document.querySelector('.chart').focus()")
	        page.key("ArrowLeft")
	        page.wait("[...document.querySelectorAll('figure time')].every("
	                  "t => /^\\d\\d:\\d\\d:\\d\\d$/.test(t.textContent))")
	        label = page.value("document.querySelector('.chart').getAttribute('aria-label')")
	        assert label.startswith("RSS anonymous memory, ") and "steady · 0 " in label, label
	        page.key("Escape")
	        page.wait("[...document.querySelectorAll('figure time')].every(t => !t.textContent)")
	    page.wait(f"performance.getEntriesByType('resource').filter("
	              "r => r.name.includes('/history.json')).length >= 2", 15)
	    assert not page.complaints, page.complaints
	    page.close()

	    page = b.open(base + "/", width=390, height=900, script=False)
	    page.screenshot(f"{shots}/390-without-script.png")
	    text = page.value("document.body.innerText")
	    assert "worker 1" in text and "MB" in text and "script" in text, text
	    assert not page.value("document.getElementById('past').offsetHeight"), "empty charts"
	EOT
