#!/usr/bin/env bash
# Clients that ask for much and take nothing of it cost little memory, and not
# for long.
. "$(dirname "$0")/lib.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer keeps memory of its own"
file small 100
file big 10M
start_nghttpd
start_backend
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route / h2c
	route /bytes h1
	upstream h2c { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
	upstream h1 { server 127.0.0.1:$BACKEND_PORT }
	limits { stream_timeout 12s }
	metrics 127.0.0.1:$METRICS
CONF

# stalled PATH WINDOW: ten connections with a hundred answers of 10 MiB each,
# of which WINDOW bytes are read; the worker grows by 24 MiB at most and serves
# others; the streams are ended.
stalled() {
	local idle before
	start_heapgate
	get /small -o /dev/null
	plain /bytes/100 -o /dev/null
	sleep 0.3
	idle=$(rss "$(worker)")
	before=$(metric 'heapgate_rejected_total.*"slow"')
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests \
		python3 - "$PORT" "$1" "$2" "$(worker)" "$idle" <<-'EOT'
		import sys, time, h2
		port, path, window, pid, idle = sys.argv[1:]
		def rss():
		    with open("/proc/%s/statm" % pid) as f:
		        return int(f.read().split()[1]) * 4
		conns = [h2.Conn(int(port), window=int(window)) for _ in range(10)]
		for c in conns:
		    c.ask(path, 100)
		    c.sock.settimeout(0.05)
		def n_heads():
		    return sum(bool(s.blocks) for c in conns for s in c.streams.values())
		# until all have begun, and a second more
		most, began, end = 0, time.time(), None
		while end is None or time.time() < end:
		    if end is None and (n_heads() == 1000 or time.time() - began > 9):
		        end = time.time() + 1
		    for c in conns:
		        try:
		            for _ in range(100):
		                c.read_frame()
		        except TimeoutError:
		            pass
		    most = max(most, rss())
		heads = n_heads()
		body = sum(s.body for c in conns for s in c.streams.values())
		print("%s: idle %s KiB, at most %d more; %d heads, %d KiB read" % (
		    path, idle, most - int(idle), heads, body >> 10))
		assert heads >= 300, heads
		assert most - int(idle) <= 24 * 1024, most - int(idle)
		# in the end each is reset or its connection closed
		end = time.time() + 60
		open_ = list(conns)
		while open_:
		    assert time.time() < end, "still open"
		    for c in list(open_):
		        try:
		            while not all(s.reset is not None for s in c.streams.values()):
		                c.read_frame()
		            open_.remove(c)
		        except TimeoutError:
		            pass
		        except (OSError, EOFError):
		            open_.remove(c)
	EOT
	is "$(get /small -o /dev/null -w '%{http_code}')" 200
	at_least "$(metric 'heapgate_rejected_total.*"slow"')" $((before + 100)) "slow ones"
	stop "$HG"
}

it "from h2c, windows closed from the start"
stalled /big 0
it "from h2c, windows that close after 16 KiB"
stalled /big 16384
it "from HTTP/1.1, windows closed from the start"
stalled /bytes/10485760 0
it "from HTTP/1.1, windows that close after 16 KiB"
stalled /bytes/10485760 16384

it "from an HTTP/1 server over TLS, no more than a record beyond what it may"
TLS_PORT=$(free_port)
start origin "$HEAPGATE" origin --listen "127.0.0.1:$TLS_PORT" --cert "$CERT" --key "$KEY"
wait_port "$TLS_PORT" "$PID"
cat >>"$CONF" <<-CONF
	route /bytes/10m tls
	upstream tls { server 127.0.0.1:$TLS_PORT tls verify=off }
CONF
start_heapgate
py "$PORT" "$METRICS" <<-'EOT'
	import json, sys, time, urllib.request
	import h2
	c = h2.Conn(int(sys.argv[1]), window=0)
	c.ask("/bytes/10m", 100)
	while sum(bool(s.blocks) for s in c.streams.values()) < 100:
	    c.read_frame()
	time.sleep(1)
	ask = urllib.request.Request("http://127.0.0.1:%s/memory" % sys.argv[2],
	                             headers={"accept": "application/json"})
	worker = json.load(urllib.request.urlopen(ask))["workers"][0]
	client = [x for x in worker["largest_connections"] if x["side"] == "client"][0]
	print("%d KiB for 100 answers" % (client["bodies"] >> 10))
	# 8 KiB each and a record of TLS, in blocks of 16 KiB
	assert 100 * 8192 <= client["bodies"] <= 100 * 33000, client
EOT
