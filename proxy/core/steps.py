"""Step names of plain HTTP calls: `GET api.example.com/customers/{id}`."""

import functools
import re
from itertools import pairwise
from urllib.parse import unquote

from proxy.core.model import RequestHead

ID = "{id}"

_VERSION = re.compile(r"[vV]\d+(?:[._p-]\d+)*(?:(?:alpha|beta|rc|preview)\d*)?$")
_PLAIN = re.compile(
    r"\d+$"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
    r"|\d+(?:[-.:_,+]\d+)+$"  # dates, times, coordinates, `1234.5678`
    r"|\d{4}-\d\d-\d\dT[\d:.+Z-]+$"
)
_HEX = re.compile(r"(?=[^\d]*\d)[0-9a-fA-F]{8,}$|[0-9a-fA-F]{16,}$")
_EMAIL = re.compile(r"[^@/\s]+@[^@/\s]+\.[^@/\s]+$")
_NUMBERED = re.compile(r"[A-Za-z]{1,12}[-_.]\d[\w.-]*$")  # CUST-00042, ord_123
_TOKEN = re.compile(r"[A-Za-z0-9_~.:=+-]+$")
_UPPER_CODE = re.compile(r"[A-Z]{1,6}\d+$")  # C42, INV2024001
_IDS = (_PLAIN, _HEX, _EMAIL, _NUMBERED, _UPPER_CODE)
_DIGITS = re.compile(r"\d")
_LONG, _MIXED, _MANY_DIGITS = 20, 10, 3
_CASE_CHANGES = 0.42
_TOO_LONG = 200  # for a name; and the patterns are not linear


def step(head: RequestHead) -> str:
    """The method, the authority, and the path with its ids replaced by `{id}`."""
    return f"{head.method} {head.authority}{template(head.path)}"


def template(path: str) -> str:
    """A path with every segment that looks like an id replaced."""
    return "/".join(ID if is_id(segment) else segment for segment in path.split("/"))


def path_ids(path: str) -> list[str]:
    """The ids that `template` replaces, decoded, in order."""
    return [unquote(segment) for segment in path.split("/") if is_id(segment)]


def is_id(segment: str) -> bool:
    """Whether a path segment names one thing rather than a kind of things."""
    return len(segment) > _TOO_LONG or _is_id(segment)


@functools.lru_cache(maxsize=8192)
def _is_id(segment: str) -> bool:
    plain = unquote(segment) if "%" in segment else segment
    if not plain or _VERSION.match(plain):
        return False
    if any(pattern.match(plain) for pattern in _IDS):
        return True
    if not _TOKEN.match(plain):
        return False
    digits = len(_DIGITS.findall(plain))
    if digits == 0:
        return len(plain) >= _LONG and plain.isalpha() and _mixed_case(plain)
    return digits >= _MANY_DIGITS or (len(plain) >= _MIXED and _opaque(plain))


def _mixed_case(plain: str) -> bool:
    """Whether the case changes more often than where words begin, as in a camel-case name."""
    changes = sum(a.islower() != b.islower() for a, b in pairwise(plain))
    return changes > _CASE_CHANGES * len(plain)


def _opaque(plain: str) -> bool:
    """Whether letters and digits are mixed as words do not mix them: `4QFJOjw2pOm`."""
    last = re.split(r"[_.:~-]", plain)[-1]
    if not _DIGITS.search(last):
        return False
    inner = last.rstrip("0123456789")
    return bool(_DIGITS.search(inner)) or (last != last.lower() and last != last.upper())
