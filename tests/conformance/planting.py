"""Looks for planted secrets in any byte: many texts, each in every form it may be written in.

Of every text, the eight-byte windows are kept that may lie on a grid of eight bytes; one pass over
the grid finds what is worth a closer look. So it takes as long for ten thousand texts as for one.
"""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

_WINDOW = 8
_LEAST = 2 * _WINDOW - 1  # a text this long has a whole window on the grid, wherever it lies


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may be written: raw, JSON up to three deep, URL, form, HTML, hex, base64."""
    raw = secret.encode()
    yield raw
    text = secret
    for _ in range(3):
        text = json.dumps(text)[1:-1]
        yield text.encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield html.escape(secret).encode()
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):  # base64 of a longer text, wherever in it the secret stands
        text64 = base64.b64encode(bytes(before) + raw).decode()
        middle = text64[4 if before else 0 : len(text64) - 4]
        yield middle.encode()
        yield middle.replace("+", "-").replace("/", "_").encode()


def halves(secret: str) -> Iterator[bytes]:
    """Long pieces of it, for what is cut up; not of the headers that all keys of a kind share."""
    raw = secret.encode()
    if len(raw) >= 2 * _LEAST + 8:
        yield raw[-_LEAST - 6 : -6]
        yield raw[len(raw) // 2 - 8 : len(raw) // 2 + 8]


class Wanted:
    """The texts that must not be found."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._windows: dict[int, set[bytes]] = {}
        self._of: dict[bytes, str] = {}
        for secret in secrets:
            for text in {*forms(secret), *halves(secret)}:
                assert len(text) >= _LEAST, f"{text!r} is too short to be looked for"
                self._of[text] = secret
                for at in range(_WINDOW):
                    window = memoryview(text[at : at + _WINDOW]).cast("Q")[0]
                    self._windows.setdefault(window, set()).add(text)

    def found(self, data: bytes) -> list[str]:
        """The secrets that are in `data`, in whatever form."""
        grid = memoryview(data)[: len(data) - len(data) % _WINDOW].cast("Q")
        near = self._windows.keys() & set(grid)
        texts = {text for window in near for text in self._windows[window]}
        return sorted({self._of[text] for text in texts if text in data})
