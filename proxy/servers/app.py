"""One port for the gateway and the API: routes, who may ask, errors that leak nothing."""

import hmac
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import HttpVersion11, web

from proxy.core.http1 import Head, check_request, special_of
from proxy.errors import DashcamError, FormatError, RecordingNotFound, StoreUnavailable
from proxy.servers.api import Api, openapi
from proxy.servers.gateway import KEY, Gateway, taken_apart
from proxy.servers.health import PATHS, Health
from proxy.servers.loaded_api import LoadedApi, loaded
from proxy.servers.pages import is_admitted, is_foreign, is_here
from proxy.stores.seals import Locked

# Who may ask what: for whoever restarts and routes; numbers, for anybody on this machine; all else
# is for the token.
_OPEN = frozenset({"/livez", "/readyz"})
_NUMBERS = frozenset(PATHS) - _OPEN
_ANY = "surrogateescape"  # what aiohttp reads bytes with that are no UTF-8
_MAX_API_BODY = 16 * 1024 * 1024

type Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Site:
    """The port's rooms. `token` opens the API; `wide`: others than this machine can ask, too."""

    api: Api
    gateway: Gateway
    token: str
    wide: bool = False

    async def load(self) -> LoadedApi:
        """The API; from now on the gateway knows who may use it."""
        self.gateway.admits = self._admits
        return await loaded(self.application())

    def application(self) -> web.Application:
        """All routes, and the guard before them."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_API_BODY)
        app.add_routes(self.api.routes())
        app.add_routes(Health(self.api.engine, self.api.store).routes())
        app.add_routes(
            [
                web.get("/api/v1/openapi.json", _openapi),
                web.route("*", "/{name}/{tail:.*}", self._no_gateway),
                web.route("*", "/{name}", self._no_gateway),
            ]
        )
        return app

    async def _no_gateway(self, request: web.Request) -> web.StreamResponse:
        """What the gateway has left: there is no such upstream, or the request breaks HTTP."""
        name, _ = taken_apart(request.raw_path)
        names = self.api.engine.router.named
        if name in names:
            refusal = _error(400, "the request was refused: it is malformed")
            refusal.force_close()
            return refusal
        return _error(404, f"there is no upstream {name!r}; known are {', '.join(sorted(names))}")

    def _admits(self, head: Head) -> bool:
        """Whether a request may go through the gateway; who may not is told by `_may_ask`."""
        if not self.wide:
            return is_admitted(head.special)
        headers = {  # the first of a name counts
            name.decode("latin-1").title(): value.decode("latin-1")
            for name, value in reversed(head.headers)
        }
        path = unquote(head.target.decode("latin-1"))
        return not is_foreign(headers) and self._is_one(_given_to_the_gateway(path, headers))

    @web.middleware
    async def _guard(self, request: web.Request, handler: Next) -> web.StreamResponse:
        # What comes next on this connection may be for the gateway, which reads it itself.
        request._message = request._message._replace(should_close=True)  # noqa: SLF001 - it has no setter
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
            return _error(423 if isinstance(error, Locked) else 400, error.message, error.hint)

    def _may_ask(self, request: web.Request) -> None:
        """Refuses whoever lacks the token, and pages of other sites (DNS rebinding, CSRF).

        All but what is named here is refused without it. A page cannot know the token, so beyond
        this machine any name may be used for this host.
        """
        path = request.path
        if path in _OPEN:
            return
        for_gateway = not path.startswith("/api/") and self._is_gateway(request)
        if not self.wide and for_gateway:
            if not is_admitted(special_of(request.raw_headers)):
                raise _elsewhere("use http://127.0.0.1 or http://localhost")
            return
        if not self.wide and not is_here(request.headers.get("Host", "")):
            raise web.HTTPForbidden(
                text=_text(
                    "the Host header does not name this Dashcam",
                    "use http://127.0.0.1 or http://localhost",
                )
            )
        if is_foreign(request.headers):
            raise _elsewhere()
        if not self.wide and path in _NUMBERS:
            return
        if for_gateway:
            if not self._is_one(_given_to_the_gateway(path, request.headers)):
                hint = "send DASHCAM_TOKEN: a header Dashcam-Token, or /key-TOKEN/NAME as base URL"
                raise web.HTTPUnauthorized(text=_text("this gateway asks for its token", hint))
        elif not self._is_one(_given(request.headers)):
            hint = "send DASHCAM_TOKEN, or what `api-token` in `home` says: Authorization: Bearer …"
            raise web.HTTPUnauthorized(text=_text("this API asks for its token", hint))

    def _is_gateway(self, request: web.Request) -> bool:
        return request.match_info.handler == self._no_gateway

    def _is_one(self, given: Iterable[bytes]) -> bool:
        """Whether the token is among these."""
        return any(hmac.compare_digest(one, self.token.encode()) for one in given)


def _elsewhere(hint: str | None = None) -> web.HTTPForbidden:
    return web.HTTPForbidden(text=_text("requests from other sites are refused", hint))


def _given(headers: Mapping[str, str]) -> Iterator[bytes]:
    """Tokens: of Bearer, the password of Basic (a URL's userinfo), Dashcam-Token."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip().encode("utf-8", _ANY)
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield b64decode(value).partition(b":")[2]
    yield from _own(headers)


def _given_to_the_gateway(path: str, headers: Mapping[str, str]) -> Iterator[bytes]:
    """Tokens: Dashcam-Token, /key-TOKEN/. Authorization is the upstream's, and goes on to it."""
    first = path.removeprefix("/").partition("/")[0]
    if first.startswith(KEY):
        yield first.removeprefix(KEY).encode("utf-8", _ANY)
    yield from _own(headers)


def _own(headers: Mapping[str, str]) -> Iterator[bytes]:
    if own := headers.get("Dashcam-Token"):
        yield own.encode("utf-8", _ANY)


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
