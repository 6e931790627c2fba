"""Put the headers on calls: one function a library, at the level where a request is sent.

`http.client` carries urllib, urllib3, requests and botocore. A request that brings a `Dashcam-Run`
of its own is left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import headers
from .hooks import Hooks

Source = Callable[[], tuple[tuple[str, str], ...]]
"""The headers for a call made here and now."""

_MARK = "__dashcam_sdk__"  # not that of the preload, which may have been here before


def install(source: Source) -> None:
    """Patch the libraries that are imported, and those that will be; costs nothing repeated."""
    if not _installed:
        _installed.append(
            Hooks({name: functools.partial(p, source) for name, p in LIBRARIES.items()})
        )
    _installed[0].install()


_installed: list[Hooks] = []


def _wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    if getattr(original, _MARK, False):
        return
    changed = functools.wraps(original)(make(original))
    setattr(changed, _MARK, True)
    setattr(owner, name, changed)


def _http_client(source: Source, module: Any) -> None:
    marker = headers.RUN.lower().encode() + b":"

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
            fields = source()
            if fields and not any(line.lower().startswith(marker) for line in self._buffer):
                for name, value in fields:
                    self.putheader(name, value)
            return original(self, *args, **kwargs)

        return endheaders

    _wrap(module.HTTPConnection, "endheaders", make)


def _httpx(source: Source, module: Any) -> None:
    def add(request: Any) -> None:
        if headers.RUN not in request.headers:
            for name, value in source():
                request.headers[name] = value

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            add(request)
            return original(self, request, *args, **kwargs)

        return send

    def make_async(original: Callable[..., Any]) -> Callable[..., Any]:
        async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            add(request)
            return await original(self, request, *args, **kwargs)

        return send

    _wrap(module.Client, "send", make)
    _wrap(module.AsyncClient, "send", make_async)


def _aiohttp(source: Source, module: Any) -> None:
    from multidict import CIMultiDict  # noqa: PLC0415 - aiohttp's own, and loaded by now

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def request(self: Any, method: str, str_or_url: Any, **kwargs: Any) -> Any:
            fields = source()
            if fields:
                given = CIMultiDict(kwargs.get("headers") or ())
                if headers.RUN not in given and headers.RUN not in self.headers:
                    given.extend(fields)
                    kwargs["headers"] = given
            return await original(self, method, str_or_url, **kwargs)

        return request

    _wrap(module.ClientSession, "_request", make)


LIBRARIES: dict[str, Callable[[Source, Any], None]] = {
    "http.client": _http_client,
    "httpx": _httpx,
    "httpx2": _httpx,
    "aiohttp.client": _aiohttp,
}
