#!/usr/bin/env bash
# Connections that are quiet for two seconds are folded: what they hold leaves
# RAM. They answer as before when they are wanted again, over HTTP/2 and
# HTTP/1.1, with streams open or none, with bodies both ways; they hear of a drain
# and end by their idle timeout, folded as they are; and nothing is left then.
. "$(dirname "$0")/lib.sh"

need nghttpd python3
start_backend
cert
file 64k 64K
TLSD=$(free_port)
start nghttpd nghttpd -a 127.0.0.1 -d "$WWW" "$TLSD" "$KEY" "$CERT"
wait_port "$TLSD" "$PID"

# start_with ALLOCATOR IDLE_TIMEOUT
start_with() {
	ports
	conf <<-CONF
		workers 1
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		route /64k tls
		route / app
		upstream app { server 127.0.0.1:$BACKEND_PORT }
		upstream tls { server 127.0.0.1:$TLSD proto=h2 tls verify=off; idle_timeout 4s }
		limits { idle_timeout $2; streams 500; client_connections 0 }
		metrics 127.0.0.1:$METRICS
	CONF
	start_heapgate --allocator "$1"
}

cat >quiet.py <<'EOT'
import hashlib, http.client, os, re, signal, socket, ssl, sys, time
import urllib.request
import h2

port, metrics, n_h2, n_h1 = map(int, sys.argv[1:5])
SENT = bytes(range(251)) * 200
SUM = "%s %d\n" % (hashlib.sha256(SENT).hexdigest(), len(SENT))
PATTERN = bytes(range(256)) * 256
FILE = open("www/64k", "rb").read()

class Conn(h2.Conn):
    def __init__(self):
        self.bodies = {}
        super().__init__(port, timeout=60)
    def read_frame(self):
        r = super().read_frame()
        if r[0] == h2.DATA and r[3]:
            self.bodies[r[2]] = self.bodies.get(r[2], b"") + r[3]
            self.open_window(r[2], len(r[3]))
        return r
    def body(self, sid):
        self.wait_end(sid)
        assert self.streams[sid].status == 200, self.streams[sid].status
        return self.bodies[sid]
    def use(self):
        sid = self.ask("/sum", method="POST", end=False)
        for i in range(0, len(SENT), 10000):
            last = i + 10000 >= len(SENT)
            self.send(h2.frame(h2.DATA, h2.END_STREAM if last else 0, sid,
                               SENT[i:i + 10000]))
        other = self.ask("/bytes/100000")
        file = self.ask("/64k")
        assert self.body(sid).decode() == SUM
        assert self.body(other) == (PATTERN * 2)[:100000]
        assert self.body(file) == FILE
    def closed_in_order(self):
        try:
            while True:
                self.read_frame()
        except EOFError:
            assert self.goaway and self.goaway[1] == 0, self.goaway

class Old(http.client.HTTPConnection):
    def connect(self):
        raw = socket.create_connection(("127.0.0.1", port), 60)
        self.sock = h2.context(None).wrap_socket(raw)
    def get(self, path):
        self.request("GET", path)
        return self.getresponse().read()
    def use(self):
        assert self.sock
        self.request("POST", "/sum", SENT)
        assert self.getresponse().read().decode() == SUM
        assert self.get("/bytes/100000") == (PATTERN * 2)[:100000]
        assert self.get("/64k") == FILE
    def closed_in_order(self):
        assert self.sock.recv(1) == b""

def metric(name):
    url = "http://127.0.0.1:%d/metrics" % metrics
    text = urllib.request.urlopen(url, timeout=30).read().decode()
    return sum(int(v) for v in re.findall(r"(?m)^%s\{.*\} (\d+)$" % name, text))
def folded():
    return metric("heapgate_allocator_folded_bytes")
def wait_folded(want):
    end = time.time() + 20
    while folded() < want:
        assert time.time() < end, "%d bytes of %d are folded" % (folded(), want)
        time.sleep(0.1)

def open_all():
    new = [Conn() for _ in range(n_h2)]
    old = [Old("127.0.0.1", port) for _ in range(n_h1)]
    for c in old:
        c.connect()
    return new, old
# A page at least of each SSL, wherever it lies; where pages are aligned, both of its
# pages and the one of each session.
WANT = (n_h2 + n_h1) * 4096
ALL = (3 * n_h2 + 2 * n_h1) * 4096
EOT

for name in jemalloc system hybrid; do
	start_with "$name" 60s

	it "$name: quiet connections are folded, used again, and drained"
	py "$PORT" "$METRICS" 120 40 "$HG" "$name" <<-'EOT'
		import sys
		exec(open("quiet.py").read())
		pid, name = int(sys.argv[5]), sys.argv[6]
		new, old = open_all()
		wait_folded(WANT)  # none of them has ever asked
		if name == "hybrid":
		    wait_folded(ALL)
		before = folded()
		url = "http://127.0.0.1:%d/memory" % metrics
		text = urllib.request.urlopen(url, timeout=30).read().decode()
		assert '"folded":' in text.replace(" ", "")
		assert folded() >= before, "looking at them has unfolded them"
		for c in new + old:
		    c.use()
		# One whose table of streams has grown, one with streams that wait.
		many = new[0].ask("/delay/500", 300)
		for sid in range(many - 598, many + 2, 2):
		    new[0].wait_end(sid)
		waiting = [c.ask("/delay/3500") for c in new[:20]]
		wait_folded(WANT)
		for c, sid in zip(new, waiting):
		    c.wait_end(sid)
		for c in new + old:
		    c.use()
		wait_folded(WANT)
		for c in new[:40] + old[:10]:
		    c.sock.close()
		for c in new[40:60]:
		    c.use()
		wait_folded((n_h2 - 40 + n_h1 - 10) * 4096)
		late = new[60].ask("/delay/1000")
		time.sleep(0.1)
		os.kill(pid, signal.SIGTERM)
		new[60].wait_end(late)
		for c in new[40:] + old[10:]:
		    c.closed_in_order()
	EOT
	code=0
	wait "$HG" || code=$?
	is $code 0 "exit code"

	it "$name: folded connections end by their idle timeout, and nothing is left"
	start_with "$name" 8s
	py "$PORT" "$METRICS" 60 20 <<-'EOT'
		exec(open("quiet.py").read())
		new, old = open_all()
		for c in new + old:
		    c.use()
		wait_folded(WANT // 2)  # the first may have been closed
		for c in new + old:
		    c.closed_in_order()
	EOT
	none() { [ "$(metric heapgate_allocator_folded_bytes)" = 0 ]; }
	soon 15 none
	stop "$HG"
done
