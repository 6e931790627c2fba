"""What a tool's result says of its own failure, where no status line and no flag says it.

Results of tools inside an agent's process are seen only as the text that the model is given.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxy.core import loose

_MOST: Final = 300
_LOOKED_AT: Final = 4000
_ERROR: Final = re.compile(
    r"^\W{0,3}(?:(?:an? |the )?(?:\w+ )?(?:error|exception|failure)"
    r"(?: (?:occurred|calling|executing|running|invoking|while|when|code|status|\d+)\b"
    r"[^.:\n]{0,60})?[:!]"
    r"|\w*(?:Error|Exception)\b ?[:(]|Traceback \(most recent call last\)"
    r"|(?:(?:HTTP|status)[ :/]*(?:1\.1 )?)?(?:4\d\d|5\d\d)(?:[:,]| (?:bad|unauth|payment|forbid"
    r"|not |method|request|conflict|gone|unproc|too |internal|service|gateway|client|server|error))"
    r"|(?:tool|function|request|call|command)\b[^.\n]{0,40} (?:failed|timed out)\b"
    r"|(?:failed|unable) to \w+|(?:connection|access) (?:refused|denied|reset)|permission denied"
    r"|rate limit|unauthori[sz]ed\b|forbidden\b)",
    re.IGNORECASE,
)
_LAST_LINE: Final = re.compile(r"^(\w[\w.]*(?:Error|Exception|Timeout)\b.*)$", re.MULTILINE)
_NOTHING: Final = re.compile(
    r"null|none|nothing|empty|no (?:\w+ ){0,3}(?:results?|match|matches|documents?|data|records?"
    r"|items?|rows|entries|hits)(?: (?:were |was )?(?:found|available|returned))?",
    re.IGNORECASE,
)
_AROUND: Final = " \t\r\n.!:;,-*\"'`[](){}"


def complaint(content: Any, is_error: bool | None) -> str | None:
    """The error that a result speaks of, shortened; None when it speaks of none."""
    value = _plain(content)
    if isinstance(value, str) and value.startswith(("{", "[")):
        value, _ = loose.parse(value[:_LOOKED_AT]) if len(value) <= _LOOKED_AT else (value, None)
    if isinstance(value, Mapping):
        said = _told(value)
        if said is None and is_error:
            said = loose.dumps(dict(value)).decode("utf-8", "replace")
    elif isinstance(value, str):
        found = is_error or _ERROR.match(value[:_LOOKED_AT])
        said = _worded(value) if found else None
    else:
        said = str(value) if is_error else None
    return said.strip()[:_MOST] or "it said so" if said is not None else None


def is_nothing(content: Any) -> bool:
    """Whether a result holds nothing: an empty list, `No results found`."""
    value = _plain(content)
    if isinstance(value, str):
        bare = value.strip(_AROUND) if len(value) <= _MOST else value
        return not bare or (len(bare) <= _MOST and _NOTHING.fullmatch(bare) is not None)
    if isinstance(value, Mapping):
        return all(one in (None, "", 0, [], {}) for one in value.values())
    return value is None or value == []


def _plain(content: Any) -> Any:
    """The text of content blocks."""
    if isinstance(content, list):
        texts = [one.get("text") for one in content if isinstance(one, dict)]
        if texts and all(isinstance(text, str) for text in texts):
            return "\n".join(map(str, texts))
    if isinstance(content, Mapping) and set(content) in ({"output"}, {"result"}, {"content"}):
        return _plain(next(iter(content.values())))  # Gemini's results are objects
    return content


def _told(value: Mapping[str, Any]) -> str | None:
    error = value.get("error") or value.get("errors")
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("code") or error
    if isinstance(error, list):
        first = error[0] if error else None
        error = first.get("message") if isinstance(first, Mapping) else first
    if isinstance(error, str | int | Mapping) and error and error is not True:
        return str(error)
    failed = any(value.get(key) is False for key in ("ok", "success", "succeeded"))
    failed = failed or value.get("isError") is True or value.get("error") is True
    failed = failed or str(value.get("status")).lower() == "error"
    if not failed:
        return None
    words = (value.get(key) for key in ("message", "reason", "detail", "msg"))
    return next((word for word in words if isinstance(word, str) and word), "it failed")


def _worded(text: str) -> str:
    """The text; of a traceback its last line."""
    if text.lstrip().startswith("Traceback") and (lines := _LAST_LINE.findall(text)):
        return str(lines[-1])
    return text
