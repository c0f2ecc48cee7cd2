"""Connections and streams that stay open, to weigh what a proxy keeps for each."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h2  # noqa: E402


def idle(port, n):
    """n connections, each of which has had one request answered."""
    conns = []
    for _ in range(n):
        c = h2.Conn(port)
        c.wait_end(c.ask("/1k"))
        conns.append(c)
    return conns


def in_flight(port, n_conns, n_streams):
    """n_conns connections with n_streams requests each that stay unanswered."""
    conns = [h2.Conn(port) for _ in range(n_conns)]
    for c in conns:
        c.ask("/stall", n_streams)
    return conns
