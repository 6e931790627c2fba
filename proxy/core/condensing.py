"""The same stream in fewer events: those that differ only in a text that is appended are one.

Nearly all of a model's answer is such events. `{"delta":{"content":"a"}}` and
`{"delta":{"content":"b"}}` say what `{"delta":{"content":"ab"}}` says, so that it is parsed once.
"""

import re

_END = b"\n\n"
_LAST = b'"}'  # the text is the last member of its object
# The inside of a JSON string (RFC 8259, section 7), up to where it is none.
_TEXT = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
# OpenAI makes all events of a stream about as long, by a last member that says nothing.
_PADDING = re.compile(rb', ?"obfuscation": ?"[0-9A-Za-z]*+"\}\Z')


def condensed(stream: bytes, appended: re.Pattern[bytes]) -> bytes:
    """Server-sent events that mean the same; an event that the stream ends in is left alone.

    `appended` finds what stands before a text, quote included, of which a reader of these events
    only ever makes one text. An event where it stands twice is left alone, too.
    """
    if b"\r" in stream:
        return stream
    made: list[bytes] = []
    texts: list[bytes] = []
    head = tail = b""
    *events, rest = stream.split(_END)
    for event in events:
        if head and event.startswith(head):
            end = _text_end(event, len(head))
            if event[end:] == tail or _tail(event, end) == tail:
                texts.append(event[len(head) : end])
                continue
        if head:
            made.append(head + b"".join(texts) + tail)
        head = _head(event, appended)
        if head:
            end = _text_end(event, len(head))
            texts, tail = [event[len(head) : end]], _tail(event, end)
        else:
            made.append(event)
    if head:
        made.append(head + b"".join(texts) + tail)
    return _END.join([*made, rest])


def _head(event: bytes, appended: re.Pattern[bytes]) -> bytes:
    """What stands before the text of an event; nothing if it has none of which more may be made."""
    found = appended.search(event)
    if found is None or appended.search(event, found.end()) is not None:
        return b""
    return event[: found.end()] if event.startswith(_LAST, _text_end(event, found.end())) else b""


def _tail(event: bytes, end: int) -> bytes:
    """What stands behind the text of an event, without padding."""
    return _PADDING.sub(b"}", event[end:])


def _text_end(event: bytes, begin: int) -> int:
    found = _TEXT.match(event, begin)
    assert found is not None  # noqa: S101 - no text at all is one
    return found.end()
