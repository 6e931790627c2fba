"""A live model call with another model, prompt, setting or host: what a fork was asked to change.

Model calls are JSON; everything that is not to be changed stays as it is, in its order. `system`
goes where the provider's API has it: first in `messages`, `system`, `instructions` or
`systemInstruction`. A model that stands in the path (Gemini, Bedrock) is changed there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import orjson

from proxy.core import plain, wire
from proxy.core.model import Headers, RequestHead, header
from proxy.errors import ConfigError

_IN_PATH: Final = re.compile(r"(?<=/models/)[^/:]+|(?<=/model/)[^/]+")
_ROLES: Final = ("system", "developer")
# Where the system prompt stands, and in what shape; elsewhere it is the first of the messages.
_SYSTEM: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "anthropic.messages": ("system", lambda text: text),
    "bedrock.converse": ("system", lambda text: [{"text": text}]),
    "bedrock.invoke": ("system", lambda text: text),
    "gemini.generate": ("systemInstruction", lambda text: {"parts": [{"text": text}]}),
    "gemini.interactions": ("system_instruction", lambda text: text),
    "openai.responses": ("instructions", lambda text: text),
}
# What a client adds to its base URL, by the wire format's name; of others the whole path.
_ENDPOINTS: Final = {
    "openai.chat": "/chat/completions",
    "openai.responses": "/responses",
}
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True)
class Rewrite:
    """What changes. `base_url` is as the provider's own client would have it.

    `fields` are dotted paths into the body (`generationConfig.temperature`), or `system`.
    """

    model: str | None = None
    base_url: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url or "https://none")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError(f"the base URL {self.base_url!r} is not http:// or https:// and host")

    def __bool__(self) -> bool:
        return self.model is not None or self.base_url is not None or bool(self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """What is changed, in words."""
        given = {"model": self.model, "base URL": self.base_url}
        return (*[name for name, value in given.items() if value is not None], *self.fields)


class Rewritten(NamedTuple):
    """The request as it goes on: the body is whole and has no Content-Encoding."""

    head: RequestHead
    body: bytes


def rewritten(head: RequestHead, body: bytes, change: Rewrite) -> Rewritten:
    """A model call's request, changed.

    Raises:
        ConfigError: the request cannot be changed: it is signed, or is not a JSON object.
    """
    if (header(head.headers, b"authorization") or b"").startswith(b"AWS4-"):
        raise ConfigError(f"the request to {head.host} is signed, so that it cannot be changed")
    decoded = plain.request(head, body)
    protocol = wire.recognise(head, decoded).name
    if change.model is not None or change.fields:
        try:
            asked = orjson.loads(decoded)
        except orjson.JSONDecodeError:
            asked = None
        if not isinstance(asked, dict):
            raise ConfigError(f"the body of {head.method} {head.path} is no JSON object to change")
        head = _with_fields(head, asked, change, protocol)
        decoded = orjson.dumps(asked)
    if change.base_url is not None:
        head = _elsewhere(head, change.base_url, _ENDPOINTS.get(protocol))
    return Rewritten(replace(head, headers=_framed(head.headers, len(decoded))), decoded)


def model_of(head: RequestHead, asked: Mapping[str, Any]) -> str:
    """The model that a request names in its body or its path; empty if it names none."""
    named = asked.get("model")
    found = _IN_PATH.search(head.path)
    return named if isinstance(named, str) else found[0] if found else ""


def _with_fields(
    head: RequestHead, asked: dict[str, Any], change: Rewrite, protocol: str
) -> RequestHead:
    """Changes the body `asked` in place; returns the head, whose path may name the model."""
    fields = dict(change.fields)
    if change.model is not None:
        fields["model"] = change.model
    for name, value in fields.items():
        found = _IN_PATH.search(head.path)
        if name == "model" and "model" not in asked and found:
            start, end = found.span()
            target = head.target[:start] + quote(str(value), safe="") + head.target[end:]
            head = replace(head, target=target)
        elif name == "system":
            _set_system(asked, value, protocol)
        else:
            _set(asked, name.split("."), value)
    return head


def _set(asked: dict[str, Any], path: list[str], value: Any) -> None:
    *outer, last = path
    at = asked
    for key in outer:
        inner = at.get(key)
        if not isinstance(inner, dict):
            inner = at[key] = {}
        at = inner
    at[last] = value


def _set_system(asked: dict[str, Any], value: Any, protocol: str) -> None:
    messages = asked.get("messages")
    if protocol in _SYSTEM:
        key, made = _SYSTEM[protocol]
        asked[key] = made(value)
    elif isinstance(messages, list):
        first = messages[0] if messages and isinstance(messages[0], dict) else {}
        if first.get("role") in _ROLES:
            messages[0] = {**first, "content": value}
        else:
            messages.insert(0, {"role": "system", "content": value})
    else:
        asked["system"] = value


def _elsewhere(head: RequestHead, base_url: str, endpoint: str | None) -> RequestHead:
    parts = urlsplit(base_url)
    path = head.path
    if endpoint is not None and endpoint in path:
        path = path[path.rindex(endpoint) :]
    target = parts.path.rstrip("/") + path + head.target[len(head.path) :]
    moved = replace(
        head,
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        target=target,
    )
    authority = moved.authority.encode("latin-1", "replace")
    named = tuple(
        (name, authority if name.lower() in (b"host", b":authority") else value)
        for name, value in head.headers
    )
    return replace(moved, headers=named)


def _framed(headers: Headers, size: int) -> Headers:
    """Headers for a body of this size; one that was chunked stays so."""
    return tuple(
        (name, b"%d" % size if name.lower() == b"content-length" else value)
        for name, value in headers
        if name.lower() != b"content-encoding"
    )
