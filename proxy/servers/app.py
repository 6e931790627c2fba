"""One port for the gateway and the API: routes, who may ask, errors that leak nothing."""

import hmac
import json
import socket
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web

from proxy.core.http1 import check_request
from proxy.engine.ports import bound
from proxy.errors import DashcamError, FormatError, RecordingNotFound, StoreUnavailable
from proxy.servers.api import Api, openapi
from proxy.servers.gateway import Gateway
from proxy.servers.health import PATHS, Health
from proxy.servers.listening import Listening, listen

_GUARDED = frozenset(PATHS) - {"/livez", "/readyz"}
_MAX_API_BODY = 16 * 1024 * 1024

type Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Site:
    """The port's rooms. `token` is asked for under /api when there is one."""

    api: Api
    gateway: Gateway
    token: str | None = None

    async def open(self, host: str, port: int) -> Listening:
        """Listens. Raises ListenError."""
        return await self.serve(bound(host, port))

    async def serve(self, sockets: Sequence[socket.socket]) -> Listening:
        """The same for sockets that listen already."""
        return await listen(self._app(), sockets)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_API_BODY)
        app.add_routes(self.api.routes())
        app.add_routes(Health(self.api.engine, self.api.store).routes())
        app.add_routes(
            [
                web.get("/api/v1/openapi.json", _openapi),
                web.route("*", "/{name}/{tail:.*}", self._gateway),
                web.route("*", "/{name}", self._gateway),
            ]
        )
        return app

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        upstream = self.api.engine.router.named.get(name)
        if upstream is None:
            known = ", ".join(sorted(self.api.engine.router.named))
            return _error(404, f"there is no upstream {name!r}; known are {known}")
        rest = request.raw_path.removeprefix("/")[len(name) :] or "/"
        target = upstream.path + (rest if rest.startswith(("/", "?")) else f"/{rest}")
        return await self.gateway.handle(request, upstream, target)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            version = f"HTTP/{request.version.major}.{request.version.minor}".encode()
            check_request(version, request.raw_headers)
        except FormatError as error:
            request._version = HttpVersion11  # noqa: SLF001 - aiohttp answers in the request's own
            request._cache.pop("version", None)  # noqa: SLF001 - likewise
            refusal = _error(400, f"the request was refused: {error}")
            refusal.force_close()
            return refusal
        try:
            if request.path.startswith("/api/") or request.path in _GUARDED:
                self._may_ask(request)
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:  # noqa: PLR2004 - HTTP
                raise
            text = error.text if error.text and error.text.startswith("{") else None
            return _error(error.status, error.reason) if text is None else _sent(error.status, text)
        except RecordingNotFound as error:
            return _error(404, error.message, error.hint)
        except StoreUnavailable as error:
            return _error(503, error.message, error.hint)
        except DashcamError as error:
            return _error(400, error.message, error.hint)

    def _may_ask(self, request: web.Request) -> None:
        """Refuses pages of other sites (DNS rebinding, CSRF), and whoever lacks the token.

        A page cannot know the token, so with one any name may be used for this host.
        """
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        if not self.token and not self._is_us(host):
            raise web.HTTPForbidden(text=_text("the Host header does not name this Dashcam"))
        origin = request.headers.get("Origin")
        if origin and not self._is_us(urlsplit(origin).hostname or ""):
            raise web.HTTPForbidden(text=_text("requests from other sites are refused"))
        if self.token and not hmac.compare_digest(_given(request), self.token.encode()):
            raise web.HTTPUnauthorized(text=_text("this API asks for its token (DASHCAM_TOKEN)"))

    @staticmethod
    def _is_us(host: str) -> bool:
        if host == "localhost":
            return True
        try:
            return bool(ip_address(host))
        except ValueError:
            return False


def _given(request: web.Request) -> bytes:
    """The token in Authorization: Bearer, or as the password of Basic (from a URL's userinfo)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return b64decode(value).partition(b":")[2]
        except ValueError:
            return b""
    return b""


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(openapi())


def _text(message: str, hint: str | None = None) -> str:
    error: dict[str, Any] = {"message": message}
    if hint:
        error["hint"] = hint
    return json.dumps({"error": error}, ensure_ascii=False)


def _error(status: int, message: str, hint: str | None = None) -> web.Response:
    return _sent(status, _text(message, hint))


def _sent(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/json")
