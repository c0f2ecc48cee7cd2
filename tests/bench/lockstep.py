"""What the cost gate needs to count the same instructions on any machine: a worker
that finds all that is sent to it together, however the machine is loaded.

How many requests or answers a worker finds in one turn of its loop is else a matter
of timing, and with it how many TLS records, writes and wake-ups they share.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h2  # noqa: E402
from procs import Trouble  # noqa: E402

PATIENCE_S = 60
BODY = b"x" * 1024
FIELDS = [("content-type", "application/octet-stream"),
          ("content-length", "%d" % len(BODY))]
H1_ANSWER = ("HTTP/1.1 200 OK\r\n" + "".join("%s: %s\r\n" % f for f in FIELDS)
             + "\r\n").encode() + BODY
# As servers do: the first answer puts its fields into the table of HPACK, whose
# newest is 62, and the others name them.
STATUS_200 = b"\x88"
FIRST_BLOCK = STATUS_200 + b"".join(b"\x40" + h2.block([f])[1:] for f in FIELDS)
NEXT_BLOCK = STATUS_200 + bytes(0x80 | 61 + i for i in range(len(FIELDS), 0, -1))


class _Behind:
    """A connection of the worker's: HTTP/1.1, or HTTP/2 if that is how it begins."""

    def __init__(self, sock):
        self.sock, self.data, self.is_h2 = sock, b"", False
        self.asked = []     # streams; in HTTP/1.1 a None for each request
        self.window = 65535 # bytes, HTTP/2
        self.block = FIRST_BLOCK

    def feed(self):
        """Read what there is; False at its end."""
        more = self.sock.recv(65536)
        self.data += more
        if self.data.startswith(h2.PREFACE):
            self.is_h2, self.data = True, self.data[len(h2.PREFACE):]
            self.sock.sendall(h2.settings([]))
        if self.is_h2:
            self._frames()
        else:
            *heads, self.data = self.data.split(b"\r\n\r\n")
            self.asked += [None] * len(heads)
        return bool(more)

    def _frames(self):
        while len(self.data) >= 9:
            n = int.from_bytes(self.data[:3], "big")
            if len(self.data) < 9 + n:
                break
            kind, flags = self.data[3], self.data[4]
            sid = int.from_bytes(self.data[5:9], "big") & 0x7FFFFFFF
            payload, self.data = self.data[9:9 + n], self.data[9 + n:]
            if kind == h2.SETTINGS and not flags & h2.ACK:
                self.sock.sendall(h2.frame(h2.SETTINGS, h2.ACK, 0))
            elif kind == h2.WINDOW_UPDATE and sid == 0:
                self.window += int.from_bytes(payload, "big")
            elif kind == h2.HEADERS and flags & h2.END_STREAM:
                self.asked.append(sid)

    def answer(self):
        """All that was asked here, in one write."""
        if self.is_h2:
            out = b"".join(self._h2_answer(sid) for sid in self.asked)
        else:
            out = H1_ANSWER * len(self.asked)
        self.asked = []
        self.sock.sendall(out)

    def _h2_answer(self, sid):
        self.window -= len(BODY)
        if self.window < 0:
            raise Trouble("the worker opens its window too late")
        block, self.block = self.block, NEXT_BLOCK
        return (h2.frame(h2.HEADERS, h2.END_HEADERS, sid, block)
                + h2.frame(h2.DATA, h2.END_STREAM, sid, BODY))


class Origin:
    """The server behind: answers GETs with 1 KiB, once so many have come."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.conns = []

    def await_requests(self, n):
        end = time.monotonic() + PATIENCE_S
        while sum(len(c.asked) for c in self.conns) < n:
            ready = self.selector.select(end - time.monotonic())
            if not ready:
                raise Trouble("the worker passes on less than %d requests" % n)
            for key, _ in ready:
                self._serve(key.data)

    def _serve(self, conn):
        if conn is None:
            conn = _Behind(self.listener.accept()[0])
            self.conns.append(conn)
            self.selector.register(conn.sock, selectors.EVENT_READ, conn)
        elif not conn.feed():
            self.selector.unregister(conn.sock)
            self.conns.remove(conn)
            conn.sock.close()

    def answer(self):
        for c in self.conns:
            if c.asked:
                c.answer()

    def close(self):
        for s in [self.listener] + [c.sock for c in self.conns]:
            s.close()
        self.selector.close()


class Stepped:
    """A worker that is stopped while something is sent to it, and its server."""

    def __init__(self, pid, origin):
        self.pid, self.origin = pid, origin

    @contextlib.contextmanager
    def stopped(self):
        os.kill(self.pid, signal.SIGSTOP)
        try:
            self._await_stop()
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _await_stop(self):
        end = time.monotonic() + PATIENCE_S
        while True:
            with open("/proc/%d/stat" % self.pid) as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "T":
                    return
            if time.monotonic() > end:
                raise Trouble("the worker does not stop")
            time.sleep(0.0002)

    def answer(self, n):
        """So many requests, all at once; to stop it for one would be one more turn
        of its loop, or none."""
        self.origin.await_requests(n)
        with self.stopped() if n > 1 else contextlib.nullcontext():
            self.origin.answer()


class Free:
    """A worker that runs on, with a server that answers by itself."""

    @contextlib.contextmanager
    def stopped(self):
        yield

    def answer(self, n):
        pass
