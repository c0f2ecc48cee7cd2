#!/usr/bin/python3
"""gRPC by Debian's python3-grpcio, with bytes for messages.

    grpc_peer.py server PORT
    grpc_peer.py client TARGET CERT     all below, or the first thing that is wrong
"""

import sys
import threading
import time
from concurrent import futures

import grpc

BIG = bytes(range(256)) * 12000  # 3 MB; the most that grpc takes is 4
NAME = "/heapgate.Test/"


# --- server --------------------------------------------------------------------

cancelled = threading.Semaphore(0)


def unary(msg, ctx):
    ctx.set_trailing_metadata((("x-length", str(len(msg))),))
    return msg[::-1]


def client_stream(msgs, ctx):
    return b"%d" % sum(len(m) for m in msgs)


def server_stream(msg, ctx):
    n, size = (int(x) for x in msg.split())
    for _ in range(n):
        yield b"x" * size


def bidi(msgs, ctx):
    ctx.send_initial_metadata((("x-early", "yes"),))
    for m in msgs:
        yield m.upper()


def fail(msg, ctx):
    ctx.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: 100 % \u00fc")


def fail_late(msg, ctx):
    yield b"one"
    ctx.abort(grpc.StatusCode.DATA_LOSS, "after one")


def left(msg, ctx):
    return b"%f" % ctx.time_remaining()


def hang(msg, ctx):
    gone = threading.Event()
    ctx.add_callback(gone.set)
    # Not behind the yield: who cancels at once is gone before more is asked for.
    ctx.add_callback(cancelled.release)
    yield b"begun"
    gone.wait(20)


def was_cancelled(msg, ctx):
    return b"yes" if cancelled.acquire(timeout=float(msg)) else b"no"


def serve(port):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
        "Left": grpc.unary_unary_rpc_method_handler(left),
        "Hang": grpc.unary_stream_rpc_method_handler(hang),
        "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    }
    server = grpc.server(futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("heapgate.Test", handlers),))
    assert server.add_insecure_port("127.0.0.1:%s" % port)
    server.start()
    server.wait_for_termination()


# --- client --------------------------------------------------------------------


def code_of(call):
    try:
        list(call()) if callable(call) else call
    except grpc.RpcError as e:
        return e.code().name, e.details()
    return "OK", None


def same(got, want):
    assert got == want, "%.200r, wanted %.200r" % (got, want)


def check_kinds(ch):
    one = ch.unary_unary(NAME + "Unary")
    got, call = one.with_call(b"abc", metadata=(("x-bin-bin", b"\0\xff"),))
    same(got, b"cba")
    same(dict(call.trailing_metadata()).get("x-length"), "3")
    same(one(b""), b"")
    same(one(BIG), BIG[::-1])
    same(ch.stream_unary(NAME + "ClientStream")(iter([b"12345"] * 1000)), b"5000")
    same(ch.stream_unary(NAME + "ClientStream")(iter([])), b"0")
    parts = list(ch.unary_stream(NAME + "ServerStream")(b"500 20000"))
    same((len(parts), sum(map(len, parts))), (500, 10000000))
    same(list(ch.unary_stream(NAME + "ServerStream")(b"0 0")), [])


def check_bidi(ch):
    turn = threading.Semaphore(1)

    def asks():
        for i in range(300):
            turn.acquire()
            yield b"word %d" % i

    call = ch.stream_stream(NAME + "Bidi")(asks())
    n = 0
    for word in call:
        same(word, b"WORD %d" % n)
        n += 1
        turn.release()
    same(n, 300)
    same(dict(call.initial_metadata()).get("x-early"), "yes")


def check_failures(ch):
    one = ch.unary_unary(NAME + "Fail")
    same(code_of(lambda: one(b"")), ("FAILED_PRECONDITION", "no: 100 % \u00fc"))
    got = []

    def late():
        for m in ch.unary_stream(NAME + "FailLate")(b""):
            got.append(m)
        return ()

    same(code_of(late), ("DATA_LOSS", "after one"))
    same(got, [b"one"])
    same(code_of(lambda: ch.unary_unary(NAME + "NoSuch")(b""))[0], "UNIMPLEMENTED")


def check_deadlines(ch):
    left = float(ch.unary_unary(NAME + "Left")(b"", timeout=5))
    assert 3 < left < 5.2, left  # grpc rounds it up
    began = time.time()
    same(code_of(lambda: ch.unary_stream(NAME + "Hang")(b"", timeout=0.4))[0],
         "DEADLINE_EXCEEDED")
    assert 0.3 < time.time() - began < 3, time.time() - began
    same(ch.unary_unary(NAME + "WasCancelled")(b"5"), b"yes")


def check_cancelling(ch):
    call = ch.unary_stream(NAME + "Hang")(b"")
    same(next(call), b"begun")
    began = time.time()
    call.cancel()
    same(ch.unary_unary(NAME + "WasCancelled")(b"5"), b"yes")
    assert time.time() - began < 1, time.time() - began


def check_many(ch):
    one = ch.unary_unary(NAME + "Unary")
    calls = [one.future(b"%d" % i) for i in range(1000)]
    same([c.result() for c in calls], [(b"%d" % i)[::-1] for i in range(1000)])


def ask(target, cert):
    options = (("grpc.ssl_target_name_override", "localhost"),)
    tls = grpc.ssl_channel_credentials(open(cert, "rb").read())
    with grpc.secure_channel(target, tls, options) as ch:
        for check in (check_kinds, check_bidi, check_failures, check_deadlines,
                      check_cancelling, check_many):
            check(ch)
            print(check.__name__)


if sys.argv[1] == "server":
    serve(sys.argv[2])
else:
    ask(sys.argv[2], sys.argv[3])
