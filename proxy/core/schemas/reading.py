"""Declared schemas out of parsed files: our own form, plain JSON Schemas, OpenAPI documents.

Our own form is an object with `request` and `response` (JSON Schemas), `match` (METHOD HOST/PATH)
or `tool` (default: the file's name) and `mode`. A plain JSON Schema is of what the tool of that
name answers; in a file NAME.request.json it is of what it takes.
"""

from collections.abc import Mapping
from typing import Any, Final

from proxy.core.schemas import openapi
from proxy.core.schemas.declared import MODES, OBSERVE, Declared, Route

_KEYS: Final = frozenset(("tool", "match", "mode", "request", "response", "observed", "$comment"))
_SIDES: Final = ("request", "response")
_PLAIN: Final = frozenset(
    (
        *("type", "properties", "$ref", "$schema", "items", "enum", "const", "required"),
        *("anyOf", "oneOf", "allOf", "additionalProperties", "not", "$defs", "definitions"),
    )
)


def read(document: Any, name: str, source: str, host: str | None = None) -> tuple[Declared, ...]:
    """The schemas in a parsed file.

    Args:
        document: What the file holds.
        name: The file's name without its ending.
        source: What the file is called in messages.
        host: The host of an OpenAPI document, where its servers are not the ones that are called.

    Raises:
        ValueError: It is none of the forms; the message says why, without the file's name.
    """
    if not isinstance(document, dict):
        raise ValueError("it holds no object")  # noqa: TRY004 - readers speak with ValueError
    if openapi.is_document(document):
        return openapi.read(document, source, host)
    if {"request", "response", "match"} & document.keys() and not _PLAIN & document.keys():
        return (_own(document, name, source),)
    tool, _, side = name.rpartition(".")
    if side in _SIDES and tool:
        return (_plain(document, tool, side, source),)
    if _PLAIN & document.keys():
        return (_plain(document, name, "response", source),)
    raise ValueError("it is neither a tool's schema nor a JSON Schema nor an OpenAPI document")


def _own(document: Mapping[str, Any], name: str, source: str) -> Declared:
    if unknown := sorted(document.keys() - _KEYS):
        raise ValueError(f"it has {unknown[0]!r}, which means nothing here")
    mode = document.get("mode", OBSERVE)
    if mode not in MODES:
        raise ValueError(f"its mode is {mode!r}, and can be {', '.join(MODES)}")
    match, tool = document.get("match"), document.get("tool")
    if not isinstance(match, str | None) or not isinstance(tool, str | None):
        raise ValueError("`match` and `tool` are texts")  # noqa: TRY004 - as above
    response = _schema(document, "response")
    return Declared(
        name=name,
        source=source,
        mode=mode,
        tool=tool or (name if match is None else None),
        route=Route.of(match) if match is not None else None,
        request=_schema(document, "request"),
        responses={} if response is None else {"2XX": response},
    )


def _schema(document: Mapping[str, Any], side: str) -> Mapping[str, Any] | None:
    found = document.get(side)
    if found is not None and not isinstance(found, dict):
        raise ValueError(f"its `{side}` is no object")
    return found


def _plain(document: Mapping[str, Any], tool: str, side: str, source: str) -> Declared:
    if side == "request":
        return Declared(f"{tool}.request", source, tool=tool, request=document)
    return Declared(tool, source, tool=tool, responses={"2XX": document})
