"""What foreign formats have in common: limits, and making exchanges from decoded calls.

Foreign files have decoded bodies and no chunk boundaries; the headers that told otherwise go.
"""

import hashlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from proxy.core.model import (
    Body,
    End,
    Exchange,
    Headers,
    Part,
    RequestHead,
    ResponseHead,
    Run,
    Snapshot,
)
from proxy.errors import RecordingFormatError

MAX_FILE: Final = 512 * 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_FRAMING: Final = frozenset(
    (b"content-encoding", b"content-length", b"transfer-encoding", b"connection", b"keep-alive")
)
_VERSIONS: Final = {
    "h2": "HTTP/2.0",
    "http/2": "HTTP/2.0",
    "http/2.0": "HTTP/2.0",
    "h3": "HTTP/3",
    "http/3": "HTTP/3",
    "http/1.0": "HTTP/1.0",
}
_TOO_FAR: Final = 1 << 40  # microseconds: twelve days
_LOWEST, _HIGHEST = 100, 999  # of a status


@dataclass(slots=True)
class Notes:
    """What could not be carried over, counted: each sentence is told once."""

    found: Counter[str] = field(default_factory=Counter)

    def add(self, what: str) -> None:
        """One call to which `what` applies."""
        self.found[what] += 1

    def lines(self) -> list[str]:
        """One line each, with the number of calls."""
        return [f"{what} ({times})" for what, times in self.found.items()]


def read_all(file: BinaryIO) -> bytes:
    """The whole file; RecordingFormatError when it is larger than 512 MiB."""
    data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise RecordingFormatError(f"larger than {MAX_FILE >> 20} MiB")
    return data


def request_head(
    method: str, url: str, headers: Headers, http_version: str = ""
) -> RequestHead | None:
    """The head of a request for an absolute URL; None if it is none that goes over HTTP."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = port or _PORTS[parts.scheme]
    version = _VERSIONS.get(http_version.lower(), "HTTP/1.1")
    return RequestHead(method.upper(), parts.scheme, host, port, target, version, headers)


def response_head(
    status: int, reason: str, headers: Headers, size: int, http_version: str = ""
) -> ResponseHead | None:
    """The head of an answer whose body is decoded and whole; None if the status is none."""
    if not _LOWEST <= status <= _HIGHEST:
        return None
    kept = tuple(pair for pair in headers if pair[0].lower() not in _FRAMING)
    version = _VERSIONS.get(http_version.lower(), "HTTP/1.1")
    length: Headers = ((b"content-length", b"%d" % size),) if status != 101 else ()  # noqa: PLR2004 - an upgrade
    return ResponseHead(status, reason, version, kept + length)


def plain_request(head: RequestHead, body: bytes) -> RequestHead:
    """The head of a request whose body is decoded."""
    gone = (b"content-encoding", b"content-length", b"transfer-encoding")
    kept = tuple(pair for pair in head.headers if pair[0].lower() not in gone)
    length: Headers = ((b"content-length", b"%d" % len(body)),) if body else ()
    return RequestHead(
        head.method,
        head.scheme,
        head.host,
        head.port,
        head.target,
        head.http_version,
        kept + length,
    )


def header_pairs(pairs: Iterable[tuple[object, object]]) -> Headers:
    """Headers from text, without HTTP/2's pseudo headers and what no header may contain."""
    found = []
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        raw, text = (_one_line(item) for item in (name, value))
        if raw and not raw.startswith(b":"):
            found.append((raw, text))
    return tuple(found)


def _one_line(text: str) -> bytes:
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "replace")
    return raw.translate(None, b"\r\n\0").strip()


def whole(data: bytes, at_us: int) -> Body:
    """A body in one piece."""
    return Body(data, (Part(at_us, len(data)),) if data else ())


def micros(milliseconds: object) -> int:
    """A time of a foreign file in microseconds; what is no time, or negative, counts as 0."""
    if not isinstance(milliseconds, int | float) or not milliseconds > 0:
        return 0
    return round(min(milliseconds * 1000, _TOO_FAR))


def base64(text: object, notes: Notes) -> bytes:
    """Decoded base64; empty, with a note, where it is none."""
    try:
        return b64decode("".join(str(text).split()), validate=True)
    except ValueError:
        notes.add("a body is broken base64")
        return b""


def end_of(text: object) -> End | None:
    """An `End` by its name, or None."""
    try:
        return End(str(text))
    except ValueError:
        return None


def snapshot(
    kind: str,
    name: str,
    data: bytes,
    exchanges: Sequence[Exchange],
    notes: Notes,
    *,
    label: str | None = None,
) -> Snapshot:
    """One run of the calls of a file. Its id follows from the file's name and content."""
    stem = PurePath(name).stem.removesuffix(".dashcam") or kind
    plain = "".join(one if one.isalnum() or one in "-_." else "-" for one in stem)[:60]
    run_id = f"{plain}-{hashlib.sha256(data).hexdigest()[:10]}"
    for number, exchange in enumerate(exchanges, 1):
        exchange.id, exchange.run_id, exchange.seq = f"{run_id}-{number}", run_id, number
    starts = [one.started_at for one in exchanges]
    ends = [one.started_at + (one.ended_us or 0) / 1e6 for one in exchanges]
    metadata: dict[str, object] = {"importedFrom": kind}
    if lines := notes.lines():
        metadata["importNotes"] = lines
    begin = min(starts, default=0.0)
    run = Run(run_id, label or stem, run_id, begin, max(ends, default=begin), metadata=metadata)
    return Snapshot(run, list(exchanges))
