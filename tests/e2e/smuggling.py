#!/usr/bin/env python3
"""Each known way to smuggle a request, and what the server got of it.

    smuggling.py SERVER_PORT TLS_PORT CLEAR_PORT

Is the server on SERVER_PORT and records every byte; sends each message to
heapgate, then reads what was recorded with a parser that knows nothing but
RFC 9112 to the letter. One request in: at most one out, never the one that is
hidden in it. (Where the message is by the same reading two requests in order,
as some harmless ones are, two may come out, with the same targets and bodies.)
Prints a line for each that is not so, then how many were sent, and how many of
them went through.
"""

import re
import socket
import struct
import sys
import threading
import time

import h2

HID = b"GET /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\n"
N = len(HID)


def post(*fields, body=b"", line=b"POST /seen HTTP/1.1", host=b"Host: a.test"):
    head = [line] + ([host] if host else []) + list(fields)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % N
END = b"0\r\n\r\n"
WHOLE = b"%x\r\n%s\r\n0\r\n\r\n" % (N, HID)

H1 = {
    "CL.TE": post(b"Content-Length: %d" % (N + 5), CHUNKED, body=END + HID),
    "TE.CL": post(CHUNKED, b"Content-Length: 4", body=WHOLE),
    "CL.0": post(LENGTH, body=HID),
    "CL.0 GET": post(LENGTH, body=HID, line=b"GET /seen HTTP/1.1"),
    "CL.0 in 1.0": post(LENGTH, body=HID, line=b"POST /seen HTTP/1.0"),
    "TE in 1.0": post(CHUNKED, body=END + HID, line=b"POST /seen HTTP/1.0"),
}
for i, te in enumerate((
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding:\x0cchunked",
        b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: \"chunked\"",
        b"Transfer-Encoding: 'chunked'", b"Transfer-Encoding: chunk",
        b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: cow, chunked",
        b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding: \r\n\tchunked",
        b" Transfer-Encoding: chunked", b"\tTransfer-Encoding: chunked",
        b"X: y\r\n Transfer-Encoding: chunked", b"Transfer_Encoding: chunked",
        b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\r\n: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
        b"TRANSFER-ENCODING: CHUNKED", b"Transfer-Encoding:chunked",
        b"Transfer-Encoding: chunked ", b"Transfer-Encoding: ,chunked,",
        b"Transfer-Encoding:", b"Transfer-Encoding: \xffchunked",
        b"Transfer-\x00Encoding: chunked", b"X-Transfer-Encoding: chunked")):
    H1["TE.TE %d" % i] = post(LENGTH, te, body=HID)
    H1["TE.TE %d, chunked" % i] = post(te, b"Content-Length: 4", body=WHOLE)
    H1["TE alone %d" % i] = post(te, body=END + HID)
for i, cl in enumerate((
        b"0\r\nContent-Length: %d" % N, b"%d\r\nContent-Length: 0" % N,
        b"%d, 0" % N, b"0, %d" % N, b"%d, %d" % (N, N), b"+%d" % N, b"-%d" % N,
        b"%d " % N, b"\t%d" % N, b" %d x" % N, b"0x%x" % N, b"%d.0" % N, b"%de0" % N,
        b"0%d" % N, b"00000000000000000000000000000%d" % N, b"1_0", b"\"%d\"" % N,
        b"", b"%d\r\n 0" % N, b"18446744073709551616", b"18446744073709551615",
        b"9223372036854775808", b"%d\x00" % N, b"%d\x0b" % N, b"%d;0" % N, b"%d\n0" % N)):
    H1["CL %d" % i] = post(b"Content-Length: " + cl, body=HID)
for i, cl in enumerate((b"Content-Length : %d" % N, b"Content-Length\t: %d" % N,
                        b"Content_Length: %d" % N, b" Content-Length: %d" % N,
                        b"Content-Length\x00: %d" % N, b"Content-Length\r\n:%d" % N,
                        b"X: y\nContent-Length: %d" % N, b"Content-Length%d" % N,
                        b"X: y\r\rContent-Length: %d" % N)):
    H1["CL name %d" % i] = post(cl, body=HID)
for i, body in enumerate((
        b"0;a=b\r\n\r\n" + HID, b"0\n\r\n" + HID, b"0\r\n\n" + HID, b"0\n\n" + HID,
        b"0\r\r\n\r\n" + HID, b"+0\r\n\r\n" + HID, b"-0\r\n\r\n" + HID,
        b"0x0\r\n\r\n" + HID, b"00000000000000000\r\n\r\n" + HID,
        b"5\r\nhello\n0\r\n\r\n" + HID, b"5\r\nhello\r0\r\n\r\n" + HID,
        b"5\r\nhelloXX0\r\n\r\n" + HID, b"5\r\nhello0\r\n\r\n" + HID,
        b"5;\n" + HID + b"\r\n0\r\n\r\n", b"5;a\n" + HID + b"\r\n0\r\n\r\n",
        b"5;a=\"\r\n" + HID + b"\"\r\n0\r\n\r\n", b"5;a=\"\n" + HID + b"\"\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"\r\n0\r\n\r\n" + HID,
        b"1;\r\rA\r\n0\r\n\r\n" + HID, b"fffffffffffffffff0\r\n" + HID,
        b"10000000000000000\r\n\r\n" + HID, b"g\r\n" + HID, b"\r\n\r\n" + HID,
        b"0\r\nContent-Length: %d\r\n\r\n" % N + HID,
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + HID, b"0\r\nX: y\n\r\n" + HID,
        b"0\r\n X: y\r\n\r\n" + HID, b"0\r\nX : y\r\n\r\n" + HID,
        b"0\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")):
    H1["chunk %d" % i] = post(CHUNKED, body=body)
for i, line in enumerate((
        b"GET /seen HTTP/1.1\nHost: a.test", b"GET /seen\tHTTP/1.1", b"GET  /seen HTTP/1.1",
        b"GET /seen  HTTP/1.1", b"GET /seen HTTP/1.1 ", b"GET /seen HTTP/1.1\rX: y",
        b" GET /seen HTTP/1.1", b"GET /seen HTTP/1.1\x00", b"GET /a b HTTP/1.1",
        b"GET /seen?x=\x0d\x0aHost:b HTTP/1.1", b"GET /seen#x HTTP/1.1",
        b"GET /seen\x00 HTTP/1.1", b"GET seen HTTP/1.1", b"GET //a HTTP/1.1",
        b"GET /seen HTTP/1.9", b"GET /seen HTTP/01.1", b"GET /seen http/1.1",
        b"GET /seen", b"G\tET /seen HTTP/1.1", b"GET\x0b/seen HTTP/1.1",
        b"\r\n\r\nGET /seen HTTP/1.1", b"\n\nGET /seen HTTP/1.1", b"GET /s\xc3\xa9 HTTP/1.1")):
    H1["line %d" % i] = post(line=line)
for i, (target, host) in enumerate((
        (b"http://b.test/seen", b"Host: a.test"), (b"http://a.test/seen", None),
        (b"http://b.test@a.test/seen", b"Host: a.test"),
        (b"http://a.test:80:80/seen", b"Host: a.test"),
        (b"http:///seen", b"Host: a.test"), (b"ftp://a.test/seen", b"Host: a.test"),
        (b"/seen", b"Host: a.test\r\nHost: b.test"), (b"/seen", b"Host: a.test, b.test"),
        (b"/seen", b"Host: a.test/x"), (b"/seen", b"Host: a.test\tb"),
        (b"/seen", b"Host : a.test"), (b"/seen", b" Host: a.test"), (b"/seen", None),
        (b"/seen", b"Host: a.test:x"), (b"/seen", b"Host:"), (b"/seen", b"Host: a@b"),
        (b"*", b"Host: a.test"), (b"a.test:80", b"Host: a.test"))):
    H1["host %d" % i] = post(line=b"GET " + target + b" HTTP/1.1", host=host)
for i, fields in enumerate((
        (b"Connection: Content-Length", LENGTH), (b"Connection: Host", LENGTH),
        (b"Connection: close, Transfer-Encoding", LENGTH),
        (b"Connection: upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk", LENGTH),
        (b"Expect: 100-continue", LENGTH), (b"Expect: x", LENGTH),
        (b"Upgrade: websocket", b"Connection: upgrade", b"Sec-WebSocket-Version: 13",
         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", LENGTH),
        (b"Upgrade: websocket", b"Connection: upgrade", b"Sec-WebSocket-Version: 13"),
        (b"Trailer: Content-Length", CHUNKED))):
    H1["hop %d" % i] = post(*fields, body=END + HID if CHUNKED in fields else HID)
H1["CONNECT"] = post(line=b"CONNECT a.test:80 HTTP/1.1", body=HID)
H1["HEAD with a body"] = post(LENGTH, line=b"HEAD /seen HTTP/1.1", body=HID)
H1["TRACE with a body"] = post(LENGTH, line=b"TRACE /seen HTTP/1.1", body=HID)

CRLF = "\r\n\r\nGET /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\n"
GOOD = [(":method", "POST"), (":scheme", "https"), (":path", "/seen"),
        (":authority", "a.test")]


def with_field(*fields):
    return GOOD + list(fields)


def with_pseudo(name, value):
    return [(k, value if k == name else v) for k, v in GOOD]


H2 = {
    "H2.CL 0": with_field(("content-length", "0")),
    "H2.CL short": with_field(("content-length", "4")),
    "H2.CL long": with_field(("content-length", "4000")),
    "H2.CL twice": with_field(("content-length", str(N)), ("content-length", "0")),
    "H2.CL list": with_field(("content-length", "%d, 0" % N)),
    "H2.CL plus": with_field(("content-length", "+%d" % N)),
    "H2.TE": with_field(("transfer-encoding", "chunked")),
    "H2.TE upper": with_field(("Transfer-Encoding", "chunked")),
    "H2.TE in a value": with_field(("x", "y\r\ntransfer-encoding: chunked")),
    "H2.TE in a name": with_field(("x: y\r\ntransfer-encoding", "chunked")),
    "LF in a value": with_field(("x", "y\ntransfer-encoding: chunked")),
    "CR in a value": with_field(("x", "y\rtransfer-encoding: chunked")),
    "NUL in a value": with_field(("x", "y\0z")),
    "value that begins with a space": with_field(("x", " y")),
    "request in a value": with_field(("x", "y" + CRLF)),
    "request in a name": with_field(("x" + CRLF, "y")),
    "colon in a name": with_field(("transfer-encoding:chunked", "y")),
    "space in a name": with_field(("transfer-encoding ", "chunked")),
    "tab in a name": with_field(("transfer-encoding\t", "chunked")),
    "empty name": with_field(("", "y")),
    "connection": with_field(("connection", "transfer-encoding")),
    "keep-alive": with_field(("keep-alive", "1")),
    "upgrade": with_field(("upgrade", "websocket")),
    "te": with_field(("te", "chunked")),
    "host differs": with_field(("host", "b.test")),
    "host twice": with_field(("host", "a.test"), ("host", "b.test")),
    "host with CRLF": with_field(("host", "a.test" + CRLF)),
    "cookie with CRLF": with_field(("cookie", "a=b" + CRLF)),
    "expect": with_field(("expect", "100-continue")),
    "two paths": with_field((":path", "/hidden")),
    "late pseudo": with_field(("x", "y"), (":path", "/hidden")),
    "unknown pseudo": with_field((":x", "y")),
    "status": with_field((":status", "200")),
}
for name, values in {
        ":method": ("POST /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\nGET", "PO ST",
                    "", "POST\r\n", "GET /hidden HTTP/1.1\r\nx:", "CONNECT"),
        ":path": ("/seen HTTP/1.1" + CRLF, "/seen\r\nx: y", "/se en", "", "seen", "*",
                  "http://b.test/hidden", "/seen#x", "/seen\t", "/seen\0", "//b/seen"),
        ":authority": ("a.test" + CRLF, "a.test\r\nx: y", "a.test b", "u@a.test", "",
                       "a.test/hidden", "a.test:80:80", "a.test\t"),
        ":scheme": ("https://a.test/hidden?", "http\r\nx: y", "", "h t",
                    "https://a.test/seen HTTP/1.1" + CRLF)}.items():
    for i, value in enumerate(values):
        H2["%s %d" % (name, i)] = with_pseudo(name, value)

# --- the server ----------------------------------------------------------------

RECORDED = []  # one bytearray for each connection
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
LINE = re.compile(rb"(%s) ([!-~]+) HTTP/1\.1\Z" % TOKEN)
FIELD = re.compile(rb"(%s):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\Z" % TOKEN)


class Bad(Exception):
    pass


def strict(data, out=None):
    """The requests in data: [(target, body)]; also in out, those before what is
    bad. Raises Bad. A request of which the end is missing is left out."""
    out = [] if out is None else out
    at = 0
    while at < len(data):
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return out
        line, *fields = bytes(data[at:end]).split(b"\r\n")
        m = LINE.match(line)
        if not m:
            raise Bad("line %r" % line)
        have = {}
        for f in fields:
            g = FIELD.match(f)
            if not g:
                raise Bad("field %r" % f)
            have.setdefault(g[1].lower(), []).append(g[2])
        if len(have.get(b"host", [])) != 1:
            raise Bad("Host %r" % have.get(b"host"))
        at, body = strict_body(data, end + 4, have)
        if at is None:
            return out
        out.append((m[2], body))
    return out


def strict_body(data, at, have):
    lengths = have.get(b"content-length", [])
    codings = have.get(b"transfer-encoding", [])
    if codings:
        if lengths or [c.lower() for c in codings] != [b"chunked"]:
            raise Bad("framing %r %r" % (lengths, codings))
        return strict_chunks(data, at)
    if not lengths:
        return at, b""
    if len(lengths) > 1 or not re.match(rb"\d{1,18}\Z", lengths[0]):
        raise Bad("Content-Length %r" % lengths)
    n = int(lengths[0])
    return (None, b"") if len(data) < at + n else (at + n, bytes(data[at:at + n]))


def strict_chunks(data, at):
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None, b""
        m = re.match(rb"([0-9a-fA-F]{1,8})(;[\t -~]+)?\Z", data[at:end])
        if not m:
            raise Bad("chunk size %r" % data[at:end])
        n = int(m[1], 16)
        at = end + 2
        if not n:
            break
        if len(data) < at + n + 2:
            return None, b""
        if data[at + n:at + n + 2] != b"\r\n":
            raise Bad("chunk end")
        body += data[at:at + n]
        at += n + 2
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None, b""
        if end == at:
            return end + 2, body
        if not FIELD.match(bytes(data[at:end])):
            raise Bad("trailer %r" % data[at:end])
        at = end + 2


def serve(sock, mine):
    answered = 0
    while True:
        try:
            part = sock.recv(65536)
        except OSError:
            return
        if not part:
            return
        mine += part
        try:
            n = len(strict(mine))
        except Bad:
            sock.close()
            return
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * (n - answered))
        answered = n


def listen(port):
    s = socket.create_server(("127.0.0.1", port), backlog=100)
    while True:
        sock, _ = s.accept()
        mine = bytearray()
        RECORDED.append(mine)
        threading.Thread(target=serve, args=(sock, mine), daemon=True).start()


# --- the client ------------------------------------------------------------------


def send_h1(port, data):
    s = socket.create_connection(("127.0.0.1", port), 5)
    s.settimeout(0.25)
    got = b""
    try:
        s.sendall(data)
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
            # Answered and kept open: what is hidden had its chance.
            s.settimeout(0.05)
    except OSError:
        pass
    s.close()
    return got


def send_h2(port, fields):
    c = h2.Conn(port, timeout=5)
    sid = c.next_stream
    c.streams[sid] = h2.Stream()
    c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, sid, h2.block(fields)) +
           h2.frame(h2.DATA, h2.END_STREAM, sid, HID))
    out = c.outcome(sid, 0.5)
    c.close()
    return out


def asked(what):
    out = []
    try:
        strict(what, out)
    except Bad:
        pass
    return [(re.sub(rb"http://[^/]*", b"", target), body) for target, body in out]


def judge(name, before, may):
    """Returns how many requests came out."""
    time.sleep(0.01)
    n = 0
    for i, data in enumerate(RECORDED):
        start = before[i] if i < len(before) else 0
        if len(data) == start:
            continue
        try:
            out = strict(data[start:])
        except Bad as e:
            print("%s: the server got %s" % (name, e))
            return 1
        n += len(out)
        if out[:len(may)] != may[:len(out)]:
            print("%s: %r came of %r" % (name, out, may))
        for target, _ in out[len(may):]:
            if b"hidden" in target:
                print("%s: %r reached the server: %r" % (name, target, data[start:]))
    if n > max(1, len(may)):
        print("%s: %d requests reached the server" % (name, n))
    return n


def main():
    server, tls, clear = (int(a) for a in sys.argv[1:4])
    threading.Thread(target=listen, args=(server,), daemon=True).start()
    time.sleep(0.2)
    n = passed = 0
    for table, port, send in (H1, clear, send_h1), (H2, tls, send_h2):
        for name, what in table.items():
            before = [len(d) for d in RECORDED]
            got = send(port, what)
            may = asked(what) if table is H1 else []
            passed += judge("%s (%.60r)" % (name, got), before, may) > 0
            n += 1
    print("%d sent, %d went through" % (n, passed))


main()
