"""Every way of finding secrets in a text, one after the other."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from proxy.core.redaction import arguments, encoded, jsonpath, pairs, pii, userinfo, views
from proxy.core.redaction.formats import KEY_FORMATS
from proxy.core.redaction.learned import Learned
from proxy.core.redaction.memo import Memo
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.shapes import Shapes
from proxy.core.redaction.spans import Find, Hit

type Search = Callable[[bytes], list[Find]]

_MAX_VIEWS = 3  # escapes within escapes
_MAX_CODINGS = 2  # base64 in base64
_MAX_BASIC = 4096  # characters of a user name and password in base64
_SHORT = 128  # bytes of a text that is looked over before it is searched
# Words, numbers, dates: all that is found is longer, or has a sign beside these.
_WORDS = re.compile(
    rb"[ ,;*()]*+(?:(?![A-Za-z0-9_+/=%~.\-]{13})(?:[A-Za-z0-9_]++[./+\-]?+)++"
    rb"(?:[ ,;*()]++|(?<=[0-9]):|\Z))*+"
)
_SHAPES = Shapes(KEY_FORMATS)


class Scanner:
    """Built-in rules, the user's, and what was learned."""

    def __init__(self, rules: Rules) -> None:
        self.learned = Learned()
        self.rules = rules
        self._pii = pii.Pii(rules.pii)
        self._patterns = tuple((row.kind, row.compiled) for row in rules.patterns)
        self._paths = tuple(jsonpath.compile_path(path) for path in rules.json_paths)
        self._static = Memo(self.static)
        self._known = Memo(self.known)
        self._version = 0
        self._only_built_in = not (self._patterns or self._pii)
        self._unlearned = {*pii.DETECTORS, *(row.kind for row in rules.patterns)}

    @property
    def has_own_rules(self) -> bool:
        """Whether the user's rules look into bodies."""
        return bool(self._patterns or self._paths or self._pii)

    def find(self, data: bytes) -> list[Find]:
        """The secrets in a text."""
        return self.static(data) + self.known(data)

    def static(self, data: bytes) -> list[Find]:
        r"""What is found without anything learned.

        `\u0073`, `&#115;` and `%73` are read as the letter they stand for, base64 and hexadecimal
        as the text that they say.
        """
        if len(data) <= _SHORT and self._only_built_in and _is_harmless(data):
            return []
        return self._encoded(data, _MAX_CODINGS)

    def _encoded(self, data: bytes, depth: int) -> list[Find]:
        finds = list(self._plain(data))
        for view in (views.unescaped(data), *_views(data)):
            if view is not None:
                finds += in_view(view, self._plain(view.data))
        if depth:
            finds += encoded.find(data, lambda text: self._encoded(text, depth - 1))
        return finds

    def known(self, data: bytes) -> list[Find]:
        """What was learned."""
        return list(self.learned.find(data))

    def static_again(self, data: bytes) -> list[Find]:
        """`static`, for a body that may go on where an earlier one ended."""
        return self._static.find(data)

    def known_again(self, data: bytes) -> list[Find]:
        """`known`, likewise."""
        if self._version != self.learned.version:
            self._version = self.learned.version
            self._known = Memo(self.known)
        return self._known.find(data)

    def quoted(self, data: bytes, search: Search, *, form: bool = False) -> list[Find]:
        """What percent escapes hide: `%73k-…`, `%7B%22password%22%3A…`.

        In a form a plus sign may be a space, and is read both ways.
        """
        finds = self.quoted(data.replace(b"+", b" "), search) if form and b"+" in data else []
        outer: list[views.View] = []
        for _ in range(_MAX_VIEWS):
            view = views.unquoted(data)
            if view is None:
                break
            outer.insert(0, view)
            data = view.data
            found = search(data)
            for one in outer:
                found = in_view(one, found)
            finds += found
        return finds

    def at_paths(self, document: bytes) -> list[Find]:
        """The values at the user's JSON paths."""
        return list(jsonpath.find(document, self._paths)) if self._paths else []

    def kind(self, value: bytes) -> str:
        """The word for a value that has none from where it was found."""
        return _SHAPES.kind(value) or "credential"

    def learn(self, finds: Iterable[Find | Hit]) -> None:
        """Remembers values, to find them again; of `user:password` in base64 the password too."""
        for find in finds:
            if find.kind not in self._unlearned:
                value = find.value
                self.learned.add(value)
                if len(value) <= _MAX_BASIC and (password := _basic_password(value)):
                    self.learned.add(password)
                if b"%" in value:
                    self.learned.add(unquote_to_bytes(value))

    def _plain(self, data: bytes) -> Iterator[Find]:
        yield from _SHAPES.find(data)
        yield from pairs.find(data)
        yield from userinfo.find(data)
        yield from arguments.find(data)
        for kind, pattern in self._patterns:
            for found in pattern.finditer(data):
                group = "secret" if "secret" in pattern.groupindex else 0
                if found.start(group) < found.end(group):
                    yield Find(*found.span(group), found[group], kind)
        if self._pii:
            yield from self._pii.find(data)


def _is_harmless(data: bytes) -> bool:
    """Whether a short text is of such words only that nothing is ever found in it."""
    return _WORDS.fullmatch(data) is not None and b"asic" not in data and b"passw" not in data


def _views(data: bytes) -> Iterator[views.View | None]:
    if b"&" in data:
        yield views.unreferenced(data)
    if b"%" in data:
        yield views.unquoted_text(data)


def in_view(view: views.View, finds: Iterable[Find]) -> list[Find]:
    """Finds in a view, where they are in its source."""
    finds = list(finds)
    if not finds:
        return []
    places = view.back([(find.start, find.end) for find in finds])
    return [
        find._replace(start=start, end=end)
        for find, (start, end) in zip(finds, places, strict=True)
    ]


@lru_cache(maxsize=256)
def _basic_password(value: bytes) -> bytes:
    """The password in Basic credentials (RFC 7617); of a lone user name, that."""
    if len(value) % 4 or len(value) < 8:  # noqa: PLR2004 - base64 of something
        return b""
    try:
        user, colon, password = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return b""
    return (password or user) if colon and user.isascii() else b""
