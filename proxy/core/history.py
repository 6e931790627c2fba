"""Does a model call continue an earlier one? Marks of histories, which agents resend at every call.

A history is cut into turns: what the model said, and what stands between. A turn's mark says what
it holds, not how: neighbours of one side are one turn, ids, reasoning and white space at the ends
do not count, and neither do system messages, which may hold the time of day.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from proxy.core import canonical
from proxy.core.calls import Call, Message, ToolUse

_SYSTEM = frozenset(("system", "developer"))
_MODEL = frozenset(("assistant", "model", "ai", "chatbot"))
_MARK = 12  # bytes


class Turn(NamedTuple):
    """One side's messages in a row."""

    by_model: bool
    mark: bytes  # of this turn alone
    so_far: bytes  # of the history up to its end


class History(NamedTuple):
    """The turns of a request, and those with the model's answer to it."""

    asked: tuple[Turn, ...]
    answered: tuple[Turn, ...] | None  # None when there was no answer


def history(call: Call) -> History:
    """The marks of a call."""
    sides = list(_sides(call.messages))
    asked = tuple(_turns(sides))
    reply = call.reply
    if reply is None or not (reply.text.strip() or reply.tool_uses):
        return History(asked, None)
    added = list(_sides([reply]))
    kept = asked
    if sides and added and sides[-1][0] == added[0][0]:  # it goes on with what was in its mouth
        kept, added = asked[:-1], [(added[0][0], [*sides[-1][1], reply])]
    before = kept[-1].so_far if kept else b""
    return History(asked, (*kept, *_turns(added, before)))


def _turns(sides: Iterable[tuple[bool, Sequence[Message]]], before: bytes = b"") -> Iterator[Turn]:
    for by_model, group in sides:
        mark = _mark(by_model, group)
        before = blake2b(before + mark, digest_size=_MARK).digest()
        yield Turn(by_model, mark, before)


def _sides(messages: Iterable[Message]) -> Iterator[tuple[bool, list[Message]]]:
    group: list[Message] = []
    side = False
    for message in messages:
        if message.role in _SYSTEM:
            continue
        by_model = message.role in _MODEL
        if group and by_model != side:
            yield side, group
            group = []
        side = by_model
        group.append(message)
    if group:
        yield side, group


def _mark(by_model: bool, group: Sequence[Message]) -> bytes:
    digest = blake2b(b"model" if by_model else b"user", digest_size=_MARK)
    digest.update("".join([message.text for message in group]).strip().encode("utf-8", "replace"))
    for message in group:
        for use in message.tool_uses:
            digest.update(b"\0use\0" + use.name.encode("utf-8", "replace") + arguments(use))
        for result in message.tool_results:
            digest.update(b"\0result\0" + _comparable(result.content))
    return digest.digest()


def arguments(use: ToolUse) -> bytes:
    """A tool use's arguments, such that equal ones give equal bytes."""
    return _comparable(use.arguments if use.arguments is not None else use.raw)


def _comparable(value: object) -> bytes:
    try:
        return canonical.canonical(value)
    except (TypeError, ValueError):
        return repr(value).encode("utf-8", "replace")
