#!/usr/bin/env bash
# SIGHUP under load, again and again: no request fails, what is new is in use, a
# bad config changes nothing, and no set of workers or memory piles up.
. "$(dirname "$0")/lib.sh"

start_backend
ports
config() { # NAME of a route that there is besides
	WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT" "
		limits { drain_timeout 5s }
		admin unix:$TMPDIR/admin.sock
		route /$1 gone
		upstream gone { server 127.0.0.1:$NOBODY }"
}
NOBODY=$(free_port)
config first
start_heapgate
reloads() { metric 'heapgate_config_reloads_total\{result="done"'; }
is_config() { [ "$(plain "/$1" -o /dev/null -w '%{http_code}')" = 502 ]; }
is_config first || flunk "the config is not in use"

it "starts clients that never pause"
start_py clients "$PORT" 4 "$TMPDIR/enough" <<-'EOT'
	import os, sys, threading, h2

	bad, done, sessions, lock = [], [0], [0], threading.Lock()

	def session(port, enough):
	    c, open_ids = h2.Conn(port), []
	    try:
	        while not (c.goaway and c.goaway[0] < 2**31 - 1 and not open_ids):
	            while len(open_ids) < 5 and not c.goaway:
	                if os.path.exists(enough):
	                    if not open_ids:
	                        return c
	                    break
	                open_ids.append(c.ask("/bytes/3000"))
	            _, _, sid, payload = c.read_frame()
	            if payload and sid:
	                c.open_window(sid, len(payload))
	            open_ids = [s for s in open_ids if not c.streams[s].ended]
	    except EOFError:
	        if not c.goaway:
	            bad.append("closed without GOAWAY")
	    return c

	def client(port, enough):
	    while not os.path.exists(enough):
	        try:
	            c = session(port, enough)
	        except OSError as e:
	            bad.append("not in order: %s" % e)
	            continue
	        last = c.goaway[0] if c.goaway else 2**31
	        for sid, s in c.streams.items():
	            if sid <= last and not (s.ended and s.status == 200):
	                bad.append("stream %d of %d: %s" % (sid, last, vars(s)))
	        with lock:
	            sessions[0] += 1
	            done[0] += sum(s.ended for s in c.streams.values())
	        c.close()

	threads = [threading.Thread(target=client, args=(int(sys.argv[1]), sys.argv[3]))
	           for _ in range(int(sys.argv[2]))]
	print("running", flush=True)
	for t in threads:
	    t.start()
	for t in threads:
	    t.join(90)
	for b in bad[:20]:
	    print(b)
	print("answered %d in %d sessions, wrong %d" % (done[0], sessions[0], len(bad)))
	sys.exit(bool(bad) or any(t.is_alive() for t in threads))
EOT
clients=$PID
(
	until [ -e enough ]; do
		plain /name -o /dev/null -w '%{http_code}\n' --max-time 10 || echo failed
	done
) >codes 2>&1 &
asker=$!
LIB_STARTED+=("$asker")
soon 10 grep -q running clients.log
sleep 0.5

it "uses each new config, within the running sockets"
for i in 1 2 3 4 5 6; do
	config "new$i"
	kill -HUP "$HG"
	soon 10 is_config "new$i"
	is "$(plain "/first" -o /dev/null -w '%{http_code}')" 404 "a route that is gone"
	sleep 0.3
done
at_least "$(reloads)" 6 "reloads"

it "keeps what it has when the config is bad"
echo "nonsense" >>"$CONF"
"$HEAPGATE" ctl -s "$TMPDIR/admin.sock" reload >ctl.txt 2>&1 &&
	flunk "a bad config was taken"
has "$(cat ctl.txt)" 'unknown directive "nonsense"'
is_config new6 || flunk "the old config is not in use"

it "has failed nobody meanwhile"
: >enough
code=0
wait "$clients" || code=$?
show "$(tail -n 1 clients.log)"
is $code 0 "$(cat clients.log)"
at_least "$(sed -nE 's/^answered ([0-9]+) .*/\1/p' clients.log)" 100 "answered"
wait "$asker"
is "$(grep -cvx 200 codes || true)" 0 "requests over HTTP/1.1 that failed"
at_least "$(grep -c 200 codes)" 20 "requests over HTTP/1.1"

it "has the two workers of the last config, and no others"
two_left() { [ "$(workers | wc -l)" = 2 ]; }
soon 8 two_left
