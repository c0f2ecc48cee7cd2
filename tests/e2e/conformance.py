"""RFC 9113 §3-§8 and RFC 7541, the server's side: each case sends frames by
hand and says which answer the RFC wants.

    conformance.py PORT        PORT: cleartext; behind it tests/e2e/backend.py
"""

import socket
import struct
import sys

import h2
from h2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING,
                PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                block, frame)

NO_ERROR, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, \
    COMPRESSION, CONNECT, CALM = range(12)
PADDED, PRIO = 8, 32
CASES = []


def case(section, *wanted):
    """wanted: all outcomes that the RFC allows."""
    def add(f):
        CASES.append((section, f.__name__, f, wanted))
        return f
    return add


def conn_error(code):
    return ("goaway", code)


def stream_error(code):
    """§5.4.2; an endpoint may treat it as a connection error (§5.4.1)."""
    return ("reset", code), ("goaway", code)


ANSWER = ("answer", 200)
BAD = ("answer", 400)


class Client(h2.Conn):
    def __init__(self, port, **kw):
        super().__init__(port, tls=False, **kw)

    def stream(self):
        sid = self.next_stream
        self.next_stream += 2
        self.streams[sid] = h2.Stream()
        return sid

    def fields(self, path="/name", method="GET", extra=(), without=()):
        pseudo = [(":method", method), (":scheme", "http"), (":path", path),
                  (":authority", self.authority)]
        return [f for f in pseudo if f[0] not in without] + list(extra)

    def headers(self, fields, flags=END_STREAM | END_HEADERS, sid=None):
        sid = sid or self.stream()
        self.send(frame(HEADERS, flags, sid, block(fields)))
        return sid

    def request(self, **kw):
        return self.headers(self.fields(**kw))

    def open_post(self, path="/sum", extra=()):
        """A request whose body is still to come."""
        return self.headers(self.fields(path, "POST", extra), END_HEADERS)

    def done(self):
        """A stream that has ended in order on both sides."""
        sid = self.request()
        assert self.outcome(sid) == ANSWER, "no answer to begin with"
        return sid

    def settle(self):
        """All that was sent has been worked on."""
        self.send(frame(PING, 0, 0, b"settled!"))
        while True:
            kind, flags, _, payload = self.read_frame()
            if kind == PING and flags & ACK and payload == b"settled!":
                return


# --- §3 ----------------------------------------------------------------------

def raw(port, data):
    c = Client.__new__(Client)
    c.sock = socket.create_connection(("127.0.0.1", port), 5)
    c.authority, c.next_stream, c.streams = "127.0.0.1:%d" % port, 1, {}
    c.goaway, c.closed, c.data = None, False, b""
    c.send(data)
    return c


@case("3.4", conn_error(PROTOCOL), ("closed",))
def a_bad_preface(port):
    return raw(port, PREFACE[:-4] + b"XX\r\n" + h2.settings([])), None


@case("3.4", conn_error(PROTOCOL))
def a_preface_without_settings(port):
    return raw(port, PREFACE + frame(PING, 0, 0, b"12345678")), None


@case("3.4", ANSWER)
def a_preface_byte_by_byte(port):
    c = raw(port, b"")
    sid = c.stream()
    for byte in PREFACE + h2.settings([]) + frame(HEADERS, 5, sid, block(c.fields())):
        c.send(bytes([byte]))
    return c, sid


# --- §4 ----------------------------------------------------------------------

@case("4.1", ANSWER)
def an_unknown_frame_is_ignored(c):
    c.send(frame(0x16, 0xff, 0, b"x" * 100))
    return c.request()


@case("4.1", ANSWER)
def unknown_flags_are_ignored(c):
    return c.headers(c.fields(), END_STREAM | END_HEADERS | 0xc2)


@case("4.1", ANSWER)
def the_reserved_bit_is_ignored(c):
    sid = c.stream()
    c.send(frame(HEADERS, 5, sid | 1 << 31, block(c.fields())))
    return sid


@case("4.2", conn_error(SIZE))
def a_frame_longer_than_allowed(c):
    sid = c.open_post()
    c.send(frame(DATA, 0, sid, b"x" * 16385))


@case("4.2", conn_error(SIZE))
def headers_longer_than_allowed(c):
    c.send(frame(HEADERS, 5, c.stream(), b"x" * 16385))


@case("4.2", conn_error(SIZE))
def an_unknown_frame_longer_than_allowed(c):
    c.send(frame(0x16, 0, 0, b"x" * 16385))


@case("4.2", ANSWER)
def a_frame_as_long_as_allowed(c):
    sid = c.open_post()
    c.send(frame(DATA, END_STREAM, sid, b"x" * 16384))
    return sid


@case("4.3", conn_error(COMPRESSION))
def a_header_block_that_is_none(c):
    c.send(frame(HEADERS, 5, c.stream(), b"\xff\xff\xff\xff\xff\xff\xff\xff"))


@case("4.3", conn_error(PROTOCOL))
def priority_inside_a_header_block(c):
    sid = c.stream()
    c.send(frame(HEADERS, END_STREAM, sid, block(c.fields())) +
           frame(PRIORITY, 0, sid, b"\0\0\0\0\x10"))


@case("4.3", conn_error(PROTOCOL))
def an_unknown_frame_inside_a_header_block(c):
    c.send(frame(HEADERS, END_STREAM, c.stream(), block(c.fields())) +
           frame(0x16, 0, 0, b"x"))


@case("4.3", conn_error(PROTOCOL))
def data_inside_a_header_block(c):
    old = c.done()
    c.send(frame(HEADERS, END_STREAM, c.stream(), block(c.fields())) +
           frame(DATA, 0, old, b"x"))


@case("4.3", conn_error(PROTOCOL))
def headers_of_another_stream_inside_a_header_block(c):
    c.send(frame(HEADERS, END_STREAM, c.stream(), block(c.fields())) +
           frame(HEADERS, 5, c.stream(), block(c.fields())))


# --- §5 ----------------------------------------------------------------------

@case("5.1 idle", conn_error(PROTOCOL))
def data_on_an_idle_stream(c):
    c.send(frame(DATA, 0, 5, b"x"))


@case("5.1 idle", conn_error(PROTOCOL))
def reset_of_an_idle_stream(c):
    c.send(frame(RST_STREAM, 0, 5, b"\0\0\0\x08"))


@case("5.1 idle", conn_error(PROTOCOL))
def window_update_of_an_idle_stream(c):
    c.send(frame(WINDOW_UPDATE, 0, 5, b"\0\0\0\x08"))


@case("5.1 idle", conn_error(PROTOCOL))
def continuation_on_an_idle_stream(c):
    c.send(frame(CONTINUATION, END_HEADERS, 5, block(c.fields())))


@case("5.1 idle", ANSWER)
def priority_of_an_idle_stream(c):
    c.send(frame(PRIORITY, 0, 7, b"\0\0\0\0\x10"))
    return c.request()


@case("5.1 half-closed", *stream_error(CLOSED))
def data_after_end_stream(c):
    sid = c.request(path="/delay/500")
    c.send(frame(DATA, 0, sid, b"x"))
    return sid


@case("5.1 half-closed", *stream_error(CLOSED))
def headers_after_end_stream(c):
    sid = c.request(path="/delay/500")
    c.headers([("x", "y")], sid=sid)
    return sid


@case("5.1 half-closed", *stream_error(CLOSED), conn_error(PROTOCOL))
def continuation_after_end_stream(c):
    sid = c.request(path="/delay/500")
    c.send(frame(CONTINUATION, END_HEADERS, sid, block([("x", "y")])))
    return sid


@case("5.1 half-closed", ANSWER)
def window_update_and_priority_after_end_stream(c):
    sid = c.request(path="/delay/100")
    c.send(frame(WINDOW_UPDATE, 0, sid, b"\0\0\0\x08") +
           frame(PRIORITY, 0, sid, b"\0\0\0\0\x10"))
    return sid


@case("5.1 closed", conn_error(CLOSED))
def data_on_a_closed_stream(c):
    c.send(frame(DATA, 0, c.done(), b"x"))


@case("5.1 closed", conn_error(CLOSED))
def headers_on_a_closed_stream(c):
    c.headers(c.fields(), sid=c.done())


@case("5.1 closed", conn_error(PROTOCOL))
def continuation_on_a_closed_stream(c):
    c.send(frame(CONTINUATION, END_HEADERS, c.done(), block([("x", "y")])))


@case("5.1 closed", *stream_error(CLOSED))
def data_after_a_reset(c):
    sid = c.open_post()
    c.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x08") + frame(DATA, 0, sid, b"x"))
    return sid


@case("5.1 closed", *stream_error(CLOSED))
def headers_after_a_reset(c):
    sid = c.open_post()
    c.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x08"))
    c.headers([("x", "y")], sid=sid)
    return sid


@case("5.1 closed", ANSWER)
def window_update_reset_and_priority_on_a_closed_stream(c):
    sid = c.done()
    c.send(frame(WINDOW_UPDATE, 0, sid, b"\0\0\0\x08") +
           frame(RST_STREAM, 0, sid, b"\0\0\0\x08") +
           frame(PRIORITY, 0, sid, b"\0\0\0\0\x10"))
    return c.request()


@case("5.1 closed", ANSWER)
def late_data_on_a_stream_that_the_server_reset(c):
    sid = c.open_post(extra=[("content-length", "1")])
    c.send(frame(DATA, 0, sid, b"xx"))
    assert c.outcome(sid) == ("reset", PROTOCOL)
    c.send(frame(DATA, 0, sid, b"x" * 100) + frame(DATA, END_STREAM, sid, b"x"))
    c.settle()
    return c.request()


@case("5.1 closed", ANSWER)
def late_trailers_on_a_stream_that_the_server_reset(c):
    sid = c.open_post(extra=[("content-length", "1")])
    c.send(frame(DATA, 0, sid, b"xx"))
    assert c.outcome(sid) == ("reset", PROTOCOL)
    c.headers([("x", "y")], sid=sid)
    c.settle()
    return c.request()


@case("5.1.1", conn_error(PROTOCOL))
def an_even_stream_id(c):
    c.send(frame(HEADERS, 5, 2, block(c.fields())))


@case("5.1.1", conn_error(PROTOCOL))
def a_lower_stream_id(c):
    c.streams[9] = h2.Stream()
    c.headers(c.fields(), sid=9)
    assert c.outcome(9) == ANSWER
    c.headers(c.fields(), sid=5)


@case("5.1.1", conn_error(PROTOCOL))
def a_much_lower_stream_id(c):
    c.streams[9999] = h2.Stream()
    c.headers(c.fields(), sid=9999)
    assert c.outcome(9999) == ANSWER
    c.headers(c.fields(), sid=5)


@case("5.1.1", conn_error(CLOSED))
def data_on_a_stream_that_was_skipped(c):
    c.streams[9] = h2.Stream()
    c.headers(c.fields(), sid=9)
    assert c.outcome(9) == ANSWER
    c.send(frame(DATA, 0, 5, b"x"))


@case("5.1.2", ("reset", REFUSED), *stream_error(PROTOCOL))
def more_streams_than_allowed(c):
    for _ in range(12):
        sid = c.request(path="/delay/500")
    return sid


@case("5.4.1", conn_error(PROTOCOL))
def a_connection_error_closes_the_connection(c):
    c.send(frame(DATA, 0, 0, b"x"))
    c.outcome()
    try:
        while True:
            c.read_frame()
    except (EOFError, ConnectionError):
        pass


# --- §6 ----------------------------------------------------------------------

@case("6.1", conn_error(PROTOCOL))
def data_on_stream_0(c):
    c.send(frame(DATA, 0, 0, b"x"))


@case("6.1", conn_error(PROTOCOL))
def data_with_padding_longer_than_the_frame(c):
    sid = c.open_post()
    c.send(frame(DATA, PADDED | END_STREAM, sid, b"\x06hello"))


@case("6.1", conn_error(SIZE))
def padded_data_without_a_length(c):
    sid = c.open_post()
    c.send(frame(DATA, PADDED | END_STREAM, sid, b""))


@case("6.1", ANSWER)
def data_that_is_all_padding(c):
    sid = c.open_post(extra=[("content-length", "1")])
    c.send(frame(DATA, PADDED, sid, b"\xff" + bytes(255)) +
           frame(DATA, PADDED | END_STREAM, sid, b"\x03x" + bytes(3)))
    return sid


@case("6.2", conn_error(PROTOCOL))
def headers_on_stream_0(c):
    c.send(frame(HEADERS, 5, 0, block(c.fields())))


@case("6.2", conn_error(PROTOCOL))
def headers_with_padding_longer_than_the_frame(c):
    b = block(c.fields())
    c.send(frame(HEADERS, PADDED | 5, c.stream(), bytes([len(b) + 1]) + b))


@case("6.2", conn_error(SIZE))
def headers_too_short_for_priority(c):
    c.send(frame(HEADERS, PRIO | 5, c.stream(), b"\0\0\0"))


@case("6.2", ANSWER)
def headers_with_padding_and_priority(c):
    sid = c.stream()
    c.send(frame(HEADERS, PADDED | PRIO | 5, sid,
                 b"\x07" + b"\0\0\0\0\x10" + block(c.fields()) + bytes(7)))
    return sid


@case("6.3", conn_error(PROTOCOL))
def priority_of_stream_0(c):
    c.send(frame(PRIORITY, 0, 0, b"\0\0\0\0\x10"))


@case("6.3", *stream_error(SIZE))
def priority_of_a_wrong_length(c):
    sid = c.open_post()
    c.send(frame(PRIORITY, 0, sid, b"\0\0\0\0"))
    return sid


@case("6.4", conn_error(PROTOCOL))
def reset_of_stream_0(c):
    c.send(frame(RST_STREAM, 0, 0, b"\0\0\0\x08"))


@case("6.4", conn_error(SIZE))
def reset_of_a_wrong_length(c):
    c.send(frame(RST_STREAM, 0, c.open_post(), b"\0\0\x08"))


@case("6.5", conn_error(PROTOCOL))
def settings_on_a_stream(c):
    c.send(frame(SETTINGS, 0, 1, b""))


@case("6.5", conn_error(SIZE))
def settings_ack_with_a_payload(c):
    c.send(frame(SETTINGS, ACK, 0, b"\0\3\0\0\0\1"))


@case("6.5", conn_error(SIZE))
def settings_not_a_multiple_of_6(c):
    c.send(frame(SETTINGS, 0, 0, b"\0\3\0\0\0"))


@case("6.5.2", conn_error(PROTOCOL))
def enable_push_2(c):
    c.send(h2.settings([(2, 2)]))


@case("6.5.2", conn_error(FLOW))
def an_initial_window_too_large(c):
    c.send(h2.settings([(4, 1 << 31)]))


@case("6.5.2", conn_error(PROTOCOL))
def a_maximum_frame_size_too_small(c):
    c.send(h2.settings([(5, 16383)]))


@case("6.5.2", conn_error(PROTOCOL))
def a_maximum_frame_size_too_large(c):
    c.send(h2.settings([(5, 1 << 24)]))


@case("6.5.2", ANSWER)
def an_unknown_setting_is_ignored(c):
    c.send(h2.settings([(0x99, 7)]))
    return c.request()


@case("6.5.3", ANSWER)
def settings_are_acknowledged(c):
    c.settle()
    c.send(h2.settings([(4, 70000)]))
    while True:
        kind, flags, _, _ = c.read_frame()
        if kind == SETTINGS and flags & ACK:
            return c.request()


@case("6.6", conn_error(PROTOCOL))
def a_push_promise_from_a_client(c):
    sid = c.open_post()
    c.send(frame(PUSH_PROMISE, END_HEADERS, sid, b"\0\0\0\2" + block(c.fields())))


@case("6.7", conn_error(PROTOCOL))
def ping_on_a_stream(c):
    c.send(frame(PING, 0, 1, b"12345678"))


@case("6.7", conn_error(SIZE))
def ping_of_a_wrong_length(c):
    c.send(frame(PING, 0, 0, b"1234567"))


@case("6.7", ANSWER)
def ping_is_answered(c):
    c.settle()
    return c.request()


@case("6.7", ANSWER)
def ping_ack_is_not_answered(c):
    c.send(frame(PING, ACK, 0, b"unasked!"))
    sid = c.request()
    while not c.streams[sid].ended:
        kind, _, _, payload = c.read_frame()
        assert kind != PING, payload
    return sid


@case("6.8", conn_error(PROTOCOL))
def goaway_on_a_stream(c):
    c.send(frame(GOAWAY, 0, 1, bytes(8)))


@case("6.8", conn_error(SIZE))
def goaway_too_short(c):
    c.send(frame(GOAWAY, 0, 0, bytes(7)))


@case("6.8", ANSWER)
def goaway_lets_streams_finish(c):
    sid = c.request(path="/delay/200")
    c.send(frame(GOAWAY, 0, 0, bytes(8)))
    return sid


@case("6.9", *stream_error(PROTOCOL))
def a_window_update_of_0(c):
    sid = c.open_post()
    c.send(frame(WINDOW_UPDATE, 0, sid, bytes(4)))
    return sid


@case("6.9", conn_error(PROTOCOL))
def a_window_update_of_0_for_the_connection(c):
    c.send(frame(WINDOW_UPDATE, 0, 0, bytes(4)))


@case("6.9", conn_error(SIZE))
def a_window_update_of_a_wrong_length(c):
    c.send(frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"))


@case("6.9.1", conn_error(FLOW))
def the_connections_window_overflows(c):
    c.send(frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"))


@case("6.9.1", *stream_error(FLOW))
def a_streams_window_overflows(c):
    sid = c.open_post()
    c.send(frame(WINDOW_UPDATE, 0, sid, b"\x7f\xff\xff\xff"))
    return sid


@case("6.9.1", *stream_error(FLOW))
def more_data_than_the_streams_window(c):
    sid = c.open_post("/never")
    c.settle()
    for _ in range(20):
        c.send(frame(DATA, 0, sid, b"x" * 16384))
    return sid


@case("6.9.2", conn_error(FLOW))
def settings_that_overflow_a_window(c):
    sid = c.open_post()
    c.send(frame(WINDOW_UPDATE, 0, sid, b"\x7f\xff\0\0"))
    c.settle()
    c.send(h2.settings([(4, 0x7fffffff)]))


@case("6.9.2", ANSWER)
def settings_open_a_window(c):
    c.send(h2.settings([(4, 0)]))
    sid = c.request(path="/bytes/1000")
    c.settle()
    assert not c.streams[sid].ended and not c.streams[sid].body
    c.send(h2.settings([(4, 1000)]))
    return sid


@case("6.9.2", ANSWER)
def a_window_may_become_negative(c):
    c.send(h2.settings([(4, 100)]))
    sid = c.request(path="/bytes/300")
    while c.streams[sid].body < 100:
        c.read_frame()
    c.send(h2.settings([(4, 50)]))
    c.settle()
    c.send(frame(WINDOW_UPDATE, 0, sid, struct.pack(">I", 50)))
    c.settle()
    assert c.streams[sid].body == 100, c.streams[sid].body
    c.send(frame(WINDOW_UPDATE, 0, sid, struct.pack(">I", 200)))
    return sid


@case("6.9.1", ANSWER)
def no_more_than_the_window_is_sent(c):
    c.send(h2.settings([(4, 10)]))
    sid = c.request(path="/bytes/30")
    while c.streams[sid].body < 10:
        c.read_frame()
    c.settle()
    assert c.streams[sid].body == 10, c.streams[sid].body
    c.send(frame(WINDOW_UPDATE, 0, sid, b"\0\0\0\x14"))
    return sid


@case("6.10", ANSWER)
def several_continuations(c):
    sid = c.stream()
    b = block(c.fields())
    c.send(frame(HEADERS, END_STREAM, sid, b[:3]) + frame(CONTINUATION, 0, sid, b[3:9]) +
           frame(CONTINUATION, 0, sid, b"") + frame(CONTINUATION, 4, sid, b[9:]))
    return sid


@case("6.10", conn_error(PROTOCOL))
def continuation_without_headers(c):
    c.send(frame(CONTINUATION, 4, c.open_post(), block([("x", "y")])))


@case("6.10", conn_error(PROTOCOL))
def continuation_after_the_end_of_headers(c):
    sid = c.request(path="/delay/500")
    c.send(frame(CONTINUATION, 4, sid, block([("x", "y")])))


@case("6.10", conn_error(PROTOCOL))
def continuation_of_another_stream(c):
    sid = c.stream()
    c.send(frame(HEADERS, END_STREAM, sid, block(c.fields())) +
           frame(CONTINUATION, 4, sid + 2, block([("x", "y")])))


@case("6.10", conn_error(PROTOCOL))
def continuation_on_stream_0(c):
    c.send(frame(HEADERS, END_STREAM, c.stream(), block(c.fields())) +
           frame(CONTINUATION, 4, 0, block([("x", "y")])))


# --- §7 ----------------------------------------------------------------------

@case("7", ANSWER)
def an_unknown_error_code_is_no_error(c):
    c.send(frame(RST_STREAM, 0, c.open_post(), b"\x12\x34\x56\x78"))
    return c.request()


# --- §8 ----------------------------------------------------------------------

MALFORMED = stream_error(PROTOCOL) + (BAD,)


def refused(section, name, fields):
    def f(c):
        return c.headers(fields(c))
    f.__name__ = name
    case(section, *MALFORMED)(f)


def extra(section, name, *fields):
    refused(section, name, lambda c: c.fields(extra=fields))


@case("8.1", ANSWER)
def trailers(c):
    sid = c.open_post()
    c.send(frame(DATA, 0, sid, b"x"))
    c.headers([("x-sum", "1")], sid=sid)
    return sid


@case("8.1", *MALFORMED)
def trailers_without_end_stream(c):
    sid = c.open_post("/never")
    c.send(frame(DATA, 0, sid, b"x"))
    c.headers([("x-sum", "1")], END_HEADERS, sid)
    return sid


@case("8.1", *MALFORMED)
def trailers_with_a_pseudo_header(c):
    sid = c.open_post("/never")
    c.headers([(":path", "/")], sid=sid)
    return sid


@case("8.1", *MALFORMED)
def trailers_with_upper_case(c):
    sid = c.open_post("/never")
    c.headers([("X-Sum", "1")], sid=sid)
    return sid


@case("8.1.1", *MALFORMED)
def more_data_than_content_length(c):
    sid = c.open_post("/never", [("content-length", "1")])
    c.send(frame(DATA, END_STREAM, sid, b"xx"))
    return sid


@case("8.1.1", *MALFORMED)
def less_data_than_content_length(c):
    sid = c.open_post("/never", [("content-length", "3")])
    c.send(frame(DATA, END_STREAM, sid, b"xx"))
    return sid


@case("8.1.1", *MALFORMED)
def content_length_and_no_data(c):
    return c.headers(c.fields(method="POST", extra=[("content-length", "3")]))


@case("8.1.1", *MALFORMED)
def content_length_and_only_trailers(c):
    sid = c.open_post("/never", [("content-length", "3")])
    c.headers([("x-sum", "1")], sid=sid)
    return sid


@case("8.1.1", ANSWER)
def a_content_length_that_is_right(c):
    sid = c.open_post(extra=[("content-length", "3")])
    c.send(frame(DATA, 0, sid, b"x") + frame(DATA, END_STREAM, sid, b"xx"))
    return sid


for bad in ("+3", "-3", "3,3", "0x3", "", "3 3", "99999999999999999999", "three"):
    extra("8.1.1", "content_length_%r" % bad, ("content-length", bad))
extra("8.1.1", "content_length_twice", ("content-length", "0"), ("content-length", "0"))

extra("8.2.1", "an_upper_case_name", ("X-Test", "1"))
extra("8.2.1", "an_empty_name", ("", "1"))
for byte in b'\0\t\n\r "(),/;<=>?@[\\]{}\x7f\x80\xff':
    extra("8.2.1", "byte_%02x_in_a_name" % byte, (b"x%cy" % byte, "1"))
extra("8.2.1", "a_colon_in_a_name", ("x:y", "1"))
for byte in range(0x20):
    if byte != 9:
        extra("8.2.1", "byte_%02x_in_a_value" % byte, ("x", b"a%cb" % byte))
extra("8.2.1", "del_in_a_value", ("x", b"a\x7fb"))
extra("8.2.1", "a_request_in_a_value", ("x", "a\r\n\r\nGET /two HTTP/1.1\r\nhost: x"))
for value in (" a", "a ", "\ta", "a\t", " "):
    extra("8.2.1", "space_around_a_value_%r" % value, ("x", value))

for name in ("connection", "keep-alive", "proxy-connection", "transfer-encoding",
             "upgrade"):
    extra("8.2.2", name, (name, "chunked"))
extra("8.2.2", "te_gzip", ("te", "gzip"))
extra("8.2.2", "te_trailers_and_gzip", ("te", "trailers, gzip"))


@case("8.2.2", ANSWER)
def te_trailers(c):
    return c.request(extra=[("te", "trailers")])


@case("8.2.3", ANSWER)
def cookie_crumbs(c):
    return c.request(extra=[("cookie", "a=b"), ("cookie", "c=d")])


for name in (":method", ":scheme", ":path"):
    refused("8.3.1", "without_" + name[1:],
            lambda c, name=name: c.fields(without=[name]))
    refused("8.3.1", "an_empty_" + name[1:],
            lambda c, name=name: c.fields(without=[name]) + [(name, "")])
    refused("8.3.1", "two_of_" + name[1:],
            lambda c, name=name: [f for f in c.fields() if f[0] == name] + c.fields())
refused("8.3.1", "no_authority_and_no_host", lambda c: c.fields(without=[":authority"]))
refused("8.3", "an_unknown_pseudo_header",
        lambda c: [(":unknown", "1")] + c.fields())
refused("8.3", "a_response_pseudo_header", lambda c: [(":status", "200")] + c.fields())
refused("8.3", "a_pseudo_header_after_a_field",
        lambda c: c.fields(without=[":path"]) + [("x", "y"), (":path", "/")])
refused("8441 4", "protocol_without_connect",
        lambda c: [(":protocol", "websocket")] + c.fields())
refused("8441 4", "extended_connect_without_a_path",
        lambda c: [(":protocol", "websocket")] + c.fields(method="CONNECT",
                                                          without=[":path"]))
refused("8441 4", "extended_connect_without_an_authority",
        lambda c: [(":protocol", "websocket")] + c.fields(method="CONNECT",
                                                          without=[":authority"]))
refused("8441 4", "extended_connect_with_a_bad_path",
        lambda c: [(":protocol", "websocket"), (":path", "/a b")] + c.fields(
            method="CONNECT", without=[":path"]))
for path in ("name", "http://x/name", "/na me", "/name#top", "*", "/na\x7fme",
             "/na\r\nx: y", "/name HTTP/1.1\r\nx: y", "/n\xe4me", "//\0"):
    refused("8.3.1", "path_%r" % path,
            lambda c, path=path: c.fields(without=[":path"]) + [(":path", path)])
for scheme in ("ftp", "http ", "1http", "ht\ntp", "javascript"):
    refused("8.3.1", "scheme_%r" % scheme,
            lambda c, s=scheme: c.fields(without=[":scheme"]) + [(":scheme", s)])
for auth in ("user@host", "user:pw@127.0.0.1", "a b", "a\r\nx: y", "a/b", "a#b", "a?b",
             "a\tb", ":80", "[::1", "h:x", "h:80:80"):
    refused("8.3.1", "authority_%r" % auth,
            lambda c, a=auth: c.fields(without=[":authority"]) + [(":authority", a)])
for method in ("G T", "GET\r\n", "GET /x HTTP/1.1\r\nx:", "G(T", "G\0T", "\xc4"):
    refused("8.3.1", "method_%r" % method,
            lambda c, m=method: c.fields(without=[":method"]) + [(":method", m)])
extra("8.3.1", "a_host_that_differs", ("host", "elsewhere"))
extra("8.3.1", "two_hosts", ("host", "a"), ("host", "a"))
extra("8.3.1", "an_empty_host", ("host", ""))


@case("8.3.1", ANSWER)
def a_host_that_agrees(c):
    return c.request(extra=[("host", c.authority)])


@case("8.3.1", ANSWER)
def a_host_instead_of_an_authority(c):
    return c.headers(c.fields(without=[":authority"]) + [("host", c.authority)])


@case("8.3.1", ("answer", 404))  # the backend has no such path
def options_asterisk(c):
    return c.headers(c.fields("*", "OPTIONS"))


refused("8.5", "connect_with_a_path",
        lambda c: [(":method", "CONNECT"), (":path", "/"), (":authority", "x:1")])
refused("8.5", "connect_without_an_authority", lambda c: [(":method", "CONNECT")])


@case("8.5", ("answer", 501))
def connect_is_not_offered(c):
    return c.headers([(":method", "CONNECT"), (":authority", "x:1")])


# --- RFC 7541 -----------------------------------------------------------------

def hpack(section, name, data):
    def f(c):
        c.send(frame(HEADERS, 5, c.stream(), data))
    f.__name__ = name
    case("7541 " + section, conn_error(COMPRESSION))(f)


hpack("2.3.3", "an_index_that_is_not_there", b"\xc6")
hpack("6.1", "index_0", b"\x80")
hpack("4.2", "a_table_size_above_the_limit", b"\x3f\xe2\x1f\x82\x84\x86")
hpack("4.2", "a_table_size_update_after_a_field", b"\x82\x20\x84\x86")
hpack("5.1", "an_integer_that_overflows", b"\x7f" + b"\xff" * 10 + b"\x7f")
hpack("5.1", "an_integer_that_does_not_end", b"\xff\xff\xff")
hpack("5.2", "a_string_longer_than_the_block", b"\0\x7e" + b"abc")
hpack("5.2", "huffman_padding_of_8_bits", b"\0\x82\x1f\xff\x01a")
hpack("5.2", "huffman_padding_of_zeroes", b"\0\x81\x18\x01a")
hpack("5.2", "huffman_with_eos", b"\0\x84\xff\xff\xff\xff\x01a")
hpack("6.2", "a_name_index_that_is_not_there", b"\x7f\x10\x01a")


@case("7541 4.3", ANSWER)
def the_table_is_emptied_and_filled_again(c):
    for size in (0, 4096, 100):
        sid = c.stream()
        update = b"\x20" if not size else b"\x3f" + h2._string(b"")[:0]
        n = size - 31
        if size:
            while n >= 128:
                update += bytes([n % 128 + 128])
                n //= 128
            update += bytes([n])
        c.send(frame(HEADERS, 5, sid, update + block(c.fields())))
        assert c.outcome(sid) == ANSWER, size
    return sid


def main(port):
    failed = 0
    for section, name, f, wanted in CASES:
        try:
            if section == "3.4":
                c, sid = f(port)
            else:
                c = Client(port)
                sid = f(c)
            got = c.outcome(sid)
        except (OSError, EOFError, AssertionError) as e:
            got = ("failed", repr(e))
        c.close()
        ok = got in wanted
        failed += not ok
        if not ok or "-v" in sys.argv:
            print("%s §%s %s: %s%s" % ("ok  " if ok else "FAIL", section, name, got,
                                       "" if ok else ", wanted " + str(wanted)))
    print("%d cases, %d failed" % (len(CASES), failed))
    return failed > 0


sys.exit(main(int(sys.argv[1])))
