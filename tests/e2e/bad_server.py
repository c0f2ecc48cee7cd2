#!/usr/bin/env python3
"""Servers that misbehave, and clients that look at what comes of it.

    bad_server.py H1_PORT H2C_PORT TLS_PORT CLEAR_PORT [FAULT...]

Is the servers on H1_PORT and H2C_PORT; asks heapgate for each fault over HTTP/1.1,
HTTP/1.0 and HTTP/2. Host is h1.test or h2.test, for the server that is meant.
Prints a line for each outcome that may not be, then how many were looked at.

Each fault is a list of what is sent after the request has come: bytes, a
number of seconds to wait, or CLOSE, RESET, STAY (wait for the next request).
"""

import asyncio
import socket
import struct
import sys
import threading
import time

import h2
from h2 import END_HEADERS, END_STREAM, block, frame

CLOSE, RESET, STAY = "close", "reset", "stay"
NOW = {"good": None, "h1": None, "h2": None}  # what is played


def answer(body=b"hello", *fields, status=b"200 OK"):
    lines = [b"HTTP/1.1 " + status] + list(fields)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def with_length(body=b"hello", *fields):
    return answer(body, b"Content-Length: %d" % len(body), *fields)


def chunked(body, *fields):
    return answer(body, b"Transfer-Encoding: chunked", *fields)


def endless(part, seconds=0.0):
    while True:
        yield part
        if seconds:
            yield seconds


CUT = b"A" * 50000
H1 = {
    # before there is an answer
    "close": [CLOSE],
    "reset": [RESET],
    "half-head": [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
    "half-line": [b"HTTP/1.", CLOSE],
    "garbage": [b"ZZZ this is no protocol\r\n\r\n", CLOSE],
    "tls": [b"\x15\x03\x01\x00\x02\x02\x28", CLOSE],
    # heads that are none
    "length-text": [answer(b"hello", b"Content-Length: 5x"), STAY],
    "length-negative": [answer(b"hello", b"Content-Length: -5"), STAY],
    "length-plus": [answer(b"hello", b"Content-Length: +5"), STAY],
    "length-empty": [answer(b"hello", b"Content-Length:"), STAY],
    "length-huge": [answer(b"hello", b"Content-Length: 99999999999999999999"), STAY],
    "lengths-differ": [answer(b"hello", b"Content-Length: 5", b"Content-Length: 6"),
                       STAY],
    "length-list": [answer(b"hello", b"Content-Length: 5, 6"), STAY],
    "length-and-chunked": [chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 5"),
                           STAY],
    "coding-unknown": [answer(b"hello", b"Transfer-Encoding: gzip"), CLOSE],
    "coding-not-last": [answer(b"5\r\nhello\r\n0\r\n\r\n",
                               b"Transfer-Encoding: chunked, gzip"), CLOSE],
    "coding-twice": [answer(b"5\r\nhello\r\n0\r\n\r\n",
                            b"Transfer-Encoding: chunked",
                            b"Transfer-Encoding: chunked"), CLOSE],
    "coding-in-1.0": [b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"5\r\nhello\r\n0\r\n\r\n", CLOSE],
    "no-colon": [with_length(b"hello", b"no colon here"), STAY],
    "folded": [with_length(b"hello", b"X-A: b\r\n c"), STAY],
    "nul": [with_length(b"hello", b"X-A: b\0c"), STAY],
    "bare-cr": [with_length(b"hello", b"X-A: b\rX-B: c"), STAY],
    "bare-lf": [with_length(b"hello", b"X-A: b\nX-B: c"), STAY],
    "space-before-colon": [with_length(b"hello", b"X-A : b"), STAY],
    "status-99": [answer(b"", b"Content-Length: 0", status=b"99 Low"), STAY],
    "status-600": [answer(b"", b"Content-Length: 0", status=b"600 High"), STAY],
    "status-long": [answer(b"", b"Content-Length: 0", status=b"2000 OK"), STAY],
    "version-2": [b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", STAY],
    "version-none": [b"200 OK\r\nContent-Length: 0\r\n\r\n", STAY],
    "upgrade-unasked": [answer(b"", b"Connection: upgrade", b"Upgrade: websocket",
                               status=b"101 Switching"), STAY],
    "endless-line": [b"HTTP/1.1 200 " + b"a" * 4000000, CLOSE],
    "endless-head": [b"HTTP/1.1 200 OK\r\n",
                     b"X-A: b\r\n" * 500000, CLOSE],
    "endless-infos": lambda: endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless-hints": lambda: endless(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.001),
    # bodies cut short
    "short": [answer(b"A" * 50, b"Content-Length: 100"), CLOSE],
    "short-reset": [answer(CUT, b"Content-Length: 100000"), 0.1, RESET],
    "short-close": [answer(CUT, b"Content-Length: 100000"), 0.1, CLOSE],
    "until-close-reset": [answer(CUT), 0.1, RESET],
    "chunk-cut": [chunked(b"100\r\nnot so much"), CLOSE],
    "chunk-none-last": [chunked(b"5\r\nhello\r\n"), CLOSE],
    "chunk-half-end": [chunked(b"5\r\nhello\r\n0\r\n"), CLOSE],
    "chunk-bad-size": [chunked(b"5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n"), STAY],
    "chunk-minus": [chunked(b"5\r\nhello\r\n-5\r\nhello\r\n0\r\n\r\n"), STAY],
    "chunk-huge": [chunked(b"5\r\nhello\r\nfffffffffffffffff\r\nhello"), STAY],
    "chunk-longer": [chunked(b"5\r\nhello!\r\n0\r\n\r\n"), STAY],
    "chunk-bare-lf": [chunked(b"5\r\nhello\r\n5\nhello\r\n0\r\n\r\n"), STAY],
    "chunk-endless-extension": [chunked(b"5\r\nhello\r\n5;a="),
                                b"b" * 200000, STAY],
    "trailers-endless": [chunked(b"5\r\nhello\r\n0\r\n"), b"x-a: b\r\n" * 50000, STAY],
    "trailer-bad": [chunked(b"5\r\nhello\r\n0\r\nx a: b\r\n\r\n"), STAY],
    # more than was asked for: the answer stands, the connection must go
    "too-much": [answer(b"hello, and more", b"Content-Length: 5"), STAY],
    "two": [with_length(b"hello") + with_length(b"EVIL!"), STAY],
    "two-late": [with_length(b"hello"), 0.1, with_length(b"EVIL!"), STAY],
    "two-chunked": [chunked(b"5\r\nhello\r\n0\r\n\r\n") + with_length(b"EVIL!"), STAY],
    "no-content": [answer(b"", status=b"204 No Content") + with_length(b"EVIL!"), STAY],
    "not-modified": [answer(b"", b"Content-Length: 5", status=b"304 Not Modified") +
                     b"hello" + with_length(b"EVIL!"), STAY],
    "head": [answer(b"", b"Content-Length: 5") + b"hello" + with_length(b"EVIL!"),
             STAY],
}


async def play(writer, steps):
    for step in steps:
        if isinstance(step, bytes):
            writer.write(step)
            await asyncio.wait_for(writer.drain(), 10)
            await asyncio.sleep(0)  # to hear of the end
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step is RESET:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return CLOSE
        else:
            return step
    return CLOSE


async def serve_h1(reader, writer):
    again = STAY
    while again is STAY:
        await reader.readuntil(b"\r\n\r\n")
        if NOW["good"]:
            again = await play(writer, [with_length(NOW["good"]), STAY])
        else:
            again = await play(writer, NOW["h1"])


# --- HTTP/2 ------------------------------------------------------------------


def heads(sid, fields, flags=END_HEADERS, kind=h2.HEADERS):
    return frame(kind, flags, sid, block(fields))


OK = [(":status", "200")]


def data(sid, text, flags=0):
    return frame(h2.DATA, flags, sid, text)


def goaway(last, code):
    return frame(h2.GOAWAY, 0, 0, struct.pack(">II", last, code))


def rst(sid, code):
    return frame(h2.RST_STREAM, 0, sid, struct.pack(">I", code))


def bad_field(*field):
    return lambda i: [heads(i, OK + [field]), data(i, b"hello", END_STREAM), STAY]


H2 = {
    # before there is an answer
    "close": lambda i: [CLOSE],
    "reset": lambda i: [RESET],
    "goaway-error": lambda i: [goaway(i, 2), CLOSE],
    "rst": lambda i: [rst(i, 2), STAY],
    "rst-ok": lambda i: [rst(i, 0), STAY],
    "garbage": lambda i: [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", STAY],
    "data-first": lambda i: [data(i, b"hello", END_STREAM), STAY],
    "no-status": lambda i: [heads(i, [("x", "y")]), data(i, b"hello", END_STREAM), STAY],
    "two-statuses": lambda i: [heads(i, OK + OK), data(i, b"hello", END_STREAM), STAY],
    "status-text": lambda i: [heads(i, [(":status", "2x0")]),
                              data(i, b"hello", END_STREAM), STAY],
    "status-9": lambda i: [heads(i, [(":status", "099")]),
                           data(i, b"hello", END_STREAM), STAY],
    "status-late": lambda i: [heads(i, [("x", "y")] + OK),
                              data(i, b"hello", END_STREAM), STAY],
    "path-in-answer": bad_field(":path", "/"),
    "upper-case": bad_field("X-Upper", "y"),
    "connection": bad_field("connection", "close"),
    "coding": bad_field("transfer-encoding", "chunked"),
    "newline": bad_field("x-a", "b\r\nx-c: d"),
    "nul": bad_field("x-a", "b\0c"),
    "space-in-name": bad_field("x a", "b"),
    "colon-in-name": bad_field("x:a", "b"),
    "length-text": bad_field("content-length", "5x"),
    "lengths-differ": lambda i: [heads(i, OK + [("content-length", "5"),
                                                ("content-length", "6")]),
                                 data(i, b"hello", END_STREAM), STAY],
    "info-ends": lambda i: [heads(i, [(":status", "103")], END_HEADERS | END_STREAM),
                            STAY],
    "switching": lambda i: [heads(i, [(":status", "101")]),
                            heads(i, OK), data(i, b"hello", END_STREAM), STAY],
    "endless-infos": lambda i: endless(heads(i, [(":status", "103")]) * 20, 0.001),
    "endless-continuation": lambda i: iter(
        [heads(i, OK, 0)] + [frame(h2.CONTINUATION, 0, i, block([("x", "y" * 9000)]))]
        * 500 + [STAY]),
    "large-frame": lambda i: [frame(h2.HEADERS, END_HEADERS, i, b"\0" * 20000), STAY],
    "bad-hpack": lambda i: [frame(h2.HEADERS, END_HEADERS, i, b"\xff\xff\xff\xff\xff"),
                            STAY],
    "push": lambda i: [frame(h2.PUSH_PROMISE, END_HEADERS, i,
                             struct.pack(">I", 2) + h2.request("/x", "x")), STAY],
    # bodies cut short
    "short": lambda i: [heads(i, OK + [("content-length", "100")]),
                        data(i, b"A" * 50, END_STREAM), STAY],
    "short-close": lambda i: [heads(i, OK), data(i, b"A" * 50), 0.1, CLOSE],
    "short-reset": lambda i: [heads(i, OK), data(i, b"A" * 50), 0.1, RESET],
    "short-rst": lambda i: [heads(i, OK), data(i, b"A" * 50), rst(i, 2), STAY],
    "short-rst-ok": lambda i: [heads(i, OK), data(i, b"A" * 50), rst(i, 0), STAY],
    "short-goaway": lambda i: [heads(i, OK), data(i, b"A" * 50), goaway(0, 2), CLOSE],
    "too-much": lambda i: [heads(i, OK + [("content-length", "5")]),
                           data(i, b"hello, and more", END_STREAM), STAY],
    "over-window": lambda i: [heads(i, OK)] + [data(i, b"A" * 16384)] * 2000 + [STAY],
    "trailer-status": lambda i: [heads(i, OK), data(i, b"hello"),
                                 heads(i, OK, END_HEADERS | END_STREAM), STAY],
    "trailers-without-end": lambda i: [heads(i, OK), data(i, b"hello"),
                                       heads(i, [("x", "y")]), STAY],
    "window-zero": lambda i: [heads(i, OK), data(i, b"hello"),
                              frame(h2.WINDOW_UPDATE, 0, i, b"\0\0\0\0"), STAY],
    "window-over": lambda i: [heads(i, OK), data(i, b"hello"),
                              frame(h2.WINDOW_UPDATE, 0, i, b"\x7f\xff\xff\xff"), STAY],
    # content where there can be none
    "no-content": lambda i: [heads(i, [(":status", "204")]),
                             data(i, b"hello", END_STREAM), STAY],
    "not-modified": lambda i: [heads(i, [(":status", "304")]),
                               data(i, b"hello", END_STREAM), STAY],
    "head": lambda i: [heads(i, OK), data(i, b"hello", END_STREAM), STAY],
    "after-end": lambda i: [heads(i, OK), data(i, b"hello", END_STREAM),
                            data(i, b"more"), STAY],
}


async def serve_h2(reader, writer):
    await reader.readexactly(len(h2.PREFACE))
    writer.write(h2.settings([(3, 100)]))
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, sid = struct.unpack(">BBI", head[3:])
        if kind == h2.SETTINGS and not flags & h2.ACK:
            writer.write(frame(h2.SETTINGS, h2.ACK, 0))
        elif kind == h2.PING and not flags & h2.ACK:
            writer.write(frame(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.HEADERS:
            steps = NOW["h2"](sid) if not NOW["good"] else [
                heads(sid, OK), data(sid, NOW["good"], END_STREAM), STAY]
            if await play(writer, steps) is not STAY:
                return


async def accept(serve, reader, writer):
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError):
        pass
    finally:
        writer.close()


async def serve_all(ports, up):
    for port, serve in zip(ports, (serve_h1, serve_h2)):
        await asyncio.start_server(lambda r, w, s=serve: accept(s, r, w), "127.0.0.1",
                                   port, limit=1 << 18)
    up.set()
    await asyncio.Event().wait()


# --- clients -------------------------------------------------------------------

# What a fault may come to: 502, an answer that is visibly cut short (or 502), or
# the first five bytes as the answer.
CUT_SHORT = {
    "h1": {"short", "short-reset", "short-close", "until-close-reset", "chunk-cut",
           "chunk-none-last", "chunk-half-end", "chunk-bad-size", "chunk-minus",
           "chunk-huge", "chunk-longer", "chunk-bare-lf", "chunk-endless-extension",
           "trailers-endless", "trailer-bad"},
    "h2": {"short", "short-close", "short-reset", "short-rst", "short-rst-ok",
           "short-goaway", "too-much", "over-window", "trailer-status",
           "trailers-without-end", "window-zero", "window-over", "rst-ok", "rst",
           "no-content", "not-modified", "head", "after-end"},
}
WHOLE = {
    "h1": {"too-much", "two", "two-late", "two-chunked", "no-content", "not-modified",
           "head"},
    "h2": {"after-end", "no-content", "not-modified", "head", "info-ends"},
}


class Cut(Exception):
    pass


def read_answer(f, method):
    """Strictly; raises Cut unless it is whole. Interim answers are skipped."""
    status = 100
    while status < 200:
        line = f.readline()
        if not line.endswith(b"\r\n"):
            raise Cut("no status" if not line else "half a line")
        status = int(line.split(b" ")[1])
        fields = {}
        while True:
            line = f.readline()
            if line == b"\r\n":
                break
            if not line.endswith(b"\r\n"):
                raise Cut("half a head")
            k, _, v = line.partition(b":")
            fields[k.lower()] = v.strip()
    if method == "HEAD" or status in (204, 304):
        return status, b""
    if fields.get(b"transfer-encoding") == b"chunked":
        return status, read_chunks(f)
    if b"content-length" in fields:
        n = int(fields[b"content-length"])
        body = f.read(n)
        if len(body) < n:
            raise Cut("%d of %d bytes" % (len(body), n))
        return status, body
    return status, f.read()


def read_chunks(f):
    body = b""
    while True:
        line = f.readline()
        if not line.endswith(b"\r\n"):
            raise Cut("no last chunk")
        n = int(line, 16)
        part = f.read(n + 2) if n else b""
        if n and len(part) < n + 2:
            raise Cut("half a chunk")
        body += part[:-2]
        if not n:
            if f.readline() != b"\r\n":
                raise Cut("no end")
            return body


def ask_h1(port, host, method, version, then):
    """(status, body) or ("cut", why), and what a second request came to."""
    s = socket.create_connection(("127.0.0.1", port), 6)
    f = s.makefile("rb")
    text = "%s /x HTTP/%s\r\nHost: %s\r\n\r\n" % (method, version, host)
    text = text.encode()
    try:
        s.sendall(text)
        first = read_answer(f, method)
    except (Cut, OSError) as e:
        return ("cut", str(e)), None
    then()
    if version == "1.0":
        return first, None
    try:
        s.sendall(text.replace(b"HEAD", b"GET"))
        return first, read_answer(f, "GET")
    except (Cut, OSError):
        return first, None


class Body(h2.Conn):
    text = b""

    def read_frame(self):
        kind, flags, sid, payload = super().read_frame()
        if kind == h2.DATA:
            self.text += payload
        return kind, flags, sid, payload


def ask_h2(port, host, method, then):
    c = Body(port, timeout=6)

    def ask(how):
        c.text = b""
        sid = c.ask("/x", method=how, authority=host)
        try:
            got = c.wait(sid)
        except (EOFError, OSError) as e:
            return "cut", str(e)
        return ("cut", "reset") if got.reset is not None else (got.status, c.text)

    first = ask(method)
    then()
    second = ask("GET")
    return first, second if second[0] != "cut" else None


def may_be(proto, fault, got):
    if got[0] == 502:
        return True
    if fault in CUT_SHORT[proto] and got[0] == "cut":
        return True
    if fault not in WHOLE[proto]:
        return False
    return got in ((200, b"hello"), (204, b""), (304, b""), (200, b""))


def look(proto, fault, client, ask):
    method = "HEAD" if fault == "head" else "GET"
    NOW["good"] = None

    def then():
        if fault.endswith("-late"):
            time.sleep(0.15)
        NOW["good"] = b"first-good"

    first, second = ask(method, then)
    if not may_be(proto, fault, first):
        print("%s %s, asked by %s: %.200r" % (proto, fault, client, first))
    if second not in (None, (200, b"first-good")):
        print("%s %s, the next request of %s: %.200r" % (proto, fault, client, second))
    NOW["good"] = b"later-good"
    again = ask("GET", lambda: None)[0]
    if again != (200, b"later-good"):
        print("%s %s, after %s: %.200r" % (proto, fault, client, again))


def main():
    ports = [int(p) for p in sys.argv[1:5]]
    only = sys.argv[5:]
    tls, clear = ports[2:]
    up = threading.Event()
    threading.Thread(target=lambda: asyncio.run(serve_all(ports[:2], up)),
                     daemon=True).start()
    up.wait()
    n = 0
    for proto, faults in ("h1", H1), ("h2", H2):
        host = proto + ".test"
        for fault, steps in faults.items():
            if only and proto + ":" + fault not in only:
                continue
            for client, ask in (
                    ("HTTP/1.1", lambda m, t: ask_h1(clear, host, m, "1.1", t)),
                    ("HTTP/1.0", lambda m, t: ask_h1(clear, host, m, "1.0", t)),
                    ("HTTP/2", lambda m, t: ask_h2(tls, host, m, t))):
                NOW[proto] = steps() if callable(steps) and proto == "h1" else steps
                began = time.time()
                look(proto, fault, client, ask)
                if time.time() - began > 2:
                    print("%s %s, asked by %s: took %.1f s" % (
                        proto, fault, client, time.time() - began), flush=True)
                n += 1
    print("%d looked at" % n)


main()
