"""Taking secrets out of exchanges, live requests and texts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from operator import attrgetter
from typing import Any

from proxy.core.kept import Kept
from proxy.core.model import NO_OWN, Body, Exchange, Headers, Own, RequestHead, ResponseHead
from proxy.core.redaction import fields, names, pseudonym, spans
from proxy.core.redaction.bodies import Bodies
from proxy.core.redaction.headers import CREDENTIAL_HEADERS, STRUCTURAL_HEADERS, header_rule
from proxy.core.redaction.names import Rule
from proxy.core.redaction.payloads import Clean, OpenBody, OpenFrames
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find, Hit, whole

type Keep = Callable[[bytes, bytes], None]
type _Request = tuple[RequestHead, bytes]

_VAGUE = ("", "credential")  # what says nothing of the value: the same one may be found otherwise
_MAX_CACHED = 4096
_MAX_CACHED_VALUE = 4096
_MAX_DEPTH = 64
_ALL = attrgetter(*(field.name for field in fields_of(Exchange)))


class Redactor:
    """Replaces secrets by pseudonyms that are stable under `key` (the store's 32 bytes).

    It learns: a value that stood at a known position is found again wherever it reappears. So it
    belongs to one thread at a time; `text` may be called from any. `keep` is told each pseudonym
    and what it stands for.
    """

    def __init__(self, key: bytes, rules: Rules | None = None, keep: Keep | None = None) -> None:
        self._key = key
        self._keep = keep
        self._rules = rules or Rules()
        self._scanner = Scanner(self._rules)
        self._bodies = Bodies(self._scanner, self._replacement)
        self._own_headers = frozenset(name.lower() for name in self._rules.headers)
        allowed = self._rules.allow_headers
        self._allowed = None if allowed is None else {name.lower() for name in allowed}
        self._headers: dict[tuple[bytes, bytes], tuple[Find, ...]] = {}
        # What came out, for as long as nothing new is learned: heads are nearly alike.
        self._version = -1
        self._clean_headers: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        self._clean_texts: dict[tuple[bool, str], str] = {}
        self._clean_requests = Kept[_Request, _Request]()
        self._clean_bodies: Clean = Kept()

    def exchange(self, exchange: Exchange) -> Exchange:
        """A redacted copy of a finished exchange. Never raises for what is in it.

        Ids and times stay. A body that cannot be redacted is dropped, which a note says.
        """
        new = Exchange(*_ALL(exchange))
        request, response = new.request, new.response
        answered = response.headers if response is not None else ()
        # First all is searched by position and shape, which teaches; then for what was taught.
        self._learn_headers(request.headers)
        self._learn_headers(answered)
        self._learn_headers(new.request_body.trailers)
        self._learn_headers(new.response_body.trailers)
        self._target(request.target)
        if new.own is not NO_OWN:
            new.own = self._own(new.own)
        bodies = self._bodies
        self._refresh()
        clean = self._clean_bodies
        sent = OpenBody(bodies, new.request_body, request.headers, "request", clean)
        got = OpenBody(bodies, new.response_body, answered, "response", clean)
        frames = OpenFrames(bodies, new.frames) if new.frames else None

        headers = self._redacted_headers(request.headers)
        new.request_body, headers, notes = self._close(sent, headers)
        new.request = self._request_head(request, headers)
        answered = self._redacted_headers(answered)
        new.response_body, answered, more = self._close(got, answered)
        if response is not None:
            new.response = self._response_head(response, answered)
        if frames is not None:
            new.frames, lost = frames.redacted(self._clean)
            more += lost
        new.error = self._maybe(new.error)
        new.retry_reason = self._maybe(new.retry_reason)
        if new.notes or notes or more:
            old = tuple(map(self.text, new.notes))
            new.notes = (*old, *(note for note in (*notes, *more) if note not in old))
        return new

    def request(self, head: RequestHead, body: bytes) -> tuple[RequestHead, bytes]:
        """A live request by the same rules; the body keeps its Content-Encoding.

        A body that cannot be redacted becomes empty.
        """
        self._refresh()
        known = self._clean_requests.get((head, body))
        if known is not None:
            return known
        version = self._scanner.learned.version
        self._learn_headers(head.headers)
        self._target(head.target)
        opened = OpenBody(self._bodies, Body(body), head.headers, "request")
        new_body, headers, _ = self._close(opened, self._redacted_headers(head.headers))
        clean = self._request_head(head, headers), new_body.data
        if version == self._scanner.learned.version:
            self._clean_requests.put((head, body), clean, 2 * len(body))
        return clean

    def text(self, text: str) -> str:
        """A text for logs: names and shapes as everywhere, and what was learned; learns nothing."""
        return self._remembered(text, self._text, target=False)

    def json(self, value: Any) -> Any:
        """A JSON-ready value (metadata, event data) without secrets; keys and numbers stay."""
        return self._json(value, None, 0)

    # --- heads -------------------------------------------------------------------------------

    def _learn_headers(self, headers: Headers) -> None:
        for pair in headers:
            if finds := self._header_finds(pair):
                self._scanner.learn(finds)

    def _target(self, text: str) -> str:
        return self._remembered(text, self._found_in_target, target=True)

    def _found_in_target(self, text: str) -> str:
        target = text.encode("utf-8", "surrogatepass")
        finds = self._scanner.find(target)
        if b"?" in target:
            finds += fields.query(target, target.index(b"?") + 1)
        finds += self._scanner.quoted(target, self._scanner.find, form=True)
        self._scanner.learn(finds := spans.outermost(finds))
        new = self._clean(target, finds)
        return text if new is target else new.decode("utf-8", "surrogatepass")

    def _text(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        new = self._clean(data)
        return text if new is data else new.decode("utf-8", "surrogatepass")

    def _remembered(self, text: str, work: Callable[[str], str], *, target: bool) -> str:
        """What `work` makes of a text, unless something was learned in between."""
        if len(text) > _MAX_CACHED_VALUE:
            return work(text)
        self._refresh()
        known = self._clean_texts
        if (new := known.get((target, text))) is None:
            version = self._scanner.learned.version
            new = work(text)
            if version == self._scanner.learned.version:
                known[target, text] = new
        return new

    def _refresh(self) -> None:
        """Forgets what came out when it may come out otherwise now."""
        version = self._scanner.learned.version
        if version != self._version or len(self._clean_texts) > _MAX_CACHED:
            self._version = version
            self._clean_headers, self._clean_texts = {}, {}
            self._clean_requests.clear()
            self._clean_bodies.clear()
        if len(self._clean_headers) > _MAX_CACHED:
            self._clean_headers = {}

    def _request_head(self, head: RequestHead, headers: Headers) -> RequestHead:
        target = self._target(head.target)
        if target == head.target and headers is head.headers:
            return head
        line = head.method, head.scheme, head.host, head.port, target, head.http_version
        return RequestHead(*line, headers)

    def _response_head(self, head: ResponseHead, headers: Headers) -> ResponseHead:
        reason = self.text(head.reason)
        if reason == head.reason and headers is head.headers:
            return head
        return ResponseHead(head.status, reason, head.http_version, headers)

    def _redacted_headers(self, headers: Headers) -> Headers:
        """The headers without their secrets; themselves when there are none."""
        if not headers:
            return headers
        self._refresh()
        known = self._clean_headers
        fresh = [pair for pair in headers if pair not in known]
        if fresh:
            reappears = bool(self._scanner.known(b"\n".join(value for _, value in fresh)))
            for pair in fresh:
                finds = self._header_finds(pair)
                if reappears:
                    finds = (*finds, *self._scanner.known(pair[1]))
                new = self._clean(pair[1], finds) if finds else pair[1]
                known[pair] = pair if new is pair[1] else (pair[0], new)
        out = tuple([known[pair] for pair in headers])
        if fresh and any(len(value) > _MAX_CACHED_VALUE for _, value in fresh):
            self._clean_headers = {}
        return headers if out == headers else out

    def _header_finds(self, pair: tuple[bytes, bytes]) -> tuple[Find, ...]:
        """What is found in one header without anything learned; remembered."""
        finds = self._headers.get(pair)
        if finds is None:
            name, value = pair
            finds = tuple(spans.outermost(self._search_header(name[:256], value)))
            if len(value) <= _MAX_CACHED_VALUE:
                if len(self._headers) >= _MAX_CACHED:
                    self._headers.clear()
                self._headers[pair] = finds
        return finds

    def _search_header(self, name: bytes, value: bytes) -> list[Find]:
        low = name.decode("latin-1").strip().lower()
        barred = self._allowed is not None and low not in self._allowed
        if low in self._own_headers or (barred and low not in STRUCTURAL_HEADERS):
            return list(fields.header(value, Rule.STRONG, listed=True))
        finds: list[Find] = []
        rule = header_rule(name)
        if rule is not None:
            finds += fields.header(value, rule, listed=low in CREDENTIAL_HEADERS)
        if rule in (None, Rule.COOKIE, Rule.SET_COOKIE, Rule.PROTOCOLS):
            finds += self._scanner.static(value)
            finds += self._scanner.quoted(value, self._scanner.static)
        return finds

    # --- bodies ------------------------------------------------------------------------------

    def _close(self, opened: OpenBody, headers: Headers) -> tuple[Body, Headers, tuple[str, ...]]:
        """A body, its headers with the right length, and what there is to say."""
        new, said = opened.redacted()
        if opened.body.trailers:
            new = replace(new, trailers=self._redacted_headers(opened.body.trailers))
        if len(new.data) != len(opened.body.data):
            headers, changed = _with_length(headers, len(new.data))
            if changed:
                length = f"{opened.side} content-length set to {len(new.data)} by redaction"
                said = (*said, length)
        return new, headers, said

    # --- the rest ----------------------------------------------------------------------------

    def _own(self, own: Own) -> Own:
        """What the client said of itself. Ids of runs stay: they tie the records together."""
        if not own.given:
            return own
        return replace(
            own,
            label=self._maybe(own.label),
            group=self._maybe(own.group),
            step=self._maybe(own.step),
            meta=self.json(dict(own.meta)),
        )

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def _json(self, value: Any, rule: Rule | None, depth: int) -> Any:
        if isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            finds = self._scanner.find(data)
            if rule is not None:
                finds += fields.named(data, rule)
            self._scanner.learn(spans.outermost(finds))
            new = self._clean(data, finds)
            return value if new is data else new.decode("utf-8", "surrogatepass")
        if depth > _MAX_DEPTH and isinstance(value, Mapping | list | tuple):
            return None
        if isinstance(value, Mapping):
            return {
                key: self._json(one, names.key_rule(str(key).encode()), depth + 1)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            pairs = zip((None, *value), value, strict=False)
            return [self._json(one, rule or _flag(last, one), depth + 1) for last, one in pairs]
        return value

    def _clean(self, data: bytes, finds: Iterable[Find] | None = None) -> bytes:
        """A text without its secrets; itself when there are none."""
        if finds is None:
            finds = self._scanner.find(data)
        edits = spans.plan(spans.removals(map(whole, finds)), self._replacement)
        return spans.apply(data, edits) if edits else data

    def _replacement(self, hit: Hit) -> bytes:
        if hit.bare:
            return b"0"
        kind = hit.kind if hit.kind not in _VAGUE else self._scanner.kind(hit.value)
        made = pseudonym.make(self._key, hit.value, kind)
        if self._keep is not None:
            self._keep(made, hit.value)
        return made


def _flag(last: Any, value: Any) -> Rule | None:
    """How a value is treated that comes after `last` in a list of arguments: --api-key VALUE."""
    if not isinstance(last, str) or not last.startswith("-") or not isinstance(value, str):
        return None
    return None if value.startswith(("-", "$")) else names.key_rule(last.lstrip("-").encode())


def _with_length(headers: Headers, size: int) -> tuple[Headers, bool]:
    """The headers with `size` for their Content-Length, if they have one."""
    out = tuple(
        (name, str(size).encode()) if name.lower() == b"content-length" else (name, value)
        for name, value in headers
    )
    return (headers, False) if out == headers else (out, True)
