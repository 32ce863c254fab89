"""The socket: the one module that knows the HTTP library."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from scheduler.sandbox.wire import Answer, Request

HOST = "127.0.0.1"
# A thousand clients connect in one burst; with the usual 128 the kernel drops some, and they try again after a second.
_BACKLOG = 4096
# Requests still under way when it ends aren't waited for: they may have been told to take minutes.
_SHUTDOWN_SECONDS = 0.1

Handler = Callable[[Request], Awaitable[Answer | None]]


@asynccontextmanager
async def listening(handler: Handler, *, port: int) -> AsyncIterator[int]:
    """Serve on loopback while the context lasts; gives the port, a free one if `port` is 0.

    An answer of None closes the connection without one.

    Raises:
        OSError: the port can't be had.
    """
    # A bare server: routing is ours, and an application's middleware and routes are half the cost of a request.
    server = web.Server(_adapted(handler), access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, backlog=_BACKLOG).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _adapted(handler: Handler) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        answer = await handler(await _read(request))
        return _dropped(request) if answer is None else _written(answer)

    return handle


async def _read(request: web.BaseRequest) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        key=request.headers.get("x-api-key", "").strip(),
        company=request.headers.get("x-company-id", "").strip(),
        body=await request.read(),
    )


def _written(answer: Answer) -> web.Response:
    content_type = answer.content_type if answer.body else None
    return web.Response(
        status=answer.status, body=answer.body or None, content_type=content_type, headers=answer.headers
    )


def _dropped(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # The library wants a response from every handler; it finds the connection closed, and writes nothing.
    return web.Response()
