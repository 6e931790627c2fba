"""Streamed answers: from bytes to events, whatever the framing.

`framing` says how a body is framed; a `Reader` cuts it into events with parsed JSON values; an
`Assembly` (one per dialect) puts those together into the object that the same call would have been
answered with unstreamed.
"""

from typing import Any, Final, Literal, NamedTuple, Protocol

from proxy.core import loose
from proxy.core.calls import CallError
from proxy.core.eventstream import EventStreamParser, Message
from proxy.core.jsonarray import ArrayParser
from proxy.core.ndjson import LineParser
from proxy.core.sse import SSEEvent, SSEParser
from proxy.errors import FormatError

type Framing = Literal["json", "sse", "ndjson", "array", "eventstream"]

DONE: Final = "[DONE]"
_EVENTSTREAM = "application/vnd.amazon.eventstream"
_NDJSON = frozenset(
    (
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
        "application/stream+json",
    )
)
_SSE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")


class StreamEvent(NamedTuple):
    """One event: its name ("" if it has none) and its JSON value, or `DONE`."""

    name: str
    value: Any
    fault: bool = False  # the framing itself marks it as an error


class Assembly(Protocol):
    """Puts the events of one stream together."""

    @property
    def complete(self) -> bool:
        """Whether the dialect's terminal event was seen."""

    @property
    def settled(self) -> bool:
        """Whether nothing is missing but the terminal event, which some servers do not send."""

    @property
    def error(self) -> CallError | None:
        """The error that the stream carried."""

    def add(self, event: StreamEvent) -> None:
        """Take one event in; never raises for what it holds."""

    def result(self) -> dict[str, Any]:
        """The answer so far, in the shape of an unstreamed one."""


class Reader(Protocol):
    """Cuts one stream into events."""

    notes: list[str]

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""

    def close(self) -> list[StreamEvent]:
        """The events that only the end of the stream completes; ends it."""


def framing(media: str, data: bytes) -> Framing:
    """How a body is framed, by what it is rather than by what it is called."""
    if media == _EVENTSTREAM:
        return "eventstream"
    first = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:8]
    if first[:1] not in (b"{", b"["):
        if media == "text/event-stream" or any(
            first.startswith(token) or (first and token.startswith(first)) for token in _SSE_STARTS
        ):
            return "sse"
    elif media in _NDJSON:
        return "ndjson"
    return "ndjson" if media in _NDJSON else "json"


def reader(kind: Framing) -> Reader:
    """A reader for a framing."""
    return _READERS[kind]()


class _SSEReader:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._parser = SSEParser()

    def feed(self, data: bytes) -> list[StreamEvent]:
        return [self._event(event) for event in self._parser.feed(data)]

    def close(self) -> list[StreamEvent]:
        events = []
        if (last := self._parser.partial()) is not None:
            event = self._event(last)
            if event.value is not None:
                events.append(event)
        if self._parser.stray:
            value = loose.parse(bytes(self._parser.stray)).value
            if isinstance(value, dict | list):
                events.append(StreamEvent("error", value))
            else:
                self.notes.append("the stream holds lines that are no events")
        return events

    def _event(self, event: SSEEvent) -> StreamEvent:
        if event.data.startswith(b"[DONE]"):
            return StreamEvent(event.event, DONE)
        value, note = loose.parse(event.data)
        if note is not None:
            self.notes.append(f"event at byte {event.start}: {note}")
        return StreamEvent(event.event, value)


class _LineReader:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._parser = LineParser()

    def feed(self, data: bytes) -> list[StreamEvent]:
        return [self._event(line) for line in self._parser.feed(data)]

    def close(self) -> list[StreamEvent]:
        rest = self._parser.partial()
        return [self._event(rest)] if rest.strip() else []

    def _event(self, line: bytes) -> StreamEvent:
        value, note = loose.parse(line)
        if note is not None:
            self.notes.append(f"a line is {note}")
        return StreamEvent("", value)


class _ArrayReader:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._parser = ArrayParser()

    def feed(self, data: bytes) -> list[StreamEvent]:
        return [StreamEvent("", loose.parse(item).value) for item in self._parser.feed(data)]

    def close(self) -> list[StreamEvent]:
        if self._parser.partial():
            self.notes.append("the array ends in the middle of an element")
        return [StreamEvent("", DONE)] if self._parser.closed else []


class _EventStreamReader:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._parser = EventStreamParser()
        self._broken = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        if self._broken:
            return []
        try:
            messages = self._parser.feed(data)
        except FormatError as err:
            self._broken = True
            self.notes.append(err.message)
            messages = err.args[1]
        return [self._event(message) for message in messages]

    def close(self) -> list[StreamEvent]:
        if self._parser.pending and not self._broken:
            self.notes.append("the stream ends in the middle of a message")
        return []

    @staticmethod
    def _event(message: Message) -> StreamEvent:
        headers = message.headers
        value = loose.parse(message.payload).value
        kind = headers.get(":message-type", "event")
        if kind == "event":
            return StreamEvent(str(headers.get(":event-type", "")), value)
        if kind == "exception":
            return StreamEvent(str(headers.get(":exception-type", "exception")), value, fault=True)
        said = {"message": str(headers.get(":error-message", ""))}
        return StreamEvent(str(headers.get(":error-code", "error")), said, fault=True)


_READERS: dict[str, type[Reader]] = {
    "sse": _SSEReader,
    "ndjson": _LineReader,
    "array": _ArrayReader,
    "eventstream": _EventStreamReader,
}
