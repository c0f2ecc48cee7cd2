#!/usr/bin/env python3
"""Connections to an experiment, from several addresses, and which arm answered.

split.py HOST PORT TOTAL ADDRESSES FIRST: TOTAL connections, one after another,
from ADDRESSES addresses that begin with FIRST (0: from any). Each asks once
and must be answered with 200. Prints JSON: the share of each arm, and the arms
that each address has met. The answers must name their arm (header on).
"""
import collections
import ipaddress
import json
import socket
import sys

host, port, total, n_from, base = sys.argv[1:6]
total, n_from = int(total), int(n_from)
family = socket.AF_INET6 if ":" in host else socket.AF_INET
seen = collections.defaultdict(set)
count = collections.Counter()
for i in range(total):
    source = str(ipaddress.ip_address(base) + i % n_from) if n_from else ""
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(20)
    if source:
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
        s.bind((source, 0))
    s.connect((host, int(port)))
    # no TIME_WAIT here: the server closes first
    s.sendall(b"GET /name HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    text = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            break
        text += piece
    s.close()
    head = text.split(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert head[0].startswith(b"http/1.1 200"), head
    arm = [h.split(b": ")[1].decode() for h in head if h.startswith(b"heapgate-arm:")][0]
    count[arm] += 1
    seen[source].add(arm)
json.dump({"shares": {a: n / total for a, n in count.items()},
           "arms_of": {s: sorted(a) for s, a in seen.items()}}, sys.stdout)
