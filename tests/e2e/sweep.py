"""Fails each allocation of a scripted session in turn, in a running worker.

sweep.py ORDERS PORT METRICS PID HOST SCHEME [STEP [FIRST]]

ORDERS is the file of +fail=file=ORDERS; PORT speaks TLS; HOST chooses the route to
try. The session: connect, TLS, a GET, a POST with a body, close;
by HTTP/2 if SCHEME is h2 or trailers, else by HTTP/1.1; with trailers both ways
in the second request if it is trailers: an answer without them is none. Prints one line of JSON, and exits
1 with the reason when something is not as it has to be.
"""

import json
import mmap
import os
import re
import socket
import ssl
import struct
import sys
import time
import urllib.request

import h2

ORDERS, PORT, METRICS, PID, HOST, SCHEME = sys.argv[1:7]
STEP = int(sys.argv[7]) if len(sys.argv) > 7 else 1
FIRST = int(sys.argv[8]) if len(sys.argv) > 8 else 1
PORT, PID = int(PORT), int(PID)
BODY = b"x" * 20000
LOOK_EVERY = int(os.environ.get("LOOK_EVERY", "50"))
TIMEOUT = 8

orders = mmap.mmap(os.open(ORDERS, os.O_RDWR), 16)


def arm(n):
    orders[0:8] = struct.pack("<Q", n)


def left():
    return struct.unpack("<Q", orders[0:8])[0]


def n_calls():
    return struct.unpack("<Q", orders[8:16])[0]


def wrong(why):
    print("sweep: " + why)
    sys.exit(1)


def session_h2():
    """What became of it: a list of outcomes."""
    seen = []
    c = h2.Conn(PORT, timeout=TIMEOUT)
    try:
        seen.append(c.outcome(c.ask("/bytes/3000", authority=HOST), TIMEOUT))
        sid = c.ask("/echo", method="POST", end=False, authority=HOST)
        for at in range(0, len(BODY), 5000):
            c.send(h2.frame(h2.DATA, 0, sid, BODY[at:at + 5000]))
        c.send(h2.frame(h2.DATA, h2.END_STREAM, sid))
        seen.append(c.outcome(sid, TIMEOUT))
    finally:
        c.close()
    return seen


TRAILER = b"\0\6x-mine\3yes"


def session_trailers():
    seen = []
    c = h2.Conn(PORT, timeout=TIMEOUT)
    try:
        seen.append(c.outcome(c.ask("/bytes/3000", authority=HOST), TIMEOUT))
        sid = c.ask("/trailers", method="POST", end=False, authority=HOST)
        c.send(h2.frame(h2.DATA, 0, sid, BODY[:100]))
        c.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, sid, TRAILER))
        seen.append(c.outcome(sid, TIMEOUT))
        s = c.streams[sid]
        if seen[-1] == ("answer", 200) and (s.blocks < 2 or s.last_block < 2 * len(TRAILER)):
            seen[-1] = ("cut",)
    finally:
        c.close()
    return seen


def answer_h1(f):
    line = f.readline()
    if not line:
        return ("closed",)
    length, chunked = 0, False
    while True:
        field = f.readline().strip().lower()
        if not field:
            break
        if field.startswith(b"content-length:"):
            length = int(field.split(b":")[1])
        chunked = chunked or field == b"transfer-encoding: chunked"
    while chunked:
        n = int(f.readline() or b"0", 16)
        if len(f.read(n + 2)) < n + 2:
            return ("closed",)
        if not n:
            break
    if not chunked and len(f.read(length)) < length:
        return ("closed",)
    return ("answer", int(line.split()[1]))


def session_h1():
    ctx = h2.context(("http/1.1",))
    seen = []
    with ctx.wrap_socket(socket.create_connection(("127.0.0.1", PORT), TIMEOUT)) as c:
        f = c.makefile("rb")
        head = " HTTP/1.1\r\nHost: " + HOST + "\r\n"
        c.sendall(("GET /bytes/3000" + head + "\r\n").encode())
        seen.append(answer_h1(f))
        if seen[-1] == ("closed",):
            return seen
        c.sendall(("POST /echo" + head +
                   "Content-Length: %d\r\n\r\n" % len(BODY)).encode() + BODY)
        seen.append(answer_h1(f))
    return seen


def session():
    try:
        return {"h2": session_h2, "h1": session_h1,
                "trailers": session_trailers}[SCHEME]()
    except socket.timeout:
        return [("silence",)]
    except (ssl.SSLError, EOFError, OSError, ValueError):
        return [("closed",)]


def live():
    """Usable bytes by life, and of all libraries."""
    text = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % METRICS).read().decode()
    sums = {}
    for labels, v in re.findall(r"heapgate_allocator_live_bytes\{(.*?)\} (\d+)", text):
        life = re.search('life="(.*?)"', labels)[1]
        sums[life] = sums.get(life, 0) + int(v)
        sums["all"] = sums.get("all", 0) + int(v)
    return sums


def settled(witness, want=None):
    """When all that came with sessions is gone, or after a while. The witness is
    asked meanwhile: folded it would hold other bytes than before."""
    end = time.time() + 5
    last = None
    while True:
        check_witness(witness, 0)
        now = live()
        same = last and now["conn"] == last["conn"] and now["stream"] == last["stream"]
        if want is None and same:
            return now
        if want and now["conn"] <= want["conn"] and now["stream"] <= want["stream"]:
            return now
        if time.time() > end:
            return now
        last = now
        time.sleep(0.15)


def alive():
    try:
        os.kill(PID, 0)
        with open("/proc/%d/stat" % PID) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def check_witness(witness, n):
    got = witness.outcome(witness.ask("/bytes/10"), TIMEOUT)
    if got != ("answer", 200):
        wrong("call %d failed, and another connection got %s" % (n, got))


def check_leaks(witness, base, since, n):
    now = settled(witness, base)
    for life in ("conn", "stream"):
        if now[life] > base[life]:
            wrong("calls %d to %d: %d bytes of life %s are left" % (
                since, n, now[life] - base[life], life))
    return now


def main():
    witness = h2.Conn(PORT, timeout=TIMEOUT)
    for _ in range(3):
        seen = session()
        if seen != [("answer", 200), ("answer", 200)]:
            wrong("without a failure: %s" % seen)
    check_witness(witness, 0)
    counts = []
    for _ in range(3):
        time.sleep(0.3)
        before = n_calls()
        session()
        time.sleep(0.1)
        counts.append(n_calls() - before)
    total = max(counts) + 10
    base = settled(witness)
    most = base["all"]
    outcomes, since, n_hit = {}, FIRST, 0
    for n in range(FIRST, total + 1, STEP):
        arm(n)
        seen = session()
        hit = left() == 0
        arm(0)
        n_hit += hit
        if not alive():
            wrong("call %d failed, and the worker is gone; the client saw %s" % (n, seen))
        for one in seen:
            outcomes[str(one)] = outcomes.get(str(one), 0) + 1
            if one[0] == "silence":
                wrong("call %d failed, and the client waits forever: %s" % (n, seen))
            if one[0] == "cut":
                wrong("call %d failed, and an answer looks whole without its "
                      "trailers" % n)
            if one[0] == "answer" and one[1] != 200 and one[1] < 500:
                wrong("call %d failed, and the client was told %s" % (n, seen))
        check_witness(witness, n)
        if (n - FIRST) // STEP % LOOK_EVERY == LOOK_EVERY - 1:
            check_leaks(witness, base, since, n)
            since = n + 1
    now = check_leaks(witness, base, since, total)
    if session() != [("answer", 200), ("answer", 200)]:
        wrong("it does not serve any more")
    print(json.dumps({"calls": total, "failed": n_hit, "outcomes": outcomes,
                      "live_before": most, "live_after": now["all"]}))


main()
