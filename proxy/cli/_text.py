"""Values as text for people. What was recorded is untrusted: no byte of it may steer a terminal."""

import re
import unicodedata
from datetime import datetime
from typing import Final

UNKNOWN: Final = "-"

# Controls (C0, DEL, C1), text direction, line separators, invisible tags, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_UNSAFE_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def clean(text: str, *, lines: bool = False) -> str:
    """`text` with everything that could steer a terminal written out; `lines` keeps LF and tabs."""
    if lines:
        return _UNSAFE_LINES.sub(_spelled, text.replace("\r\n", "\n")).expandtabs(4)
    return _UNSAFE.sub(_spelled, text)


def clean_json(text: str) -> str:
    """JSON whose strings spell out the same characters, as JSON escapes."""
    return _UNSAFE_LINES.sub(
        lambda match: "".join(f"\\u{unit:04x}" for unit in _utf16(match[0])),
        text,
    )


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in _NAMED:
        return _NAMED[match[0]]
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def width(text: str) -> int:
    """How many terminal cells the text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    none = sum(unicodedata.combining(character) != 0 for character in text)
    return len(text) + wide - none


def size(count: int | None) -> str:
    """Bytes: `812 B`, `1.2 kB`, `34 MB`."""
    if count is None:
        return UNKNOWN
    value, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:  # noqa: PLR2004 - would be shown with four digits
            break
        value, unit = value / 1000, bigger
    digits = 0 if unit == "B" or value >= 9.95 else 1  # noqa: PLR2004 - two digits are enough
    return f"{value:.{digits}f} {unit}"


def duration(milliseconds: float | None) -> str:
    """`0.3 ms`, `812 ms`, `4.21 s`, `3m 05s`, `2h 04m`."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 9.95:  # noqa: PLR2004 - one digit before the point
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:  # noqa: PLR2004 - would be shown as 1000 ms
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.995:  # noqa: PLR2004 - would be shown as 60.00 s
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def moment(seconds: float) -> str:
    """Unix seconds as local date and time."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(seconds: float) -> str:
    """Unix seconds as local time of day with milliseconds."""
    when = datetime.fromtimestamp(seconds).astimezone()
    return when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03d}"


def count(number: int, thing: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
