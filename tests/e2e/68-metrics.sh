#!/usr/bin/env bash
# One scrape shows all workers, in a form that Prometheus reads.
. "$(dirname "$0")/lib.sh"

start_backend
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
for _ in {1..20}; do get /name -o /dev/null; done

counted() { [ "$(metric heapgate_http_requests_total)" = "$1" ]; }

it "is live and ready, and says 404 to what it does not have"
base=http://127.0.0.1:$METRICS
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/livez")" 200
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/readyz")" 200
is "$(curl -s -o /dev/null -w '%{http_code}' "$base/none")" 404

it "counts what was asked"
soon 3 counted 20

it "shows each worker"
for pattern in heapgate_allocator_info heapgate_memory_resident_bytes; do
	is "$(metrics | grep -c "^$pattern{")" 2 "$pattern"
done

it "is well-formed: each sample has a type, no label set comes twice"
metrics >scrape
python3 - <<-'EOT'
	import re
	types, seen, last = {}, set(), None
	for line in open("scrape"):
	    line = line.rstrip("\n")
	    m = re.match(r"# TYPE (\S+) (counter|gauge|histogram)$", line)
	    if m:
	        assert m[1] not in types, line
	        types[m[1]] = m[2]
	    if line.startswith("#"):
	        continue
	    m = re.match(r'([a-z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? '
	                 r'(\S+)$', line)
	    assert m, line
	    float(m[3])
	    key = (m[1], m[2])
	    assert key not in seen, line
	    seen.add(key)
	    name = re.sub(r"_(bucket|sum|count)$", "", m[1])
	    assert m[1] in types or types.get(name) == "histogram", line
	assert len(types) > 30, len(types)
EOT

it "speaks OpenMetrics when asked to"
curl -s -H 'Accept: application/openmetrics-text; version=1.0.0' -D headers \
	"$base/metrics" >open
has "$(cat headers)" openmetrics-text
is "$(tail -n 1 open)" "# EOF"
