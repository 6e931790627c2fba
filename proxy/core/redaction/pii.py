"""Personal data: mail addresses, phone numbers, IBANs and card numbers. Off unless asked for."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from proxy.core.redaction.spans import Find

ALL = "all"
_BARE_BEFORE = b":[,"
_BARE_AFTER = b",]}"


def _any(_value: bytes) -> bool:
    return True


def luhn(value: bytes) -> bool:
    """Whether the digits in `value` end in the right check digit (ISO/IEC 7812-1)."""
    digits = [byte - 48 for byte in value if 48 <= byte <= 57]  # noqa: PLR2004 - ASCII digits
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


def _iban(value: bytes) -> bool:
    """ISO 13616: the rearranged number is 1 modulo 97."""
    plain = value.replace(b" ", b"").decode()
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _phone(value: bytes) -> bool:
    digits = sum(48 <= byte <= 57 for byte in value)  # noqa: PLR2004 - ASCII digits
    return 8 <= digits <= 15  # noqa: PLR2004 - E.164


class Detector(NamedTuple):
    """A pattern that is quick to search for, and the check that makes sure."""

    pattern: re.Pattern[bytes]
    check: Callable[[bytes], bool]


DETECTORS: dict[str, Detector] = {
    "mail": Detector(
        re.compile(
            rb"(?<![A-Za-z0-9._%+\-@])[A-Za-z0-9._%+\-]{1,64}@"
            rb"(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
        ),
        _any,
    ),
    "phone": Detector(
        re.compile(
            rb"(?<![0-9A-Za-z+])\+[0-9]{1,3}(?:[ ./\-]?\(?[0-9]{1,4}\)?){2,6}(?![0-9A-Za-z])"
        ),
        _phone,
    ),
    "iban": Detector(
        re.compile(
            rb"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
            rb"(?![0-9A-Za-z])"
        ),
        _iban,
    ),
    "card": Detector(
        re.compile(rb"(?<![0-9A-Za-z.\-])[2-6](?:[ \-]?[0-9]){12,18}(?![0-9A-Za-z.\-])"), luhn
    ),
}


class Pii:
    """The detectors that are switched on."""

    def __init__(self, words: Iterable[str]) -> None:
        chosen = DETECTORS if ALL in words else {word: DETECTORS[word] for word in words}
        self._detectors = tuple(chosen.items())

    def __bool__(self) -> bool:
        return bool(self._detectors)

    def find(self, data: bytes) -> Iterator[Find]:
        """Personal data in `data`."""
        for kind, (pattern, check) in self._detectors:
            for found in pattern.finditer(data):
                if check(found[0]):
                    start, end = found.span()
                    yield Find(start, end, found[0], kind, bare=_is_bare(data, start, end))


def _is_bare(data: bytes, start: int, end: int) -> bool:
    """Whether the value is a number of JSON: a word in its place would break the document."""
    if not data[start:end].isdigit():
        return False
    before = data[max(0, start - 8) : start].rstrip()[-1:]
    after = data[end : end + 8].lstrip()[:1]
    return bool(before and before in _BARE_BEFORE and after and after in _BARE_AFTER)
