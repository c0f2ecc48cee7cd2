#!/usr/bin/env bash
# The access log has a line for each request; SIGUSR1 opens a new file.
. "$(dirname "$0")/lib.sh"

start_backend
ports
simple_conf "127.0.0.1:$BACKEND_PORT" "log access $TMPDIR/access.log format=json
		log error $TMPDIR/error.log level=info"
start_heapgate
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

it "writes one line of JSON for each request"
get /name -o /dev/null
get /status/404 -o /dev/null -A 'a "quoted" agent\'
get /reset -o /dev/null
soon 3 lines access.log 3
python3 - <<-'EOT'
	import json
	rows = [json.loads(line) for line in open("access.log")]
	assert len(rows) == 3, rows
	assert [int(r["status"]) for r in rows] == [200, 404, 502], rows
	assert rows[0]["path"] == "/name" and rows[0]["method"] == "GET", rows
EOT

it "reopens its logs on SIGUSR1 and loses no line"
mv access.log access.1
kill -USR1 "$HG"
soon 3 test -e access.log
get /name -o /dev/null
soon 3 lines access.log 1
is "$(cat access.1 access.log | wc -l)" 4 "lines"

it "tells in the error log that it started and who runs"
has "$(cat error.log)" "allocator"

it "writes the combined format"
stop "$HG"
simple_conf "127.0.0.1:$BACKEND_PORT" "log access $TMPDIR/combined.log"
start_heapgate
get '/name?q=%22' -A 'some agent' -e 'http://before/' -o /dev/null
soon 3 lines combined.log 1
grep -qE '^127\.0\.0\.1 - - \[[^]]+\] "GET /name\?q=%22 HTTP/2(\.0)?" 200 8 "http://before/" "some agent"' \
	combined.log || flunk "$(cat combined.log)"
