"""VCR.py cassettes (YAML or JSON, format version 1), those of pydantic-ai (`parsed_body`) included.

So are its relatives': LangChain's (a list of `requests` and one of `responses`), cassetter's (YAML
or TOML, bodies with `type` and `content`), those of Ruby's VCR (`http_interactions`,
`recorded_at`), and php-vcr's, which are a list.
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

import orjson

from proxy.core.model import Exchange, Headers, Snapshot, header
from proxy.errors import RecordingFormatError
from proxy.importers import _making
from proxy.importers._making import Notes

MAX_YAML = 64 * 1024 * 1024  # its parser is slow

_START = re.compile(
    rb'^(?:-\s+request:|(?:http_)?interactions:|requests:|"?version"?:|\[\[interactions\]\]'
    rb'|\[?\s*\{\s*"(?:interactions|http_interactions|version|request)")',
    re.MULTILINE,
)
_OTHERS = re.compile(rb'"(?:urlPath|urlPattern|urlPathPattern|mappings|fixtures|pairs)"\s*:')


def recognises(head: bytes, name: str) -> bool:
    """By the key `interactions`, or a suffix of YAML."""
    looks = b"interactions" in head or (b"request" in head and b"response" in head)
    known = looks and _START.search(head) is not None
    return (known and not _OTHERS.search(head)) or name.endswith((".yaml", ".yml"))


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls in the order of the cassette."""
    data = _making.read_all(file)
    cassette = _read(data, name)
    interactions = cassette
    if isinstance(cassette, list) and not any("request" in _dict(one) for one in cassette):
        interactions = None
    if isinstance(cassette, dict):
        interactions = cassette.get("interactions", cassette.get("http_interactions"))
        if interactions is None:
            interactions = _paired(cassette)
    if not isinstance(interactions, list):
        raise RecordingFormatError("no VCR cassette: interactions are missing")
    notes = Notes()
    if not any("recorded_at" in _dict(one) for one in interactions):
        notes.add("a cassette does not say when its calls were made")
    for kind in ("grpc_interactions", "ws_interactions"):
        for _ in _dict(cassette).get(kind) or ():
            notes.add(f"what stands under {kind} is not carried over")
    found = list(_exchanges(interactions, notes))
    return [_making.snapshot("vcr", name, data, found, notes)]


def _paired(cassette: dict[str, Any]) -> list[Any] | None:
    """Requests and responses that stand in two lists."""
    sides = (cassette.get("requests"), cassette.get("responses"))
    if not all(isinstance(side, list) for side in sides):
        return None
    pairs = zip(*(side or () for side in sides), strict=False)
    return [{"request": request, "response": response} for request, response in pairs]


def _read(data: bytes, name: str) -> Any:
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"[[") or name.endswith(".toml"):
        return _toml(data)
    return _json(data) if start[:1] in {b"{", b"["} else _yaml(data)


def _toml(data: bytes) -> Any:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as why:
        raise RecordingFormatError(f"not TOML: {why}") from None


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as why:
        raise RecordingFormatError(f"line {why.lineno}: not JSON: {why.msg}") from None


def _yaml(data: bytes) -> Any:
    if len(data) > MAX_YAML:
        raise RecordingFormatError(f"larger than {MAX_YAML >> 20} MiB")
    from proxy.importers import _yaml as yaml  # noqa: PLC0415 - its parser takes long to load

    return yaml.load(data)


def _exchanges(interactions: list[Any], notes: Notes) -> Iterator[Exchange]:
    for interaction in interactions:
        request, response = (
            _dict(_dict(interaction).get(side)) for side in ("request", "response")
        )
        headers = _headers(request.get("headers"))
        url = str(request.get("uri") or request.get("url") or "")
        head = _making.request_head(str(request.get("method") or "GET"), url, headers)
        if head is None:
            notes.add("a call does not go over HTTP")
            continue
        sent, got = _body(request, notes), _body(response, notes)
        told = response.get("status")
        status = _dict(told)
        code = status.get("code", told if isinstance(told, int) else response.get("status_code"))
        answer = _making.response_head(
            code if isinstance(code, int) else 0,
            str(status.get("message") or ""),
            _headers(response.get("headers")),
            len(got),
        )
        if answer is None:
            notes.add("a call has no answer")
            continue
        yield Exchange(
            id="",
            run_id="",
            seq=0,
            via="forward",
            started_at=_at(_dict(interaction).get("recorded_at")) or _date(answer.headers),
            request=_making.plain_request(head, sent),
            request_body=_making.whole(sent, 0),
            response=answer,
            response_body=_making.whole(got, 0),
        )


def _headers(value: object) -> Headers:
    """Names with a value or a list of them."""
    pairs: list[tuple[object, object]] = []
    for name, found in _dict(value).items():
        values = found if isinstance(found, list) else [found]
        pairs += [(name, one if isinstance(one, str) else _text(one)) for one in values]
    return _making.header_pairs(pairs)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body(message: dict[str, Any], notes: Notes) -> bytes:
    """The body as text, bytes, `{string: …}`, `{base64_string: …}` or an already parsed value."""
    if "parsed_body" in message:
        return _parsed(message["parsed_body"], notes)
    body = message.get("body", message.get("content"))
    if isinstance(body, dict):
        if "base64_string" in body:
            return _making.base64(body["base64_string"], notes)
        if "content" in body:
            return _content(body, notes)
        body = body.get("string", body.get("text"))
    if isinstance(body, bytes):
        return body
    return b"" if body is None else str(body).encode("utf-8", "surrogatepass")


def _content(body: dict[str, Any], notes: Notes) -> bytes:
    """The form of cassetter: the type says what the content is; of JSON in TOML it is the text."""
    kind, content = body.get("type"), body["content"]
    if kind == "json" and not isinstance(content, str):
        return _parsed(content, notes)
    if kind == "binary" and isinstance(content, str):
        try:
            return bytes.fromhex(content)
        except ValueError:
            return _making.base64(content, notes)
    if isinstance(content, bytes):
        return content
    return b"" if content is None else str(content).encode("utf-8", "surrogatepass")


def _at(value: object) -> float | None:
    """A time as ISO 8601, as a date of HTTP, or as YAML and TOML read it."""
    if isinstance(value, datetime):
        when = value
    else:
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            return _http_date(str(value))
    try:
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _parsed(value: object, notes: Notes) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        notes.add("a parsed body is no JSON")
        return b""


def _date(headers: Headers) -> float:
    """The answer's `Date`; 0 where there is none (the note says so)."""
    return _http_date((header(headers, b"date") or b"").decode("latin-1")) or 0.0


def _http_date(text: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
