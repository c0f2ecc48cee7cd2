#!/usr/bin/env bash
# SIGTERM under load: every request that was accepted completes, none fails,
# new connections are refused, and the exit code is 0.
. "$(dirname "$0")/lib.sh"

start_backend
start_nghttpd
file 1k 1K
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT" "
	route /1k h2
	upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }"
start_heapgate

it "starts clients that never pause, and slow requests in flight"
start slow-h2 curl -sS --http2 --cacert "$CERT" -o /dev/null -w '%{http_code}' \
	"$URL/delay/1500"
slow_h2=$PID
start slow-h1 curl -sS -o /dev/null -w '%{http_code}' \
	"http://127.0.0.1:$CLEAR/delay/1500"
slow_h1=$PID
start_py clients "$PORT" 8 <<-'EOT'
	import sys, threading, h2

	PATHS = ["/name", "/1k", "/bytes/70000", "/delay/50"]
	bad, done, lock = [], [0], threading.Lock()

	def client(port):
	    c = h2.Conn(port)
	    i = 0
	    open_ids = []
	    try:
	        while not c.goaway:
	            while len(open_ids) < 10 and not c.goaway:
	                open_ids.append(c.ask(PATHS[i % len(PATHS)]))
	                i += 1
	            _, _, sid, payload = c.read_frame()
	            if payload and sid:
	                c.open_window(sid, len(payload))
	            open_ids = [s for s in open_ids if not c.streams[s].ended]
	        while True:  # it closes when all are done
	            _, _, sid, payload = c.read_frame()
	            if payload and sid:
	                c.open_window(sid, len(payload))
	    except EOFError:
	        if not c.goaway or c.goaway[1]:
	            bad.append("closed with GOAWAY %s" % (c.goaway,))
	    except OSError as e:
	        bad.append("not closed in order: %s, GOAWAY %s, %d open" % (
	            e, c.goaway, sum(not s.ended for s in c.streams.values())))
	    last = c.goaway[0] if c.goaway else 0
	    for sid, s in c.streams.items():
	        if sid <= last and not (s.ended and s.status == 200):
	            bad.append("stream %d of %d: %s" % (sid, last, vars(s)))
	    with lock:
	        done[0] += sum(s.ended for s in c.streams.values())

	threads = [threading.Thread(target=client, args=(int(sys.argv[1]),))
	           for _ in range(int(sys.argv[2]))]
	print("running", flush=True)
	for t in threads:
	    t.start()
	for t in threads:
	    t.join(60)
	for b in bad[:20]:
	    print(b)
	print("answered %d, wrong %d" % (done[0], len(bad)))
	sys.exit(bool(bad) or any(t.is_alive() for t in threads))
EOT
clients=$PID
soon 10 grep -q running clients.log
sleep 1

it "lets everything in flight complete after SIGTERM"
kill -TERM "$HG"
code=0
wait "$clients" || code=$?
show "$(tail -n 1 clients.log)"
is $code 0 "$(cat clients.log)"
at_least "$(sed -nE 's/^answered ([0-9]+),.*/\1/p' clients.log)" 100 "answered"
wait $slow_h2 || true
wait $slow_h1 || true
is "$(cat slow-h2.log slow-h1.log)" 200200 "statuses of the slow ones"

it "exits 0 and listens no more"
code=0
wait "$HG" || code=$?
is $code 0 "exit code"
fails listening "$PORT"

it "ends by the deadline when a client stays"
ports
simple_conf "127.0.0.1:$BACKEND_PORT" "limits { drain_timeout 1s }"
start_heapgate
start never curl -sS "http://127.0.0.1:$CLEAR/never"
sleep 0.3
kill -TERM "$HG"
soon 4 gone "$HG"

it "ends at once at a second SIGTERM"
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
start never curl -sS "http://127.0.0.1:$CLEAR/never"
sleep 0.3
kill -TERM "$HG"
sleep 0.2
alive "$HG" || flunk "did not wait for the request"
kill -TERM "$HG"
soon 2 gone "$HG"
