#!/usr/bin/env bash
# A comparison from its start to its report: what it leaves, what it says again
# from its raw data, how it ends when it is interrupted, what an automatic
# build learns from its exit code, and what a browser shows.
. "$(dirname "$0")/lib.sh"
need python3

FILES="bench.txt metrics.om raw.json report.html rounds.csv samples.csv summary.json"
# campaign DIR ARG...: the shortest there is, of 6 rounds.
campaign() {
	"$HEAPGATE" ab --arms hybrid --baseline system --rounds 6 --duration 22s \
		--rate 100 --connections 10 --out "$@"
}
summary() {
	python3 -c 'import json, sys
print(eval(sys.argv[2], {"s": json.load(open(sys.argv[1] + "/summary.json"))}))' "$@"
}

it "compares and says what it found"
code=0
campaign report --gate 'rss_avg<=100x' >table.log 2>progress.log || code=$?
cat progress.log
# 4: on a host that is too busy nothing is claimed.
case $code in
0) has "$(cat table.log)" "gate rss_avg<=100x: holds" ;;
4) has "$(cat table.log)" "gate rss_avg<=100x: undecided"
	is "$(summary report 's["unreliable"]')" True ;;
*) flunk "exit $code" ;;
esac
has "$(cat table.log)" "report: report/report.html"
has "$(cat table.log)" "$(summary report 's["sentence"]')"
# There the runs that are made again may use up the time.
[ "$code" = 4 ] || is "$(summary report 's["partial"]')" False
is "$(summary report '[a["role"] for a in s["arms"]]')" "['baseline', 'again', 'arm']"
is "$(ls report | grep -v '^work$' | xargs)" "$FILES" "files"
has "$(cat report/report.html)" '<p id="verdict"'
has "$(cat report/bench.txt)" "Benchmark"
is "$(tail -n 1 report/metrics.om)" "# EOF"
at_least "$(grep -c . report/rounds.csv)" 19 "rows of runs"
at_least "$(grep -c . report/samples.csv)" 100 "rows of samples"

it "says the same again from the raw data"
cp -r report again
rm again/*.csv again/report.html again/summary.json again/metrics.om again/bench.txt
exits "$code" "$HEAPGATE" ab --render again
diff -r report again || flunk "the report is not the same again"
exits 1 "$HEAPGATE" ab --render nowhere
has "$OUT" "nowhere/raw.json"

# From here on what was measured does not count: again is 2 % more than the
# baseline, the arm twice as much, in each round: 1.98 times what the baseline's
# two runs had.
cp -r report made
py made/raw.json <<'EOT'
import json, sys
c = json.load(open(sys.argv[1]))
base = [r for r in c["runs"] if r["arm"] == 0][-1]
c["runs"] = []
for n in range(6):
    for arm, factor in enumerate((1, 1.02, 2)):
        r = json.loads(json.dumps(base))
        r.update(arm=arm, round=n, place=arm, attempt=0, void="")
        for s in r["samples"]:
            s[1] = int(s[1] * factor)
        for reading in [r["base"], *(p["end"] for p in r["phases"])]:
            reading["anon_bytes"] = int(reading["anon_bytes"] * factor)
            reading["lazyfree_bytes"] = 0
        c["runs"].append(r)
c["is_partial"], c["gates"] = False, []
json.dump(c, open(sys.argv[1], "w"))
EOT
gates() { exits "$1" "$HEAPGATE" ab --render made "${@:2}"; }

it "ends as the gates say"
gates 0 --gate 'rss_avg<=2.1x' --gate 'rss_avg<=1000000000'
has "$OUT" "hybrid takes more memory, 1.98×"
has "$OUT" "gate rss_avg<=2.1x: holds"
gates 3 --gate 'rss_avg<=2.1x' --gate 'rss_avg<=1.9x'
has "$OUT" "gate rss_avg<=1.9x: broken"
gates 3 --gate 'rss_avg<=1000'
gates 2 --gate 'rss<=2x'
has "$OUT" "rss_avg"
sed -i 's/"void": ""/"void": "made so"/' made/raw.json
cp -r made void
exits 4 "$HEAPGATE" ab --render void --gate 'rss_avg<=2.1x'
has "$OUT" "UNRELIABLE"
has "$(cat void/report.html)" 'class="verdict unreliable"'
sed -i 's/"void": "made so"/"void": ""/' made/raw.json
gates 0

it "refuses what makes no sense"
exits 69 "$HEAPGATE" ab --arms /nowhere/lib.so --out no
exits 2 "$HEAPGATE" ab --arms hybrid --duration 1s --out no
has "$OUT" "--duration 29s or more"
exits 2 "$HEAPGATE" ab --arms hybrid+bloat=10 --out no
[ ! -e no ] || flunk "it left something"

it "does not count a run whose idle connections were not there"
ports
start_backend
simple_conf "127.0.0.1:$BACKEND_PORT" "limits { connections 40 }"
"$HEAPGATE" ab --arms hybrid --config "$CONF" --workload get:/name --rounds 1 \
	--duration 4s --rate 20 --connections 5 --idle 100 --out few >few.log 2>&1
has "$(cat few.log)" "connections could not be opened"
is "$(summary few 's["runs_void"]')" 6 "void runs, each tried twice"

it "ends after the round on Ctrl-C, with a report that says so"
start interrupted setsid "$HEAPGATE" ab --arms hybrid --rounds 6 --duration 22s \
	--rate 100 --connections 10 --out cut
begun() { (cd cut && grep -q ready work/processes.log); }
soon 10 begun
kill -INT -- "-$PID"
code=0
wait "$PID" || code=$?
cat interrupted.log
is $code 0 "exit"
is "$(summary cut 's["partial"], s["rounds_whole"] <= 2')" "(True, True)"
has "$(cat cut/report.html)" "Partial ("
is "$(ls cut | grep -v '^work$' | xargs)" "$FILES" "files"
at_least "$(grep -c '^1,' cut/rounds.csv)" 3 "runs of the first round"

need chromium
shots=$B/tests/report
mkdir -p "$shots"
it "looks right in a browser (pictures: ${shots#"$TOP"/})"
py "$PWD" "$shots" <<'EOT'
import re, sys
from browser import Browser

here, shots = sys.argv[1:]
ARMS = ("system", "system (again)", "hybrid")
# Pixels of each arm's colour in a chart: its line is there.
LINES = """(chart => {
    const seen = colours.map(() => 0);
    for (const c of document.querySelectorAll(chart + ' canvas')) {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const rgb = colours.map(x => [1, 3, 5].map(i => parseInt(x.slice(i, i + 2), 16)));
        for (let i = 0; i < d.length; i += 4)
            rgb.forEach((x, k) => {
                if (d[i + 3] > 200 && Math.abs(d[i] - x[0]) + Math.abs(d[i + 1] - x[1]) +
                        Math.abs(d[i + 2] - x[2]) < 30)
                    seen[k]++;
            });
    }
    return seen;
})"""


def look(b, folder, words, width, dark, script=True):
    page = b.open(f"file://{here}/{folder}/report.html", width=width, height=900,
                  dark=dark, script=script)
    charts = script and page.value("typeof Dygraph !== 'undefined'")
    if charts:
        page.wait("document.querySelectorAll('#latency canvas').length > 0")
        legend = page.value("document.getElementById('time-legend').textContent")
        assert all(a in legend for a in ARMS), legend
        lines = page.value(LINES + "('#time')")
        assert len(lines) == 3 and all(n > 50 for n in lines), lines
    verdict = page.value("document.getElementById('verdict').innerText")
    assert re.search(words, verdict), verdict
    rows = page.value("[...document.querySelector('table').tBodies[0].rows]"
                      ".map(r => r.cells[0].textContent)")
    assert rows == list(ARMS), rows
    wide = page.value("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} px too wide at {width}"
    name = f"{folder}-{width}-{'dark' if dark else 'light'}"
    page.screenshot(f"{shots}/{name}{'' if script else '-without-script'}.png")
    assert not page.complaints, page.complaints
    assert all(u.startswith(("file:", "data:")) for u in page.requests), page.requests
    page.close()
    return charts


with Browser("chromium") as b:
    charts = look(b, "made", "hybrid takes more memory, 1.98×", 1280, False)
    look(b, "made", "hybrid takes more memory, 1.98×", 390, True)
    look(b, "made", "takes more memory", 1280, False, script=False)
    look(b, "report", r"system.*hybrid|No verdict", 1280, False)
    page = b.open(f"file://{here}/void/report.html")
    assert page.value("document.getElementById('verdict').innerText").startswith("Unreliable")
    page.screenshot(f"{shots}/unreliable.png")
print("  with charts" if charts else "  without charts: no libjs-dygraphs")
EOT
