"""Connections and streams that stay open, to weigh what a proxy keeps for each."""

import os
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h2  # noqa: E402


class Conn(h2.Conn):
    def attend(self):
        """Reads what comes from now on, in a thread, and answers settings; .closed
        is true as soon as the peer has closed."""
        def run():
            self.sock.settimeout(None)
            try:
                while True:
                    self.read_frame()
            except (OSError, EOFError, ValueError):
                self.closed = True
        threading.Thread(target=run, daemon=True).start()


def _asked(port, path="/1k"):
    c = Conn(port, timeout=60)
    c.wait_end(c.ask(path))
    return c


def idle(port, n, path="/1k"):
    """n connections, each of which has had one request answered."""
    return [_asked(port, path) for _ in range(n)]


def crowd(port, n, at_once):
    """The same, so many of them shaking hands at the same time."""
    conns, failed = [], []

    def some(k):
        try:
            conns.extend([_asked(port) for _ in range(k)])
        except (OSError, EOFError) as e:
            failed.append(e)
    threads = [threading.Thread(target=some, args=((n + i) // at_once,))
               for i in range(at_once)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise OSError("%d of %d threads failed: %s" % (
            len(failed), at_once, failed[0]))
    return conns


def churn(port, n, path="/1k"):
    """n connections that ask once and go; 50 of them are there at a time."""
    conns = []
    for i in range(n):
        if len(conns) == 50:
            # Not the oldest: what it leaves is then between what stays.
            conns.pop(i * 7 % 50).close()
        conns.append(_asked(port, path))
    for c in conns:
        c.close()


def in_flight(port, n_conns, n_streams, path="/stall"):
    """n_conns connections with n_streams requests each that stay unanswered."""
    conns = [Conn(port, timeout=60) for _ in range(n_conns)]
    for c in conns:
        c.ask(path, n_streams)
    return conns
