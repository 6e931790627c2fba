"""Reads the samples under tests/data/wire: a request, its answer, and what they mean.

A sample is a text file. `>>> ` starts the request's line and headers, `<<< ` the response's, `===`
what the call must be, as JSON; a body follows its headers after an empty line. `<<< @...` lines
are directives: `eventstream` (each line of the body is a message: its type, name and JSON),
`websocket` (each line is a frame, `>` from the client, `<` from the server), `crlf`, `cut` (the
body ends where the text does), `end NAME` (how the exchange ended on the wire).
"""

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from proxy.core import eventstream
from proxy.core.calls import Call, Message
from proxy.core.model import Body, End, Exchange, Frame, Headers, RequestHead, ResponseHead

FOLDER = Path(__file__).parent.parent / "data" / "wire"
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "mcp+stdio": 0}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: the exchange it is and the call that it must decode to."""

    name: str
    format: str
    exchange: Exchange
    expected: dict[str, Any]
    cut: bool

    @property
    def request(self) -> bytes:
        return self.exchange.request_body.data

    @property
    def response(self) -> bytes:
        return self.exchange.response_body.data

    @property
    def streamed(self) -> bool:
        return bool(self.expected.get("streamed"))

    def with_response(self, response: bytes) -> Exchange:
        return replace(self.exchange, response_body=Body(response))

    def at(self, *, host: str, prefix: str = "") -> RequestHead:
        head = self.exchange.request
        return replace(head, host=host, target=prefix + head.target)


def samples(folder: str | None = None) -> list[Sample]:
    """All samples, or those of one wire format's folder."""
    return [read(path) for path in sorted((FOLDER / (folder or "")).glob("**/*.http"))]


def sample(name: str) -> Sample:
    """The sample `format/file`."""
    return read(FOLDER / f"{name}.http")


def read(path: Path) -> Sample:
    """Read one file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    request, response, expected = _sections(lines)
    directives = [line[1:].split(" ", 1) for line in response if line.startswith("@")]
    told = {words[0]: (words[1] if len(words) > 1 else "") for words in directives}
    head_lines, body_lines = _split([line for line in response if not line.startswith("@")])
    headers = _headers(head_lines[1:])
    frames: tuple[Frame, ...] = ()
    body = b""
    if "websocket" in told:
        frames = tuple(_frame(place, line) for place, line in enumerate(body_lines) if line)
    elif "eventstream" in told:
        body = b"".join(_message(line) for line in body_lines if line)
    else:
        body = _text(body_lines, headers, told)
    request_lines, request_body = _split(request)
    status = head_lines[0] if head_lines else ""
    exchange = Exchange(
        id="x1",
        run_id="r1",
        seq=1,
        via="forward",
        started_at=0.0,
        request=_request(request_lines),
        request_body=Body("\n".join(request_body).encode()),
        response=ResponseHead(int(status.split()[0]), headers=headers) if status else None,
        response_body=Body(body),
        frames=frames,
        end=End(told.get("end", "complete")),
    )
    name = str(path.relative_to(FOLDER).with_suffix(""))
    return Sample(name, path.parent.name, exchange, json.loads("\n".join(expected)), "cut" in told)


def view(call: Call) -> dict[str, Any]:
    """A call in the words that samples expect it in."""
    reply = call.reply
    messages = [*call.messages]
    found: dict[str, Any] = {
        name: getattr(call, name)
        for name in (
            *("kind", "step", "protocol", "provider", "model", "served_model", "system"),
            *("finish_reason", "service_tier", "request_id", "response_id", "streamed"),
            *("previous_response_id", "complete", "input", "output", "output_schema"),
        )
    }
    usage, error = call.usage, call.error
    found["usage"] = [
        *(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens),
        *(usage.cache_write_tokens, usage.reasoning_tokens, usage.source),
    ]
    found["error"] = error and [error.type, error.message, error.code, error.where, error.embedded]
    found["messages"] = [[message.role, message.text] for message in messages]
    found["tools"] = [tool.name for tool in call.tools]
    found["text"] = reply.text if reply else None
    found["reasoning"] = reply.reasoning if reply else None
    found["tool_uses"] = _uses(reply)
    found["hosted_results"] = _results([reply] if reply else [])
    found["asked_uses"] = [use for message in messages for use in _uses(message)]
    found["tool_results"] = _results(messages)
    found["notes"] = list(call.notes)
    retrieval = call.retrieval
    found["retrieval"] = retrieval and {
        "query": retrieval.query,
        "top_k": retrieval.top_k,
        "documents": [[doc.id, doc.score, doc.text] for doc in retrieval.documents],
    }
    for name in ("settings", "session", "rate_limits"):
        found[name] = dict(getattr(call, name))
    return found


def _uses(message: Message | None) -> list[list[Any]]:
    uses = message.tool_uses if message else ()
    return [
        [use.id, use.name, use.arguments, *([] if use.complete else ["incomplete"])] for use in uses
    ]


def _results(messages: list[Message]) -> list[list[Any]]:
    return [
        [result.id, result.name, result.content, result.is_error]
        for message in messages
        for result in message.tool_results
    ]


def _sections(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    request: list[str] = []
    response: list[str] = []
    expected: list[str] = []
    into: list[str] | None = None
    for line in lines:
        if line.startswith(">>> "):
            into = request
            request.append(line[4:])
        elif line.startswith("<<< "):
            into = response
            response.append(line[4:])
        elif line == "===":
            into = expected
        elif into is not None:
            into.append(line)
    return request, response, expected


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    if "" not in lines:
        return lines, []
    at = lines.index("")
    body = lines[at + 1 :]
    while body and not body[-1]:
        body.pop()
    return lines[:at], body


def _headers(lines: list[str]) -> Headers:
    pairs = (line.partition(": ") for line in lines)
    return tuple((name.encode(), value.encode()) for name, _, value in pairs)


def _request(lines: list[str]) -> RequestHead:
    method, url = lines[0].split(" ", 1)
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    return RequestHead(method, parts.scheme, host, port, target, headers=_headers(lines[1:]))


def _text(lines: list[str], headers: Headers, told: dict[str, str]) -> bytes:
    text = "\n".join(lines)
    media = dict(headers).get(b"content-type", b"")
    if lines and "cut" not in told:
        text += "\n\n" if b"event-stream" in media else "\n" if b"ndjson" in media else ""
    return (text.replace("\n", "\r\n") if "crlf" in told else text).encode()


def _frame(place: int, line: str) -> Frame:
    return Frame(place * 1000, line.startswith(">"), 1, line[1:].strip().encode())


def _message(line: str) -> bytes:
    kind, name, payload = line.split(" ", 2)
    if kind == "chunk":
        inner = base64.b64encode(payload.encode()).decode()
        kind, payload = "event", json.dumps({"bytes": inner, "p": "abcdef"})
    headers = {
        f":{kind}-type": name,
        ":content-type": "application/json",
        ":message-type": kind,
    }
    return eventstream.encode(headers, payload.encode())
