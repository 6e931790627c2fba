"""HTTP/1.1 on raw asyncio streams: small, and in charge of every byte that leaves (RFC 9112)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 16 * 1024 * 1024


class BadRequest(Exception):  # noqa: N818 - the status line's own words
    """The peer broke HTTP; the connection is answered 400 and closed."""


@dataclass(slots=True, frozen=True)
class Request:
    """A request with its whole body; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """The body as JSON; BadRequest when it is not."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BadRequest("the body is not JSON") from error


@dataclass(slots=True, frozen=True)
class Response:
    """An answer: `body` goes with its length, `chunks` one HTTP chunk each as they come."""

    status: int
    body: bytes = b""
    chunks: Iterable[bytes] | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


type Handler = Callable[[Request], Awaitable[Response] | Response]


def json_response(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    """`value` as a JSON answer."""
    return Response(status, json.dumps(value).encode(), headers=headers or {})


def event_stream(events: Iterable[bytes], headers: dict[str, str] | None = None) -> Response:
    """Server-sent events, one HTTP chunk an event."""
    return Response(
        HTTPStatus.OK,
        chunks=events,
        content_type="text/event-stream; charset=utf-8",
        headers={"cache-control": "no-cache", **(headers or {})},
    )


class Connection:
    """One client connection: requests one after the other until either side has had enough.

    `pace` is the pause in seconds after each chunk of a stream.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handler: Handler,
        pace: float = 0.0,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._pace = pace

    async def serve(self) -> None:
        """Answers until the client leaves or asks to close; a broken request ends it with 400."""
        try:
            while (request := await self._read()) is not None:
                await self._write(request, await self._answer(request))
                if request.headers.get("connection", "").lower() == "close":
                    return
        except BadRequest as error:
            refusal = json_response(HTTPStatus.BAD_REQUEST, {"error": {"message": str(error)}})
            await self._write(Request("GET", "/", {}), refusal)

    async def _answer(self, request: Request) -> Response:
        answer = self._handler(request)
        return answer if isinstance(answer, Response) else await answer

    async def _read(self) -> Request | None:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise BadRequest("the request head was cut off") from error
            return None
        except asyncio.LimitOverrunError as error:
            raise BadRequest("the request head is too long") from error
        line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, _, rest = line.partition(" ")
        target, _, version = rest.partition(" ")
        if version != "HTTP/1.1":
            raise BadRequest(f"cannot speak {version or 'this'}")
        pairs = (item.partition(":") for item in fields)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, target, headers, await self._read_body(headers))

    async def _read_body(self, headers: dict[str, str]) -> bytes:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                return await self._read_chunked()
            length = int(headers.get("content-length", "0"))
            if not 0 <= length <= BODY_LIMIT:
                raise BadRequest("the body is too long")
            return await self._reader.readexactly(length)
        except (ValueError, asyncio.IncompleteReadError) as error:
            raise BadRequest("the body is not whole") from error

    async def _read_chunked(self) -> bytes:
        body = bytearray()
        while size := int((await self._reader.readline()).partition(b";")[0], 16):
            if size < 0 or len(body) + size > BODY_LIMIT:
                raise BadRequest("the body is too long")
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        while (await self._reader.readline()).strip():
            pass  # trailers are read and not used
        return bytes(body)

    async def _write(self, request: Request, response: Response) -> None:
        status = HTTPStatus(response.status)
        framing = (
            f"content-length: {len(response.body)}"
            if response.chunks is None
            else "transfer-encoding: chunked"
        )
        fields = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {response.content_type}\r\n"
            f"{framing}\r\n{fields}\r\n"
        )
        self._writer.write(head.encode("latin-1"))
        if request.method != "HEAD":
            await self._write_body(response)
        await self._writer.drain()

    async def _write_body(self, response: Response) -> None:
        if response.chunks is None:
            self._writer.write(response.body)
            return
        for chunk in response.chunks:
            self._writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await self._writer.drain()
            await asyncio.sleep(self._pace)
        self._writer.write(b"0\r\n\r\n")
