"""One port for the gateway and the API: routes, who may ask, errors that leak nothing."""

import hmac
import json
import socket
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web

from proxy.core.http1 import check_request
from proxy.engine.ports import bound
from proxy.engine.router import Upstream
from proxy.errors import DashcamError, FormatError, RecordingNotFound, StoreUnavailable
from proxy.launch.api_token import is_loopback
from proxy.servers.api import Api, openapi
from proxy.servers.gateway import Gateway
from proxy.servers.gateway_lane import Lanes
from proxy.servers.health import PATHS, Health
from proxy.servers.listening import Listening, listen

# Who may ask what: for whoever restarts and routes; numbers, for anybody on this machine; all else
# is for the token.
_OPEN = frozenset({"/livez", "/readyz"})
_NUMBERS = frozenset(PATHS) - _OPEN
_KEY = "key-"
_MAX_API_BODY = 16 * 1024 * 1024

type Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Site:
    """The port's rooms. `token` opens the API; `wide`: others than this machine can ask, too."""

    api: Api
    gateway: Gateway
    token: str
    wide: bool = False

    async def open(self, host: str, port: int) -> Listening:
        """Listens. Raises ListenError."""
        return await self.serve(bound(host, port))

    async def serve(self, sockets: Sequence[socket.socket]) -> Listening:
        """The same for sockets that listen already."""
        lanes = None if self.wide else Lanes(self.api.engine, self._place)
        return await listen(self.application(), sockets, lanes)

    def application(self) -> web.Application:
        """All routes, and the guard before them."""
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
        raw = request.raw_path.removeprefix("/")
        if raw.startswith(_KEY):  # for clients that can be given no header, only a base URL
            raw = raw.partition("/")[2]
        name = _first(raw)
        upstream = self.api.engine.router.named.get(name)
        if upstream is None:
            known = ", ".join(sorted(self.api.engine.router.named))
            return _error(404, f"there is no upstream {name!r}; known are {known}")
        return await self.gateway.handle(request, upstream, _target(upstream, raw, name))

    def _place(self, target: bytes) -> tuple[Upstream, str] | None:
        """Where the gateway's own lane sends a target; None for all that has other routes."""
        raw = target.decode("latin-1").removeprefix("/")
        name = _first(raw)
        upstream = self.api.engine.router.named.get(name)
        if upstream is None or name == "api" or f"/{name}" in PATHS:
            return None
        return upstream, _target(upstream, raw, name)

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
        """Refuses whoever lacks the token, and pages of other sites (DNS rebinding, CSRF).

        All but what is named here is refused without it. A page cannot know the token, so beyond
        this machine any name may be used for this host.
        """
        path = request.path
        if path in _OPEN:
            return
        if not self.wide and not path.startswith("/api/") and self._is_gateway(request):
            return
        if not self.wide and not _is_here(request.headers.get("Host", "")):
            raise web.HTTPForbidden(
                text=_text(
                    "the Host header does not name this Dashcam",
                    "use http://127.0.0.1 or http://localhost",
                )
            )
        if self._foreign(request):
            raise web.HTTPForbidden(text=_text("requests from other sites are refused"))
        if not self.wide and path in _NUMBERS:
            return
        if not any(hmac.compare_digest(one, self.token.encode()) for one in _given(request)):
            hint = "send DASHCAM_TOKEN, or what `api-token` in `home` says: Authorization: Bearer …"
            raise web.HTTPUnauthorized(text=_text("this API asks for its token", hint))

    def _is_gateway(self, request: web.Request) -> bool:
        return request.match_info.handler == self._gateway

    @staticmethod
    def _foreign(request: web.Request) -> bool:
        """Whether a page of another site asks."""
        origin = request.headers.get("Origin")
        if origin is None:
            return request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
        place = origin.partition("://")[2]
        return place != request.headers.get("Host") and not _is_here(place)


def _first(raw: str) -> str:
    return raw.partition("/")[0].partition("?")[0]


def _target(upstream: Upstream, raw: str, name: str) -> str:
    """The path and query at the upstream of what was asked for here as `raw`."""
    rest = raw[len(name) :] or "/"
    return upstream.path + (rest if rest.startswith(("/", "?")) else f"/{rest}")


def _is_here(place: str) -> bool:
    """Whether `host:port` can only mean this machine; for a page it is no name of its site."""
    try:
        return is_loopback(urlsplit(f"//{place}").hostname or "")
    except ValueError:
        return False


def _given(request: web.Request) -> Iterator[bytes]:
    """Tokens: of Bearer, the password of Basic (a URL's userinfo), Dashcam-Token, /key-TOKEN/."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip().encode()
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield b64decode(value).partition(b":")[2]
    if own := request.headers.get("Dashcam-Token"):
        yield own.encode()
    first = request.path.removeprefix("/").partition("/")[0]
    if first.startswith(_KEY):
        yield first.removeprefix(_KEY).encode()


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
