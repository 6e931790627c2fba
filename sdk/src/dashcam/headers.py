"""The request headers that tell Dashcam which run, phase and step a call belongs to.

Values are ASCII. Text is percent-encoded (RFC 3986, of UTF-8) where it is not printable ASCII, and
where it is a percent sign or white space at an end; metadata is JSON with ASCII escapes. Dashcam
decodes both, and removes the headers before it sends the request on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

RUN = "Dashcam-Run"
LABEL = "Dashcam-Label"
GROUP = "Dashcam-Group"
STEP = "Dashcam-Step"
PARENT = "Dashcam-Parent"
META = "Dashcam-Meta"
NAMES = (RUN, LABEL, GROUP, STEP, PARENT, META)

# Servers refuse heads of more than some 8 kB, and a call must not fail because of us.
TEXT_LIMIT = 256
META_LIMIT = 4096

_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


def encoded(text: str) -> str:
    """`text` as a header value, cut to `TEXT_LIMIT` characters."""
    cut = str(text)[:TEXT_LIMIT]  # a label that is an enum or a number is none of our business
    inner = cut.strip()
    return quote(cut, safe=_PRINTABLE + (" " if inner == cut else ""), errors="replace")


def fields(values: Iterable[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    """The headers of which there is something to say."""
    return tuple((name, encoded(text)) for name, text in values if text)


def encoded_meta(meta: Mapping[str, Any]) -> str | None:
    """`meta` as a header value; None when there is none, when it is too long, or not JSON."""
    if not meta:
        return None
    try:
        value = json.dumps(meta, ensure_ascii=True, separators=(",", ":"), default=str)
    except (TypeError, ValueError):  # keys that are no strings, or a value that holds itself
        return None
    return value if len(value) <= META_LIMIT else None
