"""Connections and streams that stay open, to weigh what a proxy keeps for each.

HTTP/2 by hand, over TLS: enough to ask once and to see the answer end.
"""

import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(
        ">BBI", kind, flags, stream) + payload


def get_block(path, authority):
    """An HPACK block of a GET; nothing is indexed, nothing is Huffman."""
    path, authority = path.encode(), authority.encode()
    return (b"\x82\x87\x04" + bytes([len(path)]) + path +
            b"\x01" + bytes([len(authority)]) + authority)


def _context():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    ctx.set_alpn_protocols(["h2"])
    return ctx


class Conn:
    """One HTTP/2 connection; streams are 1, 3, 5, … in the order asked."""

    ctx = _context()

    def __init__(self, port, timeout=20):
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock = self.ctx.wrap_socket(raw)
        if self.sock.selected_alpn_protocol() != "h2":
            raise OSError("no h2 by ALPN")
        self.authority = "127.0.0.1:%d" % port
        self.next_stream = 1
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def ask(self, path, n=1):
        out = b""
        for _ in range(n):
            out += frame(HEADERS, END_STREAM | END_HEADERS, self.next_stream,
                         get_block(path, self.authority))
            self.next_stream += 2
        self.sock.sendall(out)

    def _read(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise OSError("closed by the proxy")
            data += more
        return data

    def read_frame(self):
        head = self._read(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._read(size)
        if kind == SETTINGS and not flags & ACK:
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        if kind == PING and not flags & ACK:
            self.sock.sendall(frame(PING, ACK, 0, payload))
        return kind, flags, stream & 0x7FFFFFFF, payload

    def wait_end(self, stream):
        """Read until this stream has ended; OSError if it was reset."""
        while True:
            kind, flags, sid, _ = self.read_frame()
            if kind == GOAWAY or (kind == RST_STREAM and sid == stream):
                raise OSError("refused by the proxy")
            if sid == stream and kind in (DATA, HEADERS) and flags & END_STREAM:
                return

    def close(self):
        self.sock.close()


def idle(port, n):
    """n connections, each of which has had one request answered."""
    conns = []
    for _ in range(n):
        c = Conn(port)
        c.ask("/1k")
        c.wait_end(1)
        conns.append(c)
    return conns


def in_flight(port, n_conns, n_streams):
    """n_conns connections with n_streams requests each that stay unanswered."""
    conns = [Conn(port) for _ in range(n_conns)]
    for c in conns:
        c.ask("/stall", n_streams)
    return conns
