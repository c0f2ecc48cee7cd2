"""Servers by hand, for tests: what they saw and when is kept, and what they do
is told to them.

    s = H1Server(port, do) / H2Server(port, do)   do(conn) runs in a thread for
                                                 each connection
"""

import socket
import struct
import threading
import time

import h2


class Server:
    def __init__(self, port, do):
        self.do = do
        self.conns = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            sock, _ = self.listener.accept()
            sock.settimeout(20)
            conn = self.peer(sock)
            conn.number = len(self.conns)
            self.conns.append(conn)
            threading.Thread(target=self._run, args=(conn,), daemon=True).start()

    def _run(self, conn):
        try:
            self.do(conn)
        except (OSError, EOFError):
            pass
        conn.ended = time.monotonic()
        conn.close()


class H1Peer:
    def __init__(self, sock):
        self.sock, self.heads, self.ended = sock, [], None

    def head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            data += more
        self.heads.append(data)
        return data

    def wait_eof(self):
        while self.sock.recv(65536):
            pass

    def close(self):
        self.sock.close()


class H1Server(Server):
    peer = H1Peer


class H2Peer:
    def __init__(self, sock):
        self.sock, self.data = sock, b""
        self.requests, self.resets, self.pings = [], {}, []
        self.ended = None

    def greet(self, pairs=()):
        assert self._read(len(h2.PREFACE)) == h2.PREFACE
        self.send(h2.settings(pairs))

    def send(self, data):
        self.sock.sendall(data)

    _read = h2.Conn._read
    closed = False

    def read_frame(self, pong=True):
        head = self._read(9)
        payload = self._read(int.from_bytes(head[:3], "big"))
        kind, flags, sid = struct.unpack(">BBI", head[3:])
        if kind == h2.SETTINGS and not flags & h2.ACK:
            self.send(h2.frame(h2.SETTINGS, h2.ACK, 0))
        elif kind == h2.PING and not flags & h2.ACK:
            self.pings.append(time.monotonic())
            if pong:
                self.send(h2.frame(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.HEADERS:
            self.requests.append(sid)
        elif kind == h2.RST_STREAM:
            self.resets[sid] = (time.monotonic(), struct.unpack(">I", payload)[0])
        return kind, flags, sid, payload

    def request(self):
        """The next request's stream."""
        while True:
            kind, _, sid, _ = self.read_frame()
            if kind == h2.HEADERS:
                return sid

    def answer(self, sid, flags=0, fields=()):
        self.send(h2.frame(h2.HEADERS, h2.END_HEADERS | flags, sid,
                           b"\x88" + h2.block(fields)))

    def serve(self):
        while True:
            self.read_frame()

    def close(self):
        self.sock.close()


class H2Server(Server):
    peer = H2Peer


def soon(what, seconds=10):
    """Until what() is true; returns how long that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "not in time"
        time.sleep(0.001)
    return time.monotonic() - began
