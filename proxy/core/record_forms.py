"""Single values, bodies and frames as JSON and back, strictly: a ValueError says what is wrong."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from proxy.core.model import Body, End, Frame, Headers, Part

_MOST = 1 << 63
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds: the years 1 to 9999


class Raw(NamedTuple):
    """A JSON text that was taken out of its line as it is."""

    data: bytes


def _a(kind: type, name: str) -> Callable[[Any], Any]:
    """A reader that takes exactly one type (a bool is not an int)."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{name} expected")
        return value

    return check


def or_none(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that takes null as well."""
    return lambda value: None if value is None else reader(value)


def tuple_of(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader of lists, by a reader of their items."""
    return lambda value: tuple(map(reader, _list(value)))


text = _a(str, "text")
_an_int = _a(int, "a whole number")
boolean = _a(bool, "true or false")
_list = _a(list, "a list")
an_object = _a(dict, "an object")


def whole_number(value: Any) -> Any:
    """A whole number that fits 64 bits: more is in no column, and none of ours was ever larger."""
    if not -_MOST <= _an_int(value) < _MOST:
        raise ValueError("a whole number of at most 64 bits expected")
    return value


def number(value: Any) -> float:
    """A moment in Unix seconds, as a float."""
    if type(value) not in (int, float):
        raise ValueError("a number expected")
    if not _FIRST <= value <= _LAST:
        raise ValueError("a number of seconds from year 1 to 9999 expected")
    return float(value)


def end(value: Any) -> End:
    """How an exchange ended, by name."""
    try:
        return End(text(value))
    except ValueError:
        raise ValueError(f"unknown end {value!r}") from None


def _pair(value: Any) -> list[Any]:
    if len(_list(value)) != 2:  # noqa: PLR2004 - a pair
        raise ValueError("a pair expected")
    return value  # type: ignore[no-any-return]  # checked by _list


def in_order(value: Any) -> Any:
    """Objects of the user's with their keys in order: stores do not agree on one."""
    if isinstance(value, Mapping):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list | tuple) else value


def write_bytes(data: bytes) -> dict[str, Any]:
    """As JSON where that gives the same bytes back, else as text, else as base64."""
    if data[:1] in (b"{", b"["):
        try:
            if orjson.dumps(orjson.loads(data)) == data:
                return {"json": orjson.Fragment(data)}
        except (orjson.JSONDecodeError, TypeError):
            pass
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(text(value), validate=True)
    except binascii.Error:
        raise ValueError("broken base64") from None


def _json(value: Any) -> bytes:
    if type(value) is Raw:
        return value.data
    try:
        return orjson.dumps(value)
    except TypeError as why:
        raise ValueError(f"json: {why}") from None


_BYTES: Mapping[str, Callable[[Any], bytes]] = {
    "json": _json,
    "text": lambda value: text(value).encode(),
    "base64": _base64,
}


def _read_bytes(data: dict[str, Any]) -> bytes:
    """Takes the one form out of `data`; no form at all means no bytes."""
    forms = [form for form in _BYTES if form in data]
    if len(forms) > 1:
        raise ValueError(f"both {forms[0]} and {forms[1]}")
    return _BYTES[forms[0]](data.pop(forms[0])) if forms else b""


def write_headers(headers: Headers) -> list[list[str]]:
    """Names and values as Latin-1, which every byte string is."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _header_text(value: Any) -> bytes:
    try:
        return text(value).encode("latin-1")  # type: ignore[no-any-return]  # checked by text
    except UnicodeEncodeError:
        raise ValueError("a header is Latin-1") from None


def read_headers(value: Any) -> Headers:
    """The opposite of `write_headers`."""
    return tuple(
        (_header_text(name), _header_text(found)) for name, found in map(_pair, _list(value))
    )


def write_body(body: Body) -> dict[str, Any]:
    """The bytes in one form, the pieces they came in, the trailers."""
    out = write_bytes(body.data) if body.data else {}
    if "json" in out:  # its size lets a reader take it out of the line without parsing it
        out = {"bytes": len(body.data), **out}
    if body.parts:
        out["parts"] = [list(part) for part in body.parts]
    if body.trailers:
        out["trailers"] = write_headers(body.trailers)
    if body.missing:
        out["missing"] = body.missing
    return out


def read_body(value: Any) -> Body:
    """The opposite of `write_body`."""
    rest = dict(an_object(value))
    whole_number(rest.pop("bytes", 0))
    rest.pop("decoded", None)  # for people
    data = _read_bytes(rest)
    pairs = map(_pair, _list(rest.pop("parts", [])))
    parts = tuple(Part(whole_number(at), whole_number(size)) for at, size in pairs)
    trailers = read_headers(rest.pop("trailers", []))
    missing = whole_number(rest.pop("missing", 0))
    if rest:
        raise ValueError(f"unknown field {min(rest)!r}")
    if any(part.size < 0 for part in parts):
        raise ValueError("a part of less than no bytes")
    if parts and sum(part.size for part in parts) != len(data):
        raise ValueError(f"its parts do not add up to its {len(data)} bytes")
    if missing < 0:
        raise ValueError("less than no bytes are missing")
    return Body(data, parts, trailers, missing)


def write_frame(frame: Frame) -> dict[str, Any]:
    """A frame with its data in one form."""
    at, from_client, opcode, data = frame
    head = {"at_us": at, "from": "client" if from_client else "server", "opcode": opcode}
    return head | (write_bytes(data) if data else {})


def read_frame(value: Any) -> Frame:
    """The opposite of `write_frame`."""
    rest = dict(an_object(value))
    data = _read_bytes(rest)
    sender = rest.pop("from", None)
    if sender not in ("client", "server"):
        raise ValueError("from: client or server expected")
    frame = Frame(
        whole_number(rest.pop("at_us", None)),
        sender == "client",
        whole_number(rest.pop("opcode", None)),
        data,
    )
    if rest:
        raise ValueError(f"unknown field {min(rest)!r}")
    return frame
