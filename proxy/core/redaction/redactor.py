"""Taking secrets out of exchanges, live requests and texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from proxy.core import encoding
from proxy.core.model import Body, Exchange, Frame, Headers, Own, RequestHead, ResponseHead, header
from proxy.core.redaction import fields, names, pseudonym, spans
from proxy.core.redaction.bodies import Bodies, ContentType, content_type
from proxy.core.redaction.headers import CREDENTIAL_HEADERS, STRUCTURAL_HEADERS, header_rule
from proxy.core.redaction.names import Rule
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find, Hit, whole

LIMIT = 256 * 1024 * 1024  # a body larger than this, decoded or not, is dropped
_ROUNDS = 3  # as often as a body may teach a secret that an earlier one has in another form
_TEXT, _BINARY, _CLOSE = 1, 2, 8
_CLOSE_CODE = 2  # bytes before a close frame's reason
_MAX_CACHED = 4096
_MAX_CACHED_VALUE = 4096
_MAX_DEPTH = 64


class Redactor:
    """Replaces secrets by pseudonyms that are stable under `key` (the store's 32 bytes).

    It learns: a value that stood at a known position is found again wherever it reappears. So it
    belongs to one thread at a time; `text` may be called from any.
    """

    def __init__(self, key: bytes, rules: Rules | None = None) -> None:
        self._key = key
        self._rules = rules or Rules()
        self._scanner = Scanner(self._rules)
        self._bodies = Bodies(self._scanner, self._replacement)
        self._own_headers = frozenset(name.lower() for name in self._rules.headers)
        allowed = self._rules.allow_headers
        self._allowed = None if allowed is None else {name.lower() for name in allowed}
        self._headers: dict[tuple[bytes, bytes], tuple[Find, ...]] = {}

    def exchange(self, exchange: Exchange) -> Exchange:
        """A redacted copy of a finished exchange. Never raises for what is in it.

        Ids and times stay. A body that cannot be redacted is dropped, which a note says.
        """
        self._learn_heads(exchange)
        return self._settled(lambda: self._exchange(exchange))

    def request(self, head: RequestHead, body: bytes) -> tuple[RequestHead, bytes]:
        """A live request by the same rules; the body keeps its Content-Encoding.

        A body that cannot be redacted becomes empty.
        """

        def work() -> tuple[RequestHead, bytes]:
            new_head = self._request_head(head)
            new_body, headers, _ = self._body(Body(body), new_head.headers, "request")
            return replace(new_head, headers=headers), new_body.data

        return self._settled(work)

    def text(self, text: str) -> str:
        """A text for logs: names and shapes as everywhere, and what was learned; learns nothing."""
        data = text.encode("utf-8", "surrogatepass")
        new = self._apply(data, self._scanner.find(data))
        return text if new is data else new.decode("utf-8", "surrogatepass")

    def json(self, value: Any) -> Any:
        """A JSON-ready value (metadata, event data) without secrets; keys and numbers stay."""
        return self._json(value, None, 0)

    def _settled[T](self, work: Callable[[], T]) -> T:
        """The result of `work` once it teaches nothing new."""
        known = self._scanner.learned.version
        result = work()
        for _ in range(_ROUNDS - 1):
            if self._scanner.learned.version == known:
                break
            known = self._scanner.learned.version
            result = work()
        return result

    # --- one exchange ------------------------------------------------------------------------

    def _exchange(self, exchange: Exchange) -> Exchange:
        request = self._request_head(exchange.request)
        response = exchange.response
        notes: list[str] = []
        body, headers, said = self._body(exchange.request_body, request.headers, "request")
        request = replace(request, headers=headers)
        notes += said
        answer = exchange.response_body
        if response is not None:
            response = self._response_head(response)
            answer, headers, said = self._body(answer, response.headers, "response")
            response = replace(response, headers=headers)
        else:
            answer, _, said = self._body(answer, (), "response")
        notes += said
        frames, said = self._frames(exchange.frames)
        notes += said
        old = tuple(self.text(note) for note in exchange.notes)
        return replace(
            exchange,
            request=request,
            request_body=body,
            response=response,
            response_body=answer,
            frames=frames,
            own=self._own(exchange.own),
            error=self._maybe(exchange.error),
            retry_reason=self._maybe(exchange.retry_reason),
            notes=(*old, *(note for note in notes if note not in old)),
        )

    def _learn_heads(self, exchange: Exchange) -> None:
        """Learns from both heads before any body is searched."""
        self._request_head(exchange.request)
        if exchange.response is not None:
            self._response_head(exchange.response)

    def _request_head(self, head: RequestHead) -> RequestHead:
        target = head.target.encode("utf-8", "surrogatepass")
        finds = self._scanner.find(target)
        _, mark, _ = target.partition(b"?")
        if mark:
            finds += fields.query(target, target.index(b"?") + 1)
        finds += self._scanner.quoted(target, form=True)
        finds = spans.outermost(finds)
        self._scanner.learn(finds)
        new = self._apply(target, finds)
        return replace(
            head,
            target=head.target if new is target else new.decode("utf-8", "surrogatepass"),
            headers=self._redacted_headers(head.headers),
        )

    def _response_head(self, head: ResponseHead) -> ResponseHead:
        return replace(
            head, reason=self.text(head.reason), headers=self._redacted_headers(head.headers)
        )

    # --- headers -----------------------------------------------------------------------------

    def _redacted_headers(self, headers: Headers) -> Headers:
        block = b"\n".join(value for _, value in headers)
        reappears = any(True for _ in self._scanner.learned.find(block))
        out: list[tuple[bytes, bytes]] = []
        for name, value in headers:
            finds = [*self._header_finds(name, value)]
            if finds:
                self._scanner.learn(finds)
                reappears = True
            if reappears:
                finds += self._scanner.learned.find(value)
            out.append((name, self._apply(value, finds)))
        return tuple(out)

    def _header_finds(self, name: bytes, value: bytes) -> tuple[Find, ...]:
        """What is found in one header without anything learned; remembered."""
        pair = (name, value)
        finds = self._headers.get(pair)
        if finds is None:
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
        if rule in (None, Rule.COOKIE, Rule.SET_COOKIE):
            finds += self._scanner.static(value)
            finds += self._scanner.quoted(value)
        return finds

    # --- bodies ------------------------------------------------------------------------------

    def _body(
        self, body: Body, headers: Headers, side: str
    ) -> tuple[Body, Headers, tuple[str, ...]]:
        """A body, its headers with the right length, and what there is to say."""
        trailers = self._redacted_headers(body.trailers)
        try:
            new, said = self._redacted_body(body, headers, side)
        except Exception as err:  # noqa: BLE001 - whatever it is: no body is stored unredacted
            new = Body()
            said = (f"{side} body dropped: redaction failed ({type(err).__name__})",)
        if trailers != body.trailers or new.trailers != trailers:
            new = replace(new, trailers=trailers)
        if len(new.data) != len(body.data):
            headers, changed = _with_length(headers, len(new.data))
            if changed:
                said = (*said, f"{side} content-length set to {len(new.data)} by redaction")
        return new, headers, said

    def _redacted_body(
        self, body: Body, headers: Headers, side: str
    ) -> tuple[Body, tuple[str, ...]]:
        if not body.data:
            return body, ()
        if len(body.data) > LIMIT:
            return Body(), (f"{side} body dropped: over {LIMIT} bytes",)
        kind = content_type(header(headers, b"content-type"))
        coding = (header(headers, b"content-encoding") or b"").decode("latin-1")
        decoded = encoding.decode(body.data, coding, limit=LIMIT)
        if len(decoded.data) >= LIMIT:
            return Body(), (f"{side} body dropped: {decoded.note}",)
        if decoded.data is body.data:  # no coding, or an unknown one
            return self._plain_body(body, kind), ()
        edits = self._bodies.edits(decoded.data, kind)
        if not edits:
            # What a damaged body holds beyond the damage may be plain.
            return (body if decoded.complete else self._plain_body(body, kind)), ()
        data = encoding.encode(spans.apply(decoded.data, edits), coding)
        parts = spans.scale(body.parts, len(body.data), len(data))
        damage = "" if decoded.complete else f"; it was damaged: {decoded.note}"
        return Body(data, parts), (f"{side} body encoded anew after redaction{damage}",)

    def _plain_body(self, body: Body, kind: ContentType) -> Body:
        edits = self._bodies.edits(body.data, kind)
        if not edits:
            return body
        return Body(spans.apply(body.data, edits), spans.shift(body.parts, edits))

    def _frames(self, frames: Sequence[Frame]) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
        """WebSocket messages: each direction is one stream."""
        out = list(frames)
        said: list[str] = []
        for from_client in (True, False):
            mine = [
                at
                for at, frame in enumerate(frames)
                if frame.from_client is from_client and frame.opcode in (_TEXT, _BINARY)
            ]
            if not mine:
                continue
            try:
                texts = self._bodies.messages([frames[at].data for at in mine])
            except Exception as err:  # noqa: BLE001 - whatever it is: nothing is stored unredacted
                texts = [b""] * len(mine)
                who = "client" if from_client else "server"
                said.append(f"{who} messages dropped: redaction failed ({type(err).__name__})")
            for at, text in zip(mine, texts, strict=True):
                if text is not frames[at].data:
                    out[at] = frames[at]._replace(data=text)
        for at, frame in enumerate(frames):
            if frame.opcode not in (_TEXT, _BINARY) and frame.data:
                skip = _CLOSE_CODE if frame.opcode == _CLOSE else 0
                reason = frame.data[skip:]
                new = self._apply(reason, self._scanner.find(reason))
                out[at] = frame._replace(data=frame.data[:skip] + new)
        return tuple(out), tuple(said)

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
            new = self._apply(data, finds)
            return value if new is data else new.decode("utf-8", "surrogatepass")
        if depth > _MAX_DEPTH and isinstance(value, Mapping | list | tuple):
            return None
        if isinstance(value, Mapping):
            return {
                key: self._json(one, names.key_rule(str(key).encode()), depth + 1)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._json(one, rule, depth + 1) for one in value]
        return value

    def _apply(self, data: bytes, finds: Iterable[Find]) -> bytes:
        """`data` itself when nothing was found."""
        edits = spans.plan(spans.removals(map(whole, finds)), self._replacement)
        return spans.apply(data, edits) if edits else data

    def _replacement(self, hit: Hit) -> bytes:
        if hit.bare:
            return b"0"
        kind = hit.kind or self._scanner.kind(hit.value)
        return pseudonym.make(self._key, hit.value, kind)


def _with_length(headers: Headers, size: int) -> tuple[Headers, bool]:
    """The headers with `size` for their Content-Length, if they have one."""
    out = tuple(
        (name, str(size).encode()) if name.lower() == b"content-length" else (name, value)
        for name, value in headers
    )
    return out, out != headers
