"""An HTTP/2 client by hand, for tests and the bench: frames as they are, so
that a test can do what a well-behaved library would not let it.

HPACK: it sends no indexed or Huffman-coded fields, forbids the peer a dynamic
table, and of what comes reads only :status.
"""

import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
SET_TABLE_SIZE, SET_WINDOW = 1, 4
DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4",
          "011011": "5", "011100": "6", "011101": "7", "011110": "8",
          "011111": "9"}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(
        ">BBI", kind, flags, stream) + payload


def settings(pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def _string(s):
    s = s.encode("latin-1") if isinstance(s, str) else s
    if len(s) < 127:
        return bytes([len(s)]) + s
    n, out = len(s) - 127, [127]
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n]) + s


def block(fields):
    """An HPACK block of literal fields."""
    return b"".join(b"\0" + _string(k) + _string(v) for k, v in fields)


def request(path, authority, method="GET", scheme="https", extra=()):
    return block([(":method", method), (":scheme", scheme), (":path", path),
                  (":authority", authority)] + list(extra))


def _huffman_digits(data):
    out, word = "", ""
    for bit in "".join("{:08b}".format(b) for b in data):
        word += bit
        if word in DIGITS:
            out, word = out + DIGITS[word], ""
    return out


def status(payload):
    """:status of a response's block, which must be its first field."""
    i = 0
    while payload[i] & 0xE0 == 0x20:  # table size update
        i += 1
    fixed = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404,
             0x8E: 500}
    if payload[i] in fixed:
        return fixed[payload[i]]
    n = payload[i + 1]
    text = payload[i + 2:i + 2 + (n & 127)]
    return int(_huffman_digits(text) if n & 128 else text)


def context(alpn=("h2",)):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    return ctx


class Stream:
    """What has come on one stream."""

    def __init__(self):
        self.status = None  # of the last HEADERS that had one
        self.body = 0       # bytes of DATA
        self.blocks = 0     # header blocks: informational, final, trailers
        self.last_block = 0 # bytes of the last of them
        self.ended = False
        self.reset = None   # the code of RST_STREAM


class Conn:
    """One connection, TLS by ALPN or cleartext with prior knowledge."""

    ctx = context()

    def __init__(self, port, tls=True, timeout=20, window=None, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), timeout)
        if tls:
            self.sock = self.ctx.wrap_socket(self.sock)
            if self.sock.selected_alpn_protocol() != "h2":
                raise OSError("no h2 by ALPN")
        self.authority = "%s:%d" % (host, port)
        self.scheme = "https" if tls else "http"
        self.next_stream = 1
        self.streams = {}
        self.goaway = None  # (last stream, code)
        self.closed = False
        self.data = b""
        first = [(SET_TABLE_SIZE, 0)]
        if window is not None:
            first.append((SET_WINDOW, window))
        self.send(PREFACE + settings(first))

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, path, n=1, method="GET", end=True, extra=(), authority=None):
        """n requests; returns the last one's stream id."""
        out = b""
        sid = 0
        for _ in range(n):
            sid = self.next_stream
            self.next_stream += 2
            self.streams[sid] = Stream()
            out += frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), sid,
                         request(path, authority or self.authority, method,
                                 self.scheme, extra))
        self.send(out)
        return sid

    def open_window(self, sid, n):
        out = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", n))
        self.send(out + frame(WINDOW_UPDATE, 0, sid, struct.pack(">I", n)))

    def _read(self, n):
        while len(self.data) < n:
            more = self.sock.recv(65536)
            if not more:
                self.closed = True
                raise EOFError("closed by the peer")
            self.data += more
        out, self.data = self.data[:n], self.data[n:]
        return out

    def read_frame(self):
        """(kind, flags, stream, payload); settings and pings are answered."""
        head = self._read(9)
        payload = self._read(int.from_bytes(head[:3], "big"))
        kind, flags, sid = struct.unpack(">BBI", head[3:])
        sid &= 0x7FFFFFFF
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaway = (last & 0x7FFFFFFF, code)
        elif sid in self.streams:
            self._note(self.streams[sid], kind, flags, payload)
        return kind, flags, sid, payload

    @staticmethod
    def _note(s, kind, flags, payload):
        if kind == HEADERS:
            s.blocks += 1
            s.last_block = len(payload)
            if s.status is None or s.status < 200:
                s.status = status(payload)
        elif kind == DATA:
            s.body += len(payload)
        elif kind == RST_STREAM:
            s.reset, = struct.unpack(">I", payload)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            s.ended = True

    def wait(self, sid):
        """Read until this stream is over; returns its Stream."""
        s = self.streams[sid]
        while not s.ended and s.reset is None:
            self.read_frame()
        return s

    def wait_end(self, sid):
        """The same, and an error unless it ended in order."""
        if self.wait(sid).reset is not None:
            raise OSError("stream %d was reset, code %d" % (
                sid, self.streams[sid].reset))

    def outcome(self, sid=None, timeout=5):
        """What became of a stream, or of the connection:
        ("goaway", code), ("reset", code), ("answer", status), ("closed",) or
        ("silence",)."""
        s = self.streams.get(sid)
        self.sock.settimeout(timeout)
        try:
            while True:
                if self.goaway and self.goaway[1]:
                    return "goaway", self.goaway[1]
                if s and s.reset is not None:
                    return "reset", s.reset
                if s and s.ended:
                    return "answer", s.status
                self.read_frame()
        except EOFError:
            return ("goaway", self.goaway[1]) if self.goaway else ("closed",)
        except socket.timeout:
            return ("silence",)
        except OSError:
            return ("goaway", self.goaway[1]) if self.goaway else ("closed",)

    def close(self):
        self.sock.close()
