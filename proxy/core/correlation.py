"""Which run does a request belong to? An ordered table of witnesses; the first that speaks wins.

These are the witnesses that a request's head and its connection carry. What only bodies know
(history chains, tool calls) is judged later, off the forward path.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from proxy.core import loose
from proxy.core.model import NO_OWN, Headers, Own, RequestHead, header

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
# W3C Trace Context, 3.2: version ff and ids of zeros are invalid; later versions may add fields.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

_LANGSMITH = b"langsmith-trace"  # a dotted order: the trace, then one part a level down to the call
# Headers by which agents and gateways already name their sessions, most specific first.
SESSION_HEADERS: tuple[bytes, ...] = (
    b"x-claude-code-session-id",  # a sub-agent's too: it sends its parent's
    b"session-id",  # Codex
    b"session_id",  # Codex, older
    b"thread-id",  # Codex
    b"conversation_id",  # Codex, older
    b"x-parent-session-id",  # OpenCode's sub-agents, whose calls belong to their parent's run
    b"x-opencode-session",  # OpenCode to its own provider
    b"x-session-affinity",  # OpenCode to others
    b"x-session-id",  # OpenCode to others
    b"helicone-session-id",
    b"x-litellm-session-id",
    b"x-litellm-trace-id",
    b"x-portkey-trace-id",
    b"x-langsmith-trace-id",
    _LANGSMITH,
)
# Headers by which agents tell their sub-agents apart, whose calls are in the same run.
_SUB_AGENTS = frozenset(
    (
        b"x-claude-code-agent-id",
        b"x-codex-turn-metadata",
        b"x-parent-session-id",
        b"x-session-id",
    )
)
CORRELATION_HEADERS: tuple[bytes, ...] = (b"x-correlation-id", b"x-run-id")
BAGGAGE_KEYS: tuple[str, ...] = ("run.id", "session.id")

OWN_PREFIX = b"dashcam-"
PROXY_HEADERS: frozenset[bytes] = frozenset({b"proxy-authorization", b"proxy-connection"})
_INITIALS = frozenset({b"d", b"D", b"p", b"P"})  # of all of these: a first look that costs little


@dataclass(slots=True, frozen=True)
class Peer:
    """Who is at the other end of a client connection, as far as the transport tells.

    `address` is host:port of the client; `run` the run that the listener port was opened for;
    `user` the proxy user name; `connection` tells two connections from one address apart;
    `listener` is host:port of our end, where it is known.
    """

    address: str = ""
    run: str | None = None
    user: str | None = None
    connection: str = ""
    listener: str = ""


class Identity(NamedTuple):
    """Whose request it is. `run_id` is None when nobody but the transport can tell."""

    witness: str
    correlation_id: str
    run_id: str | None


type Witness = Callable[[RequestHead, Own, Peer], str | None]


def _own(_head: RequestHead, own: Own, _peer: Peer) -> str | None:
    return own.run


def _correlation_header(head: RequestHead, _own: Own, _peer: Peer) -> str | None:
    said = (_text(header(head.headers, name)) for name in CORRELATION_HEADERS)
    return next(filter(None, said), None)


def _listener(_head: RequestHead, _own: Own, peer: Peer) -> str | None:
    return peer.run


def _user(_head: RequestHead, _own: Own, peer: Peer) -> str | None:
    return peer.user


def _session_header(head: RequestHead, _own: Own, _peer: Peer) -> str | None:
    for name in SESSION_HEADERS:
        value = _text(header(head.headers, name))
        if value:
            return value.partition(".")[0] if name == _LANGSMITH else value
    return None


def _baggage(head: RequestHead, _own: Own, _peer: Peer) -> str | None:
    lines = [value for name, value in head.headers if name.lower() == b"baggage"]
    found = baggage_of(b",".join(lines).decode("utf-8", "replace"))
    return next((found[key] for key in BAGGAGE_KEYS if found.get(key)), None)


def baggage_of(members: str) -> dict[str, str]:
    """The members of W3C baggage, without their properties."""
    return {
        unquote(key.strip()): unquote(value.partition(";")[0].strip())
        for key, _, value in (member.partition("=") for member in members.split(","))
    }


def _trace(head: RequestHead, _own: Own, _peer: Peer) -> str | None:
    return trace_of(header(head.headers, b"traceparent") or b"")


def trace_of(traceparent: bytes) -> str | None:
    """The trace id of a W3C `traceparent`; None when it is not a valid one."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1].decode() if match else None


WITNESSES: Mapping[str, Witness] = {
    "dashcam-run": _own,
    "correlation-header": _correlation_header,
    "listener": _listener,
    "proxy-user": _user,
    "session-header": _session_header,
    "baggage": _baggage,
    "traceparent": _trace,
}
# Witnesses that need bodies: they are heard off the forward path, when only the client is known.
LATER: tuple[str, ...] = ("body-id", "history", "tool-call")
# What the witnesses that look at headers look for; most requests carry none of it.
_IN_HEADERS = frozenset({"correlation-header", "session-header", "baggage", "traceparent"})
_HEARD = frozenset({*CORRELATION_HEADERS, *SESSION_HEADERS, b"baggage", b"traceparent"})
# Witnesses whose word is the run's id itself, not only something to derive one from.
_DIRECT = frozenset({"dashcam-run", "listener", "proxy-user"})


def identify(
    head: RequestHead, own: Own, peer: Peer, order: tuple[str, ...] = tuple(WITNESSES)
) -> Identity:
    """Asks the witnesses in `order`; falls back on the client's process, which is left to find."""
    speaks = not _HEARD.isdisjoint([name.lower() for name, _ in head.headers])
    for name in order:
        if name in _IN_HEADERS and not speaks:
            continue
        witness = WITNESSES.get(name)  # none for those that are heard later
        said = witness(head, own, peer) if witness else None
        if said:
            return Identity(name, said, run_id_for(name, said))
    return Identity("process", peer.address, None)


def run_id_for(witness: str, said: str) -> str:
    """A run id that every process derives alike from what a witness said."""
    if witness in _DIRECT and _RUN_ID.fullmatch(said):
        return said
    kind = "run" if witness in _DIRECT else witness
    digest = hashlib.sha256(f"{kind}\0{said}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"run_{digest[:24]}"


def sub_agent(headers: Headers) -> str | None:
    """The phase of a run that a sub-agent's own headers speak of; None for the agent itself."""
    found = {name.lower(): value for name, value in headers if name.lower() in _SUB_AGENTS}
    if not found:
        return None
    if said := _text(found.get(b"x-claude-code-agent-id")):
        return f"agent {said[:40]}"
    turn, _ = loose.parse(found.get(b"x-codex-turn-metadata", b""))
    path = loose.text(loose.obj(turn).get("agent_name")) or ""
    names = [name for name in path.split("/") if name and name != "root"]
    if names:
        return "/".join(f"agent {name[:40]}" for name in names[:8])
    session = _text(found.get(b"x-session-id"))
    if session and found.get(b"x-parent-session-id"):
        return f"agent {session[:40]}"
    return None


def read_own(headers: Headers) -> Own:
    """Reads the `Dashcam-*` headers; values are percent-decoded, Meta is a JSON object."""
    found = {
        name[len(OWN_PREFIX) :].lower().decode("ascii", "replace"): value
        for name, value in headers
        if name[: len(OWN_PREFIX)].lower() == OWN_PREFIX
    }
    if not found:
        return NO_OWN

    def text(key: str) -> str | None:
        value = _text(found.get(key))
        return unquote(value) if value else None

    return Own(
        run=text("run"),
        label=text("label"),
        group=text("group"),
        step=text("step"),
        parent=text("parent"),
        replay=text("replay"),
        meta=_meta(found.get("meta")),
    )


def _meta(value: bytes | None) -> Mapping[str, Any]:
    if not value:
        return {}
    meta, note = loose.parse(value)
    if meta is None and note:
        return {"meta": value.decode("utf-8", "replace")}
    return meta if isinstance(meta, dict) else {"meta": meta}


def is_ours(name: bytes) -> bool:
    """Whether a request header is for Dashcam or the proxy hop, and not to be forwarded."""
    lower = name.lower()
    return lower.startswith(OWN_PREFIX) or lower in PROXY_HEADERS


def forwarded(headers: Headers) -> Headers:
    """The headers that go on to the upstream: all but ours, in order, untouched."""
    if any([name[:1] in _INITIALS and is_ours(name) for name, _ in headers]):  # noqa: C419 - quicker
        return tuple(pair for pair in headers if not is_ours(pair[0]))
    return headers


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace").strip() if value else None
