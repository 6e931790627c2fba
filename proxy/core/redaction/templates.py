"""Messages of a stream that differ only in the pieces of text they carry, read without a parser.

The events of a model's answer are all alike: the same envelope, another word. The first one of its
kind is read by tokens and becomes a template, the bytes around its streamed strings; those that
follow are compared with it, which costs a tenth of parsing them.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy.core.redaction import names
from proxy.core.redaction.leaves import TAGS, Key, Literal
from proxy.core.redaction.tokens import Value

_MAX_SLOTS = 8
_TEXT = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
NUMBER = re.compile(rb"-?[0-9]{1,18}")
_BACKSLASH = 0x5C


type Cut = tuple[Key | None, int, int]  # what differs, and where it is: a number has no key


class _Slot(NamedTuple):
    """What differs: a streamed string with its key, or a whole number without one."""

    key: Key | None
    after: bytes  # what must follow, up to the next slot


class Template(NamedTuple):
    """One kind of message."""

    head: bytes
    slots: tuple[_Slot, ...]

    def match(self, payload: bytes) -> list[Cut] | None:
        """What differs in a message of this kind, in order; None when it is of another."""
        if not payload.startswith(self.head):
            return None
        at = len(self.head)
        found: list[Cut] = []
        for key, after in self.slots:
            if key is None:
                number = NUMBER.match(payload, at)
                end = number.end() if number else -1
            else:
                end = payload.find(b'"', at)
                if end > at and payload[end - 1] == _BACKSLASH:
                    text = _TEXT.match(payload, at)
                    end = text.end() if text else -1
            if end < 0 or not payload.startswith(after, end):
                return None
            found.append((key, at, end))
            at = end + len(after)
        return found if at == len(payload) else None


def template(
    payload: bytes, values: Iterable[Value], literals: Sequence[Literal]
) -> Template | None:
    """The template of a message with these values, and streamed strings among them.

    None when there are none, or too many, and when what one of them is depends on its name or on
    its neighbour: then every message has to be read.
    """
    keys = {literal.start: literal.key for literal in literals}
    cuts: list[tuple[int, int, Key | None]] = []
    for value in values:
        if value.is_string and value.start in keys:
            if _is_telling(value):
                return None
            cuts.append((value.start, value.end, keys[value.start]))
        elif _is_number(value, payload):
            cuts.append((value.start, value.end, None))
    if not keys or len(cuts) > _MAX_SLOTS:
        return None
    stops = [start for start, *_ in cuts[1:]] + [len(payload)]
    slots = tuple(
        _Slot(key, payload[end:stop]) for (_, end, key), stop in zip(cuts, stops, strict=True)
    )
    return Template(payload[: cuts[0][0]], slots)


def _is_number(value: Value, payload: bytes) -> bool:
    """Whether a value is a whole number that tells nothing."""
    if value.is_string or value.place in TAGS:
        return False
    return NUMBER.fullmatch(payload, value.start, value.end) is not None


def _is_telling(value: Value) -> bool:
    """Whether the name of a field may say that its value is a secret."""
    node = value.node
    name = node.place if node is not None and node.array else value.place
    said = name.encode("utf-8", "replace")
    return said.lower() in names.VALUES or names.key_rule(said) is not None
