"""Request bodies as trees that can be compared: JSON, forms, multipart, text, or a digest.

What a body is follows from its bytes first: JSON counts as JSON whatever its content type says.
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from proxy.core import canonical
from proxy.core.matching import ignore
from proxy.core.matching.trees import Normaliser, RoundedError, exactly, plain_rpc
from proxy.core.redaction import names

_JSON_START: Final = re.compile(rb"[ \t\r\n]*[\[{]")
_BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_DISPOSITION: Final = re.compile(r'\b(name|filename)\*?="?([^";]*)"?', re.IGNORECASE)
_MAX_TEXT: Final = 4 << 20  # beyond this a text counts byte for byte


def tree(
    body: bytes,
    content_type: str,
    normaliser: Normaliser,
    *,
    paths: Sequence[str] = (),
    fields: Sequence[str] = (),
) -> Any:
    """`body` as `{kind: value}`, or None when it is empty.

    Args:
        body: decoded.
        content_type: as in the header; "" when there is none.
        normaliser: of this request.
        paths: JSON paths that do not count.
        fields: names of form fields that do not count.
    """
    if not body:
        return None
    if _JSON_START.match(body) and (found := _json(body, normaliser, paths)) is not None:
        return found
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return {"form": form(body.decode("utf-8", "surrogateescape"), normaliser, fields)}
    if kind.startswith("multipart/") and (boundary := _BOUNDARY.search(content_type)):
        parts = _split(body, boundary[1].encode())
        if parts is not None:
            return {"multipart": [_part(part, normaliser, paths) for part in parts]}
    return _text(body, normaliser)


def form(text: str, normaliser: Normaliser, ignored: Sequence[str] = ()) -> list[list[str]]:
    """A query or form as pairs, sorted by name; pairs of one name keep their order."""
    if not text:
        return []
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    kept = sorted((pair for pair in pairs if pair[0] not in ignored), key=lambda pair: pair[0])
    return [[name, _field(name, value, normaliser)] for name, value in kept]


def _field(name: str, value: str, normaliser: Normaliser) -> str:
    if names.query_rule(name.encode("utf-8", "surrogateescape")) is names.Rule.STRONG:
        return normaliser.found("credential", value)
    return normaliser.value(value, name)


def _json(body: bytes, normaliser: Normaliser, paths: Sequence[str]) -> Any:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = canonical.loads(body)  # lone surrogates are rare, but they are sent
        except ValueError:
            return _json_lines(body, normaliser, paths)
    mark = len(normaliser.left_out)
    try:
        return {"json": _normal(value, normaliser, paths)}
    except RoundedError:
        del normaliser.left_out[mark:]
        return {"json": _normal(exactly(canonical.loads(body)), normaliser, paths)}
    except RecursionError:
        return {"bytes": canonical.digest(body)}


def _normal(value: Any, normaliser: Normaliser, paths: Sequence[str]) -> Any:
    if paths:
        value = ignore.without(value, paths)
    return normaliser.tree(plain_rpc(value))


def _json_lines(body: bytes, normaliser: Normaliser, paths: Sequence[str]) -> Any:
    """Several JSON texts, one a line (bulk interfaces); None if it is not that."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) < 2:  # noqa: PLR2004 - one is no list
        return None
    try:
        values = [orjson.loads(line) for line in lines]
        return {"lines": [_normal(value, normaliser, paths) for value in values]}
    except (orjson.JSONDecodeError, RoundedError, RecursionError):
        return None


def _split(body: bytes, boundary: bytes) -> list[bytes] | None:
    """The parts of a multipart body (RFC 2046), or None if the boundary is not in it."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2:  # noqa: PLR2004 - before and after the first boundary
        return None
    return [
        piece.lstrip(b" \t").removeprefix(b"\r\n") for piece in pieces[1:] if piece[:2] != b"--"
    ]


def _part(part: bytes, normaliser: Normaliser, paths: Sequence[str]) -> dict[str, Any]:
    """One part: its names, its type and its content."""
    head, _, content = (b"\r\n" + part).partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    kind = headers.get("content-type", "")
    names = dict(_DISPOSITION.findall(headers.get("content-disposition", "")))
    return {
        "name": names.get("name"),
        "filename": normaliser.text(names["filename"]) if "filename" in names else None,
        "type": kind.partition(";")[0],
        "content": tree(content, kind, normaliser, paths=paths),
    }


def _text(body: bytes, normaliser: Normaliser) -> dict[str, str]:
    if len(body) <= _MAX_TEXT and b"\0" not in body:
        try:
            return {"text": normaliser.text(body.decode())}
        except UnicodeDecodeError:
            pass
    return {"bytes": canonical.digest(body)}
