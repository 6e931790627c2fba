"""The local provider: OpenAI, Anthropic, a knowledge base and a CRM, on one TLS and one plain port.

    python -m proxy.demo.provider --dir DIR

prints one line of JSON when it listens: `https` and `http` (ports on 127.0.0.1), `ca` (the file of
its certificate authority), `hosts` (the names that its certificate is for) and `pid`. It stops on
SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, Self

from proxy.demo import anthropic_api, knowledge, openai_api, responses_api
from proxy.demo.certificates import Authority
from proxy.demo.crm import Crm, token
from proxy.demo.http1 import (
    HEAD_LIMIT,
    BadRequest,
    Connection,
    Handler,
    Request,
    Response,
    json_response,
)
from proxy.demo.parts import ident

HOSTS = ("api.openai.com", "api.anthropic.com", "kb.acme.test", "crm.acme.test")
_OWN = ("127.0.0.1", "localhost")
_REVOKED = "sk-revoked"
_RETRY_AFTER_MS = 40


class Ports(NamedTuple):
    """Where the provider listens on 127.0.0.1."""

    https: int
    http: int


class _Route(NamedTuple):
    methods: frozenset[str]
    path: re.Pattern[str]
    handler: Handler


class Application:
    """The routes of all four services, and what they remember.

    `busy` is how many calls of a model are turned away with 429 before the first is answered.
    """

    def __init__(self, busy: int = 0) -> None:
        self._busy = busy
        self._calls = 0
        crm = Crm()
        self._routes = (
            _route("POST", r"/v1/chat/completions", self._model(openai_api.chat)),
            _route("POST", r"/v1/responses", self._model(responses_api.responses)),
            _route("POST", r"/v1/embeddings", self._model(openai_api.embeddings)),
            _route("GET", r"/v1/models", self._model(openai_api.models)),
            _route("POST", r"/v1/messages", self._model(anthropic_api.messages)),
            _route("POST", r"/search", knowledge.search),
            _route("GET PATCH", r"/customers/\w+", crm.customer),
            _route("POST", r"/refunds", crm.refund),
            _route("POST", r"/oauth/token", token),
        )

    async def __call__(self, request: Request) -> Response:
        """Answers one request; what it cannot read is answered 400, what it does not know 404."""
        self._calls += 1
        route = next((item for item in self._routes if item.path.fullmatch(request.path)), None)
        if route is None:
            return json_response(HTTPStatus.NOT_FOUND, {"error": {"message": "no such route"}})
        if request.method not in route.methods:
            body = {"error": {"message": f"{request.method} is not possible here"}}
            return json_response(HTTPStatus.METHOD_NOT_ALLOWED, body)
        try:
            answer = route.handler(request)
            return answer if isinstance(answer, Response) else await answer
        except (BadRequest, LookupError, TypeError, ValueError, AttributeError) as problem:
            # A request of the right path and the wrong shape: a provider says 400, never nothing.
            body = {"error": {"message": f"cannot read the request: {problem}"}}
            return json_response(HTTPStatus.BAD_REQUEST, body)

    def _model(self, handler: Handler) -> Handler:
        """A provider's route: asks for a key, may be busy, and adds the headers providers send."""

        async def answer(request: Request) -> Response:
            refusal = self._refuse(request)
            given = refusal if refusal is not None else handler(request)
            response = given if isinstance(given, Response) else await given
            limits = {
                "x-request-id": ident("req_", self._calls, request.body.hex()),
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-remaining-requests": "499",
            }
            return dataclasses.replace(response, headers={**limits, **response.headers})

        return answer

    def _refuse(self, request: Request) -> Response | None:
        anthropic = request.path == "/v1/messages"
        key = request.headers.get("x-api-key", "")
        if not key:
            key = request.headers.get("authorization", "").partition(" ")[2]
        if key in {"", _REVOKED}:
            if anthropic:
                kind = "authentication_error"
                return anthropic_api.error(HTTPStatus.UNAUTHORIZED, kind, "invalid x-api-key")
            kind, message = "invalid_request_error", "Incorrect API key provided."
            return openai_api.error(HTTPStatus.UNAUTHORIZED, kind, message, "invalid_api_key")
        if self._busy > 0 and request.method == "POST":
            self._busy -= 1
            kind, message = "rate_limit_error", "Too many requests: slow down."
            refusal = (
                anthropic_api.error(HTTPStatus.TOO_MANY_REQUESTS, kind, message)
                if anthropic
                else openai_api.error(
                    HTTPStatus.TOO_MANY_REQUESTS, "requests", message, "rate_limit_exceeded"
                )
            )
            retry = {"retry-after-ms": str(_RETRY_AFTER_MS)}
            return dataclasses.replace(refusal, headers=retry)
        return None


def _route(methods: str, path: str, handler: Handler) -> _Route:
    return _Route(frozenset(methods.split()), re.compile(path), handler)


class Provider:
    """The two listeners; an async context manager.

    `folder` gets the certificates; `pace` is the pause between stream pieces, in seconds.
    """

    def __init__(self, folder: Path, *, busy: int = 0, pace: float = 0.004) -> None:
        self.ca = folder / "provider-ca.pem"
        self._folder = folder
        self._pace = pace
        self._application = Application(busy)
        self._writers: set[asyncio.StreamWriter] = set()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        authority = Authority()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.ca.write_bytes(authority.pem)
        context = authority.server_context([*HOSTS, *_OWN], self._folder)
        self.ports = Ports(await self._listen(context), await self._listen(None))
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await self._stack.aclose()

    async def _listen(self, context: ssl.SSLContext | None) -> int:
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=context, limit=HEAD_LIMIT, backlog=512
        )
        await self._stack.enter_async_context(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await Connection(reader, writer, self._application, self._pace).serve()
        except (ConnectionError, ssl.SSLError):
            pass  # the client left; there is nobody to tell
        finally:
            self._writers.discard(writer)
            writer.close()


async def serve(folder: Path, busy: int, pace: float) -> None:
    """Runs the provider until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with Provider(folder, busy=busy, pace=pace) as provider:
        ready = {
            **provider.ports._asdict(),
            "ca": str(provider.ca),
            "hosts": HOSTS,
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of the provider; 0 when it was stopped by a signal."""
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.provider", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="folder for the certificates")
    parser.add_argument("--busy", type=int, default=0, help="model calls turned away with 429")
    parser.add_argument("--pace", type=float, default=0.004, help="seconds between stream pieces")
    arguments = parser.parse_args(argv)
    asyncio.run(serve(arguments.dir, arguments.busy, arguments.pace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
