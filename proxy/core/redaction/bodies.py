"""Taking secrets out of one body, by what kind of body it is."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from proxy.core.redaction import amazon, fields, spans
from proxy.core.redaction.records import Record, Split, events, json_lines, messages
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Edit, Hit, whole
from proxy.core.redaction.streams import Stream

_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_\-]{1,40})", re.IGNORECASE)
_WIDE = re.compile(r"utf-?(?:16|32)(?:-?[lb]e)?", re.IGNORECASE)
_SSE = re.compile(rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?:")
_ARRAY = re.compile(rb"\s*\[\s*\{")
_FORM = "application/x-www-form-urlencoded"


class ContentType(NamedTuple):
    """The parts of a Content-Type that matter here."""

    media: str = ""
    charset: str = ""
    boundary: bytes = b""


@lru_cache(maxsize=1024)
def content_type(value: bytes | None) -> ContentType:
    """Reads a Content-Type."""
    text = (value or b"").decode("latin-1")
    charset = _CHARSET.search(text)
    return ContentType(
        text.partition(";")[0].strip().lower(),
        charset[1].lower() if charset else "",
        fields.boundary(text),
    )


class Opened(Protocol):
    """A body whose own secrets are found and learned."""

    def edits(self) -> list[Edit]:
        """What to change, with all that was learned by now."""


class Bodies:
    """Searches bodies without Content-Encoding, in two steps.

    Opening a body finds its secrets by position and shape, and learns them. When all bodies of an
    exchange are open, each of them is searched for what any of them taught. `replacement` makes
    the text that stands in a secret's place.
    """

    def __init__(self, scanner: Scanner, replacement: Callable[[Hit], bytes]) -> None:
        self._scanner = scanner
        self._replacement = replacement

    def open(self, data: bytes, kind: ContentType) -> Opened:
        """Opens a body."""
        if _WIDE.fullmatch(kind.charset):
            return _Wide(self, data, kind)
        if kind.media == amazon.MEDIA:
            return _Amazon(self, data)
        split = _split(data, kind.media)
        if split is not None:
            return _Stream(self, data, split)
        return _Document(self, data, kind)

    def messages(self, payloads: Sequence[bytes]) -> "Messages":
        """Opens the messages of one direction."""
        return Messages(self, payloads)

    def learn(self, hits: list[Hit]) -> list[Hit]:
        """Learns what speaks for the hits; gives them back."""
        if hits:
            self._scanner.learn(removal.owner for removal in spans.removals(hits))
        return hits

    def plan(self, hits: list[Hit]) -> list[Edit]:
        """The edits for hits."""
        return spans.plan(spans.removals(hits), self._replacement) if hits else []

    @property
    def scanner(self) -> Scanner:
        """What searches."""
        return self._scanner


class _Document:
    """JSON, a form, any text."""

    def __init__(self, bodies: Bodies, data: bytes, kind: ContentType) -> None:
        self._bodies = bodies
        self._data = data
        self._is_form = kind.media == _FORM
        scanner = bodies.scanner
        finds = scanner.static_again(data)
        if self._is_form:
            finds += fields.query(data)
            finds += scanner.quoted(data, scanner.static, form=True)
        elif kind.media.startswith("multipart/") and kind.boundary:
            finds += fields.multipart(data, kind.boundary)
        finds += scanner.at_paths(data)
        self._hits = bodies.learn([whole(find) for find in finds])

    def edits(self) -> list[Edit]:
        scanner = self._bodies.scanner
        finds = scanner.known_again(self._data)
        if self._is_form:
            finds += scanner.quoted(self._data, scanner.known, form=True)
        return self._bodies.plan(self._hits + [whole(find) for find in finds])


class _Stream:
    """Many records."""

    def __init__(self, bodies: Bodies, data: bytes, split: Split) -> None:
        self._bodies = bodies
        scanner = bodies.scanner
        # The user's rules may look at anything: then no record is taken as read.
        self._stream = Stream(data, split, alike=not scanner.has_own_rules)
        hits = self._stream.hits(scanner.static)
        for record in self._stream.records if scanner.has_own_rules else ():
            for find in scanner.at_paths(record.payload):
                ranges = tuple(record.places(find.start, find.end))
                hits.append(Hit(ranges, find.value, find.kind, find.bare))
        self._hits = bodies.learn(hits)

    def edits(self) -> list[Edit]:
        return self._bodies.plan(self._hits + self._stream.hits(self._bodies.scanner.known))


class Messages:
    """Messages of one direction: a stream of their own."""

    def __init__(self, bodies: Bodies, payloads: Sequence[bytes]) -> None:
        self._payloads = payloads
        data, split = messages(payloads)
        self._stream = _Stream(bodies, data, split)

    def redacted(self) -> list[bytes]:
        """The messages in order, without their secrets."""
        edits = self._stream.edits()
        if not edits:
            return list(self._payloads)
        out: list[bytes] = []
        at = 0
        for payload in self._payloads:
            out.append(spans.apply(payload, spans.portion(edits, at, at + len(payload))))
            at += len(payload) + 1
        return out


class _Amazon:
    """The frames of an event stream, and what comes after the last whole one."""

    def __init__(self, bodies: Bodies, data: bytes) -> None:
        self._data = data
        self._frames = amazon.frames(data)
        self._rest = self._frames[-1].end if self._frames else 0
        self._messages = bodies.messages([frame.payload for frame in self._frames])
        self._tail = _Document(bodies, data[self._rest :], ContentType())

    def edits(self) -> list[Edit]:
        texts = self._messages.redacted()
        edits = [
            Edit(frame.start, frame.end, amazon.rebuilt(self._data, frame, text))
            for frame, text in zip(self._frames, texts, strict=True)
            if text != frame.payload
        ]
        rest = self._rest
        return edits + [
            Edit(edit.start + rest, edit.end + rest, edit.new) for edit in self._tail.edits()
        ]


class _Wide:
    """UTF-16 and UTF-32: searched as UTF-8, written back whole where something was found."""

    def __init__(self, bodies: Bodies, data: bytes, kind: ContentType) -> None:
        self._size = len(data)
        self._charset = kind.charset
        text = data.decode(kind.charset, "surrogatepass")
        self._text = text.encode("utf-8", "surrogatepass")
        self._opened = bodies.open(self._text, kind._replace(charset=""))

    def edits(self) -> list[Edit]:
        edits = self._opened.edits()
        if not edits:
            return []
        new = spans.apply(self._text, edits).decode("utf-8", "surrogatepass")
        return [Edit(0, self._size, new.encode(self._charset, "surrogatepass"))]


def _split(data: bytes, media: str) -> Split | None:
    """The body as a stream of records, None when it is a document."""
    if media == "text/event-stream" or (not media and _SSE.match(data)):
        return events(data)
    if "ndjson" in media or "jsonl" in media or "json-lines" in media or _is_lines(data):
        return json_lines(data)
    if _ARRAY.match(data):
        text = data.lstrip()
        return Split([Record(text, len(data) - len(text))], set())
    return None


def _is_lines(data: bytes) -> bool:
    """Whether a body is JSON objects, one a line, and more than one."""
    end = data.find(b"\n")
    return (
        data[:1] == b"{"
        and end > 0
        and data[max(0, end - 2) : end].rstrip().endswith(b"}")
        and data[end : end + 64].lstrip()[:1] == b"{"
    )
