"""The payloads of an exchange on their way: searched, then redacted, or dropped.

A payload that cannot be redacted, for whatever reason, is never let through.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from proxy.core import encoding
from proxy.core.kept import Kept
from proxy.core.model import Body, Frame, Headers, header
from proxy.core.redaction import spans
from proxy.core.redaction.bodies import Bodies, ContentType, Messages, Opened, content_type

type Clean = Kept[tuple[bytes | None, bytes | None, bytes], bool]

LIMIT = encoding.LIMIT  # a body larger than this is dropped
_MESSAGES = (1, 2)  # the opcodes of text and binary messages
_CLOSE = 8
_GZIP = b"\x1f\x8b\x08"
_CLOSE_CODE = 2  # bytes before a close frame's reason


class OpenBody:
    """A body, with its Content-Encoding; opening it finds its secrets, and learns them.

    `clean` bodies are those of which is known that they hold none; they are added to it.
    """

    def __init__(
        self,
        bodies: Bodies,
        body: Body,
        headers: Headers,
        side: str,
        clean: Clean | None = None,
    ) -> None:
        self.body = body
        self.side = side
        self._dropped = ""
        self._coding = ""
        self._decoded: encoding.Decoded | None = None
        self._inner: Opened | None = None  # what the codings hold
        self._outer: Opened | None = None  # the body as it is
        self._clean = clean
        if not body.data:
            return
        media, coding = header(headers, b"content-type"), header(headers, b"content-encoding")
        self._key = media, coding, body.data
        if clean is not None and clean.get(self._key):
            return
        try:
            self._open(bodies, content_type(media), (coding or b"").decode("latin-1"))
        except Exception as err:  # noqa: BLE001 - whatever it is: no body is stored unredacted
            self._fail(err)

    def redacted(self) -> tuple[Body, tuple[str, ...]]:
        """The body without its secrets (trailers apart), and what there is to say of it."""
        try:
            if self._inner is None and self._outer is None and not self._dropped:
                return self.body, ()
            if not self._dropped:
                found, said = self._redacted()
                if found is self.body and self._clean is not None:
                    self._clean.put(self._key, value=True, size=len(found.data))
                return found, said
        except Exception as err:  # noqa: BLE001 - whatever it is: no body is stored unredacted
            self._fail(err)
        return Body(), (f"{self.side} body dropped: {self._dropped}",)

    def _open(self, bodies: Bodies, kind: ContentType, coding: str) -> None:
        data = self.body.data
        if len(data) > LIMIT:
            self._dropped = f"over {LIMIT} bytes"
            return
        undeclared = not coding and data.startswith(_GZIP)  # a file, or a server's mistake
        if undeclared:
            coding = "gzip"
        if not coding:
            self._outer = bodies.open(data, kind)
            return
        self._coding = coding
        limit = min(LIMIT, encoding.room(len(data)))
        decoded = encoding.decode(data, self._coding, limit=limit)
        if decoded.data is data:  # an unknown one
            self._outer = bodies.open(data, kind)
        elif decoded.complete or len(decoded.data) < limit:
            self._decoded = decoded
            self._inner = bodies.open(decoded.data, kind)
            if not decoded.complete:  # what is beyond the damage may be plain
                self._outer = bodies.open(data, ContentType())
        elif undeclared:
            self._outer = bodies.open(data, kind)
        else:
            self._dropped = decoded.note or ""

    def _redacted(self) -> tuple[Body, tuple[str, ...]]:
        body = self.body
        if self._inner is not None and self._decoded is not None:
            edits = self._inner.edits()
            if edits:
                data = encoding.encode(spans.apply(self._decoded.data, edits), self._coding)
                parts = spans.scale(body.parts, len(body.data), len(data))
                damage = "" if self._decoded.complete else f"; it was damaged: {self._decoded.note}"
                said = f"{self.side} body encoded anew after redaction{damage}"
                return replace(body, data=data, parts=parts), (said,)
        edits = self._outer.edits() if self._outer is not None else []
        if edits:
            data = spans.apply(body.data, edits)
            body = replace(body, data=data, parts=spans.shift(body.parts, edits))
        return body, ()

    def _fail(self, err: Exception) -> None:
        self._dropped = f"redaction failed ({type(err).__name__})"


class OpenFrames:
    """The messages of a WebSocket: each direction is a stream of its own."""

    def __init__(self, bodies: Bodies, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._sides = [_Side(bodies, frames, from_client=which) for which in (True, False)]

    def redacted(
        self, clean: Callable[[bytes], bytes]
    ) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
        """The frames without their secrets, and what was lost; `clean` is for close reasons."""
        out = list(self._frames)
        notes: list[str] = []
        for side in self._sides:
            texts = side.redacted()
            if side.failed:
                notes.append(f"{side.who} messages dropped: redaction failed ({side.failed})")
            for at, text in zip(side.places, texts, strict=True):
                if text is not out[at].data:
                    out[at] = out[at]._replace(data=text)
        for at, frame in enumerate(out):
            if frame.opcode not in _MESSAGES and frame.data:
                skip = _CLOSE_CODE if frame.opcode == _CLOSE else 0
                reason = frame.data[skip:]
                if (new := clean(reason)) is not reason:
                    out[at] = frame._replace(data=frame.data[:skip] + new)
        return tuple(out), tuple(notes)


class _Side:
    """The messages of one direction."""

    def __init__(self, bodies: Bodies, frames: Sequence[Frame], *, from_client: bool) -> None:
        self.who = "client" if from_client else "server"
        self.failed = ""
        self.places = [
            at
            for at, frame in enumerate(frames)
            if frame.from_client is from_client and frame.opcode in _MESSAGES
        ]
        self._messages: Messages | None = None
        if self.places:
            try:
                self._messages = bodies.messages([frames[at].data for at in self.places])
            except Exception as err:  # noqa: BLE001 - whatever it is: nothing is stored unredacted
                self.failed = type(err).__name__

    def redacted(self) -> list[bytes]:
        """The messages without their secrets; all empty when that failed."""
        if self._messages is not None:
            try:
                return self._messages.redacted()
            except Exception as err:  # noqa: BLE001 - whatever it is: nothing is stored unredacted
                self.failed = type(err).__name__
        return [b""] * len(self.places)
