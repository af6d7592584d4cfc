"""Forwards connections of containers to an emulator that only listens on the loopback address."""

from __future__ import annotations

import asyncio
import errno
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local import engine

_CHUNK = 64 * 1024
# Docker Desktop runs containers in a virtual machine, where this name is the host's loopback
# address.
_DESKTOP = "host.docker.internal"
_LOOPBACK = ("127.0.0.1", "localhost")


@contextmanager
def for_containers(endpoint: str) -> Iterator[str]:
    """Yields the URL at which containers reach the endpoint, within the context."""
    address = urllib.parse.urlsplit(endpoint)
    if address.hostname not in _LOOPBACK:
        yield endpoint
        return
    port = address.port or 80
    loop = asyncio.new_event_loop()
    gateway = engine.gateway()
    try:
        loop.run_until_complete(_listen(gateway, port))
    except OSError as error:
        loop.close()
        # In use: another `sam local` forwards there already. Otherwise the gateway is not on
        # this machine, as with Docker Desktop.
        yield f"http://{gateway if error.errno == errno.EADDRINUSE else _DESKTOP}:{port}"
        return
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{gateway}:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _listen(host: str, port: int) -> asyncio.Server:
    """Forwards connections to the bridge's gateway, unreachable from outside this machine."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))

    return await asyncio.start_server(relay, host, port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
