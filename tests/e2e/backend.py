#!/usr/bin/env python3
"""An HTTP/1.1 server that does what a test asks of it; the path says what.

    backend.py PORT [--name NAME] [--rate BYTES_PER_SECOND] [--idle SECONDS]

    /bytes/N          N bytes, always the same ones
    /chunked/N        the same with chunked coding
    /sum              sha256 and length of the body that came
    /slow             the same, but reads the body at --rate
    /echo             the body that came, while it comes
    /request          the head that came, as it came
    /trailers         a chunked answer with trailers; says which ones came
    /delay/MS         answers after MS
    /never            does not answer
    /status/N         answers with that status
    /early            a 103 first
    /reset            closes without an answer
    /half/N           promises N bytes, sends half of them, closes
    /half-chunk       the same with chunked coding
    /garbage          answers with something that is not HTTP
    /two-lengths      answers with two lengths that differ
    /big-header/N     answers with a header field of N bytes
    /hop              answers with hop-by-hop fields
    /close            answers, then closes the connection
    /close-quietly    answers, then closes the connection without saying so
    /name             NAME
    /conns            how many connections it has seen

Every answer says x-server: NAME and x-conn: the connection's number.
"""

import argparse
import asyncio
import hashlib
import signal

PATTERN = bytes(range(256)) * 256


class Request:
    def __init__(self, head, body):
        self.head = head
        line, *fields = head.split(b"\r\n")
        self.method, self.path, self.version = line.decode("latin-1").split(" ")
        self.fields = {}
        for f in fields:
            k, _, v = f.decode("latin-1").partition(":")
            k = k.lower()
            if k in self.fields:
                v = self.fields[k] + "," + v
            self.fields[k] = v.strip()
        self.body = body
        self.trailers = []

    @property
    def words(self):
        return self.path.split("?")[0].strip("/").split("/")

    @property
    def number(self):
        return int(self.words[1])


class Conn:
    count = 0

    def __init__(self, reader, writer, opts):
        Conn.count += 1
        self.number = Conn.count
        self.r, self.w, self.opts = reader, writer, opts

    # --- reading ---------------------------------------------------------

    async def request(self):
        head = await self.r.readuntil(b"\r\n\r\n")
        req = Request(head[:-4], None)
        if req.fields.get("expect", "").lower() == "100-continue":
            self.w.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        req.body = self.body(req)
        return req

    async def body(self, req):
        if "chunked" in req.fields.get("transfer-encoding", ""):
            async for part in self.chunks(req):
                yield part
            return
        left = int(req.fields.get("content-length", 0))
        while left:
            part = await self.r.read(min(left, 65536))
            if not part:
                raise ConnectionError("body ends early")
            left -= len(part)
            yield part

    async def chunks(self, req):
        while True:
            size = int((await self.r.readline()).split(b";")[0], 16)
            if not size:
                break
            yield await self.r.readexactly(size)
            await self.r.readexactly(2)
        while True:
            line = (await self.r.readline()).strip()
            if not line:
                return
            req.trailers.append(line.decode("latin-1"))

    async def drop_body(self, req):
        async for _ in req.body:
            pass

    # --- answering -------------------------------------------------------

    def head(self, status, fields, length=None):
        lines = ["HTTP/1.1 %d Said" % status, "x-server: " + self.opts.name,
                 "x-conn: %d" % self.number]
        if length is not None:
            lines.append("content-length: %d" % length)
        lines += fields
        self.w.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def say(self, req, status, body, *fields):
        if isinstance(body, str):
            body = body.encode("latin-1")
        self.head(status, list(fields), len(body))
        if req.method != "HEAD":
            self.w.write(body)
        await self.w.drain()

    async def pattern(self, n, send):
        while n > 0:
            part = PATTERN[:min(n, len(PATTERN))]
            n -= len(part)
            await send(part)

    async def raw(self, part):
        self.w.write(part)
        await self.w.drain()

    async def chunk(self, part):
        await self.raw(b"%x\r\n%s\r\n" % (len(part), part))

    # --- what the paths do; each returns True to keep the connection -----

    async def do_bytes(self, req):
        await self.drop_body(req)
        self.head(200, ["content-type: application/octet-stream"], req.number)
        if req.method != "HEAD":
            await self.pattern(req.number, self.raw)
        return True

    async def do_chunked(self, req):
        await self.drop_body(req)
        self.head(200, ["transfer-encoding: chunked"])
        await self.pattern(req.number, self.chunk)
        await self.raw(b"0\r\n\r\n")
        return True

    async def do_sum(self, req, rate=0):
        h, n = hashlib.sha256(), 0
        async for part in req.body:
            h.update(part)
            n += len(part)
            if rate:
                await asyncio.sleep(len(part) / rate)
        await self.say(req, 200, "%s %d\n" % (h.hexdigest(), n))
        return True

    async def do_slow(self, req):
        return await self.do_sum(req, self.opts.rate)

    async def do_echo(self, req):
        length = req.fields.get("content-length")
        if length:
            self.head(200, [], int(length))
        else:
            self.head(200, ["transfer-encoding: chunked"])
        async for part in req.body:
            await (self.raw if length else self.chunk)(part)
        if not length:
            await self.raw(b"0\r\n\r\n")
        return True

    async def do_request(self, req):
        await self.drop_body(req)
        await self.say(req, 200, req.head.replace(b"\r\n", b"\n") + b"\n")
        return True

    async def do_trailers(self, req):
        await self.drop_body(req)
        self.head(200, ["transfer-encoding: chunked", "trailer: x-sum, x-got"])
        await self.chunk(b"body\n")
        got = "|".join(req.trailers) or "none"
        await self.raw(b"0\r\nx-sum: 42\r\nx-got: %s\r\n\r\n" % got.encode("latin-1"))
        return True

    async def do_delay(self, req):
        await self.drop_body(req)
        await asyncio.sleep(req.number / 1000)
        await self.say(req, 200, "late\n")
        return True

    async def do_never(self, req):
        while await self.r.read(65536):
            pass
        return False

    async def do_status(self, req):
        await self.drop_body(req)
        if req.number in (204, 304):
            self.head(req.number, [])
        else:
            await self.say(req, req.number, "status %d\n" % req.number)
        return True

    async def do_early(self, req):
        await self.drop_body(req)
        await self.raw(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload"
                       b"\r\n\r\n")
        await asyncio.sleep(0.1)
        await self.say(req, 200, "after the hint\n")
        return True

    async def do_reset(self, req):
        await self.drop_body(req)
        return False

    async def do_half(self, req):
        await self.drop_body(req)
        self.head(200, [], req.number)
        await self.pattern(req.number // 2, self.raw)
        return False

    async def do_half_chunk(self, req):
        await self.drop_body(req)
        self.head(200, ["transfer-encoding: chunked"])
        await self.raw(b"100\r\nnot so much")
        return False

    async def do_garbage(self, req):
        await self.drop_body(req)
        await self.raw(b"ZZZZ this is no protocol\r\n\r\n")
        return False

    async def do_two_lengths(self, req):
        await self.drop_body(req)
        self.head(200, ["content-length: 3", "content-length: 4"])
        await self.raw(b"abcd")
        return False

    async def do_big_header(self, req):
        await self.drop_body(req)
        await self.say(req, 200, "big\n", "x-big: " + "b" * req.number)
        return True

    async def do_hop(self, req):
        await self.drop_body(req)
        await self.say(req, 200, "hop\n", "connection: keep-alive, x-private",
                       "keep-alive: timeout=5", "x-private: secret",
                       "proxy-authenticate: Basic", "upgrade: h2c",
                       "x-public: yes")
        return True

    async def do_close(self, req):
        await self.drop_body(req)
        await self.say(req, 200, "closed\n", "connection: close")
        return False

    async def do_close_quietly(self, req):
        await self.drop_body(req)
        await self.say(req, 200, "closed\n")
        return False

    async def do_name(self, req):
        await self.drop_body(req)
        await self.say(req, 200, self.opts.name + "\n")
        return True

    async def do_conns(self, req):
        await self.drop_body(req)
        await self.say(req, 200, "%d\n" % Conn.count)
        return True

    # --- the connection --------------------------------------------------

    async def serve(self):
        while True:
            req = await asyncio.wait_for(self.request(), self.opts.idle)
            name = "do_" + req.words[0].replace("-", "_")
            do = getattr(self, name, None)
            if not do:
                await self.drop_body(req)
                await self.say(req, 404, "no such path\n")
            elif not await do(req):
                return
            if req.version == "HTTP/1.0" or req.fields.get("connection") == "close":
                return


async def accept(reader, writer, opts):
    conn = Conn(reader, writer, opts)
    try:
        await conn.serve()
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError):
        pass
    finally:
        try:
            writer.close()
        except OSError:
            pass


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("--name", default="backend")
    p.add_argument("--rate", type=float, default=1 << 20)
    p.add_argument("--idle", type=float, default=None)
    opts = p.parse_args()
    server = await asyncio.start_server(lambda r, w: accept(r, w, opts), "127.0.0.1",
                                        opts.port, backlog=1024, limit=1 << 18)
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    await stop.wait()
    server.close()


asyncio.run(main())
