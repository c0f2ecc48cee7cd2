#!/usr/bin/env bash
# Prometheus, as Debian ships it, takes what heapgate says: promtool finds
# nothing to complain about, a server scrapes it, and each query of the
# dashboard and each alert rule in examples/grafana runs on it.
. "$(dirname "$0")/lib.sh"

# The package starts a service when it is installed, so it is only unpacked.
unpack() {
	local dir=$B/prometheus
	[ ! -x "$dir/usr/bin/prometheus" ] || { echo "$dir/usr/bin"; return; }
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
	mkdir -p "$TMPDIR/deb" "$dir"
	(cd "$TMPDIR/deb" && timeout 60 apt-get download prometheus) >deb.txt 2>&1 ||
		return 1
	dpkg-deb -x "$TMPDIR"/deb/prometheus_*.deb "$dir" && echo "$dir/usr/bin"
}
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
	bin=$(unpack) || skip "there is no prometheus, and no package of it to be had"
	PATH=$bin:$PATH
fi

start_backend
ports
. "$TOP/tests/e2e/experiment.sh"
arms_conf random
start_heapgate
split 127.0.0.1 60 0
sleep 1.2

it "passes promtool check metrics"
curl -fs "http://127.0.0.1:$METRICS/metrics?slow" >scrape
promtool check metrics <scrape >complaints 2>&1 || flunk "$(cat complaints)"
is "$(cat complaints)" ""

it "passes promtool check rules"
promtool check rules "$TOP/examples/grafana/alerts.yml" >rules 2>&1 || flunk "$(cat rules)"

it "is scraped by the server"
P=$(free_port)
cat >prometheus.yml <<YML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$TOP/examples/grafana/alerts.yml]
scrape_configs:
  - job_name: heapgate
    static_configs: [{targets: ["127.0.0.1:$METRICS"]}]
YML
start prometheus prometheus --config.file=prometheus.yml \
	--storage.tsdb.path="$TMPDIR/tsdb" --web.listen-address=127.0.0.1:"$P" \
	--log.level=warn
wait_port "$P" "$PID"
query() { # EXPR: how many series, or the error
	curl -s "http://127.0.0.1:$P/api/v1/query" --data-urlencode "query=$1" | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(len(r["data"]["result"]) if r["status"] == "success" else r["error"])'
}
is_up() { [ "$(query 'up == 1')" = 1 ]; }
soon 20 is_up
split 127.0.0.1 60 0
sleep 3
is "$(query 'scrape_samples_scraped > 200')" 1
is "$(curl -s "http://127.0.0.1:$P/api/v1/targets" | grep -c '"lastError":""')" 1

it "shows anonymous memory by arm"
is "$(query 'heapgate_memory_anon_bytes{arm="a"} > 100000')" 2
is "$(query 'heapgate_memory_anon_bytes{arm="b"} > 100000')" 1
is "$(query 'avg by (arm) (heapgate_memory_anon_bytes)')" 2

it "answers each query of the dashboard, all with data"
python3 - "$TOP/examples/grafana/heapgate.json" >queries <<'EOT'
import json, sys
for p in json.load(open(sys.argv[1]))["panels"]:
    for t in p.get("targets", []):
        e = t["expr"].replace("$job", "heapgate").replace("$arm", ".*")
        print(p["title"], e.replace("$__rate_interval", "10s"), sep="\t")
EOT
at_least "$(wc -l <queries)" 14 "queries"
while IFS=$'\t' read -r title expr; do
	n=$(query "$expr")
	case $title in
	Answers*) [[ $n =~ ^[0-9]+$ ]] || flunk "$title: $n" ;; # there are none
	*) [[ $n =~ ^[1-9][0-9]*$ ]] || flunk "$title: '$n' for $expr" ;;
	esac
done <queries

it "evaluates each alert, and none fires"
rules=$(curl -s "http://127.0.0.1:$P/api/v1/rules")
is "$(python3 -c 'import json, sys
r = [x for g in json.load(sys.stdin)["data"]["groups"] for x in g["rules"]]
print(len(r), [(x["name"], x["health"], x.get("lastError")) for x in r if x["health"] != "ok"],
      [x["name"] for x in r if x["state"] == "firing"])' <<<"$rules")" "9 [] []"

it "tells of an arm that is drained"
"$HEAPGATE" ctl -c "$CONF" experiment drain b >/dev/null
fires() {
	curl -s "http://127.0.0.1:$P/api/v1/alerts" | grep -q HeapgateArmDrained
}
soon 10 fires
