"""The headers that choose an answer. All others do not count when requests are compared."""

from typing import Final

from proxy.core.model import Headers

CONTENT_HEADERS: Final = frozenset(
    (
        b"accept",  # CSV or JSON; what every client sends anyway is left out
        b"accept-language",
        b"mcp-method",
        b"mcp-name",
        b"prefer",
        b"range",
        b"soapaction",
        b"x-amz-target",  # names the operation of an AWS JSON call
        b"x-http-method-override",
    )
)
_USUAL: Final = frozenset(("*/*", "*", "application/json", "text/event-stream", "text/plain", ""))


def content_headers(headers: Headers, ignored: frozenset[str] = frozenset()) -> dict[str, str]:
    """Name to value of the headers that count; `ignored` are names in lower case."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if name not in CONTENT_HEADERS or (text := name.decode()) in ignored:
            continue
        value = raw_value.decode("latin-1").strip()
        if name.startswith(b"accept"):
            value = _chosen(value)
        if value:
            found[text] = f"{found[text]}, {value}" if text in found else value
    return found


def _chosen(value: str) -> str:
    """An `Accept` value reduced to what it chooses: parameters and the usual types are left out."""
    types = (item.partition(";")[0].strip().lower() for item in value.split(","))
    return ", ".join(sorted(kind for kind in types if kind not in _USUAL))
