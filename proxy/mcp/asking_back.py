"""A recorded server asks its client again what it asked then, in the middle of its answer."""

from collections import deque
from collections.abc import Iterator, Sequence

from proxy.core import jsonrpc, loose
from proxy.core.replay.asks import Ask

type _Rest = tuple[deque[bytes], deque[str]]  # what is still to be said, and the ids in it


class AskingBack:
    """The calls of which a part waits for the client."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Rest] = {}

    def begin(self, answer: bytes, asks: Sequence[Ask]) -> bytes:
        """What of an answer is said at once: all of it, or what ends with a request."""
        keys = deque(_key(ask.line) for ask in asks)
        return self._next(deque(_pieces(answer, asks)), keys)

    def answered(self, line: bytes) -> bytes:
        """What the server goes on with when its client has said this."""
        found = jsonrpc.of_kind(jsonrpc.messages(loose.parse(line).value), "response")
        rests = [self._waiting.pop(jsonrpc.key(one), None) for one in found]
        return b"".join(self._next(*rest) for rest in rests if rest is not None)

    def _next(self, pieces: deque[bytes], keys: deque[str]) -> bytes:
        if keys:
            self._waiting[keys.popleft()] = pieces, keys
        return pieces.popleft()


def _pieces(answer: bytes, asks: Sequence[Ask]) -> Iterator[bytes]:
    lines = [line + b"\n" for line in answer.removesuffix(b"\n").split(b"\n")] if answer else []
    at = 0
    for ask in asks:
        yield b"".join(lines[at : ask.before]) + ask.line
        at = max(at, ask.before)
    yield b"".join(lines[at:])


def _key(line: bytes) -> str:
    return jsonrpc.key(loose.obj(loose.parse(line).value))
