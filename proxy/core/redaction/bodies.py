"""Taking secrets out of one body, by what kind of body it is."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from proxy.core.redaction import amazon, fields, spans, streams
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Edit, Find, Hit, whole

_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_\-]{1,40})", re.IGNORECASE)
_WIDE = re.compile(r"utf-?(?:16|32)(?:-?[lb]e)?", re.IGNORECASE)
_SSE = re.compile(rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?:")
_TWO_LINES = re.compile(rb"\{[^\n]*\}\r?\n\s*\{")
_ARRAY = re.compile(rb"\s*\[\s*\{")
_FORM = "application/x-www-form-urlencoded"


class ContentType(NamedTuple):
    """The parts of a Content-Type that matter here."""

    media: str = ""
    charset: str = ""
    boundary: bytes = b""


def content_type(value: bytes | None) -> ContentType:
    """Reads a Content-Type."""
    text = (value or b"").decode("latin-1")
    charset = _CHARSET.search(text)
    return ContentType(
        text.partition(";")[0].strip().lower(),
        charset[1].lower() if charset else "",
        fields.boundary(text),
    )


class Bodies:
    """Finds secrets in bodies without Content-Encoding, learns them, and plans their removal.

    `replacement` makes the text that stands in a secret's place.
    """

    def __init__(self, scanner: Scanner, replacement: Callable[[Hit], bytes]) -> None:
        self._scanner = scanner
        self._streams = streams.Streams(scanner.find)
        self._replacement = replacement

    def edits(self, data: bytes, kind: ContentType) -> list[Edit]:
        """What to change in a body."""
        if not data:
            return []
        if _WIDE.fullmatch(kind.charset):
            return self._wide(data, kind)
        if kind.media == amazon.MEDIA:
            return self._amazon(data)
        split = _split(data, kind.media)
        return self._plan(
            [whole(find) for find in self._document(data, kind)]
            if split is None
            else self._stream(data, split)
        )

    def messages(self, payloads: Sequence[bytes]) -> list[bytes]:
        """The messages of one direction, in order, without their secrets."""
        data, split = streams.messages(payloads)
        edits = self._plan(self._stream(data, split))
        if not edits:
            return list(payloads)
        out: list[bytes] = []
        at = 0
        for payload in payloads:
            mine = spans.portion(edits, at, at + len(payload))
            out.append(spans.apply(payload, mine))
            at += len(payload) + 1
        return out

    def _plan(self, hits: list[Hit]) -> list[Edit]:
        removals = spans.removals(hits)
        self._scanner.learn(removal.owner for removal in removals)
        return spans.plan(removals, self._replacement)

    def _document(self, data: bytes, kind: ContentType) -> list[Find]:
        finds = self._scanner.find(data)
        if kind.media == _FORM:
            finds += fields.query(data)
            finds += self._scanner.quoted(data, form=True)
        elif kind.media.startswith("multipart/") and kind.boundary:
            finds += fields.multipart(data, kind.boundary)
        finds += self._scanner.at_paths(data)
        return finds

    def _stream(self, data: bytes, split: streams.Split) -> list[Hit]:
        own = self._scanner.has_own_rules
        hits = self._streams.find(data, split, thorough=own)
        for record in split.records if own else ():
            for find in self._scanner.at_paths(record.payload):
                ranges = tuple(record.places(find.start, find.end))
                hits.append(Hit(ranges, find.value, find.kind, find.bare))
        return hits

    def _amazon(self, data: bytes) -> list[Edit]:
        frames = amazon.frames(data)
        texts = self.messages([frame.payload for frame in frames])
        edits = [
            Edit(frame.start, frame.end, amazon.rebuilt(data, frame, text))
            for frame, text in zip(frames, texts, strict=True)
            if text != frame.payload
        ]
        rest = frames[-1].end if frames else 0
        after = self._plan([whole(find) for find in self._scanner.find(data[rest:])])
        return edits + [Edit(edit.start + rest, edit.end + rest, edit.new) for edit in after]

    def _wide(self, data: bytes, kind: ContentType) -> list[Edit]:
        """UTF-16 and UTF-32: searched as UTF-8, written back whole where something was found."""
        text = data.decode(kind.charset, "surrogatepass").encode("utf-8", "surrogatepass")
        edits = self.edits(text, kind._replace(charset=""))
        if not edits:
            return []
        new = spans.apply(text, edits).decode("utf-8", "surrogatepass")
        return [Edit(0, len(data), new.encode(kind.charset, "surrogatepass"))]


def _split(data: bytes, media: str) -> streams.Split | None:
    """The body as a stream of records, None when it is a document."""
    if media == "text/event-stream" or (not media and _SSE.match(data)):
        return streams.events(data)
    if "ndjson" in media or "jsonl" in media or "json-lines" in media or _TWO_LINES.match(data):
        return streams.json_lines(data)
    if _ARRAY.match(data):
        return streams.Split(
            [streams.Record(data.lstrip(), ((0, len(data) - len(data.lstrip())),))], set()
        )
    return None
