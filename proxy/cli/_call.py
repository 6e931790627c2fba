"""One call in full: for reading, and as the exact bytes."""

from collections.abc import Iterator

from proxy.cli._bodies import body_lines, frame_lines
from proxy.cli._print import Line
from proxy.cli._text import clock, duration
from proxy.core.model import End, Event, Exchange, Headers, RequestHead, ResponseHead


def call_lines(exchange: Exchange, event: Event | None) -> Iterator[Line]:
    """What the call was, then its request and its response."""
    request, response = exchange.request, exchange.response
    name = event.name if event else request.method
    yield [(f"call #{exchange.seq}  ", "bold"), (name, "bold"), (f"  {request.url}", "")]
    yield [(_when(exchange), "dim")]
    if exchange.end is not End.COMPLETE or exchange.error:
        said = f": {exchange.error}" if exchange.error else ""
        yield [(f"ended: {str(exchange.end).replace('_', ' ')}{said}", "red")]
    for remark in exchange.notes:
        yield [(f"note: {remark}", "yellow")]
    yield []
    yield [("── request ", "bold cyan"), ("─" * 40, "cyan")]
    yield [(f"{request.method} {request.target} {request.http_version}", "bold")]
    yield from _headers(request.headers)
    yield from _after_head(body_lines(request.headers, exchange.request_body))
    yield []
    yield [("── response ", "bold cyan"), ("─" * 39, "cyan")]
    if response is None:
        yield [("none came", "red")]
    else:
        style = "bold" if exchange.ok else "bold red"
        yield [(f"{response.http_version} {response.status} {response.reason}", style)]
        yield from _headers(response.headers)
        yield from _after_head(body_lines(response.headers, exchange.response_body))
    if exchange.frames:
        yield []
        yield [("── messages ", "bold cyan"), ("─" * 39, "cyan")]
        yield from frame_lines(exchange.frames)


def raw_message(exchange: Exchange, part: str | None) -> bytes:
    """The stored bytes: of one `part` (request, response) its body, else both messages whole."""
    if part == "request":
        return exchange.request_body.data
    if part == "response":
        return exchange.response_body.data
    message = request_head(exchange.request) + exchange.request_body.data
    if exchange.response is None:
        return message
    return message + b"\r\n" + response_head(exchange.response) + exchange.response_body.data


def request_head(head: RequestHead) -> bytes:
    """The request line and headers, with the empty line that ends them."""
    line = f"{head.method} {head.target} {head.http_version}\r\n"
    return line.encode("latin-1", "surrogateescape") + _fields(head.headers)


def response_head(head: ResponseHead) -> bytes:
    """The status line and headers, with the empty line that ends them."""
    line = f"{head.http_version} {head.status} {head.reason}".rstrip() + "\r\n"
    return line.encode("latin-1", "replace") + _fields(head.headers)


def _fields(headers: Headers) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


def _when(exchange: Exchange) -> str:
    parts = [f"{exchange.id}  started {clock(exchange.started_at)}"]
    if exchange.ended_us is not None:
        parts.append(f"took {duration(exchange.ended_us / 1000)}")
    if exchange.first_byte_us is not None:
        parts.append(f"first byte after {duration(exchange.first_byte_us / 1000)}")
    if exchange.attempt > 1:
        waited = exchange.backoff_us
        pause = f", waited {duration(waited / 1000)}" if waited is not None else ""
        parts.append(f"attempt {exchange.attempt} after {exchange.retry_reason}{pause}")
    if exchange.served_from:
        parts.append(f"replayed from {exchange.served_from}")
    return "  ".join(parts)


def _headers(headers: Headers) -> Iterator[Line]:
    for name, value in headers:
        yield [(f"{name.decode('latin-1')}: ", "dim"), (value.decode("latin-1"), "")]


def _after_head(lines: Iterator[Line]) -> Iterator[Line]:
    """The body's lines after an empty one, if there is a body."""
    for at, line in enumerate(lines):
        if at == 0:
            yield []
        yield line
