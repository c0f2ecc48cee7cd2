#!/usr/bin/env python3
"""An HTTP/1.1 server that reads what it is asked and never answers."""

import asyncio
import sys

kept = set()


async def hold(reader, writer):
    kept.add(writer)
    try:
        while await reader.read(65536):
            pass
    except OSError:
        pass
    kept.discard(writer)
    writer.close()


async def main(port):
    server = await asyncio.start_server(hold, "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
