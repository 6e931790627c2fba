"""Secrets in recorded answers, where what follows goes live: the agent uses them as it did then.

A recording has pseudonyms in their places. Who holds the secrets (a vault, the environment) puts
them back into what is served; what the agent then asks is compared with pseudonyms again. What is
recorded of it is redacted as ever: the answer has the secret where it had it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.core import plain
from proxy.core.model import Exchange, Headers, RequestHead, header
from proxy.core.redaction import pseudonym
from proxy.core.replay.adapt import Edit, spliced, whole

_PSEUDONYM: Final = re.compile(rb"SECRET-[a-z0-9]{1,16}-[0-9a-f]{12}")

_PLAIN: Final = re.compile(rb"[!#-\[\]-~]+")

type Reveal = Callable[[bytes], bytes | None]


@dataclass(slots=True)
class Given:
    """Of one replay. `reveal` gives the secret of a pseudonym; None where it is not known."""

    reveal: Reveal
    _known: dict[bytes, bytes | None] = field(default_factory=dict)

    def answer(self, exchange: Exchange) -> Exchange:
        """The exchange with secrets in its answer; the same one if there are none to put back."""
        response = exchange.response
        if response is None:
            return exchange
        headers, body = response.headers, exchange.response_body
        data = plain.answer(exchange)
        edits = [
            Edit(found.start(), found.end(), value)
            for found in _PSEUDONYM.finditer(data)
            if (value := self._secret(found[0])) is not None
        ]
        if edits:
            if header(headers, b"content-encoding"):
                body = whole(body, data)
                headers = tuple(one for one in headers if one[0].lower() != b"content-encoding")
            body = spliced(body, edits)
            size = b"%d" % len(body.data)
            headers = _with_length(headers, size)
        headers = tuple((name, self._put_back(value)) for name, value in headers)
        frames = tuple(one._replace(data=self._put_back(one.data)) for one in exchange.frames)
        if body is exchange.response_body and (headers, frames) == (
            response.headers,
            exchange.frames,
        ):
            return exchange
        response = replace(response, headers=headers)
        return replace(exchange, response=response, response_body=body, frames=frames)

    def asked(self, head: RequestHead, body: bytes) -> tuple[RequestHead, bytes]:
        """A request with pseudonyms again, as it is compared."""
        for name, value in self._known.items():
            if value is None:
                continue
            body = body.replace(value, name)
            target = head.target.encode("utf-8", "surrogateescape").replace(value, name)
            head = replace(head, target=target.decode("utf-8", "surrogateescape"))
        return head, body

    def _put_back(self, text: bytes) -> bytes:
        if not pseudonym.is_in(text):
            return text
        return _PSEUDONYM.sub(lambda found: self._secret(found[0]) or found[0], text)

    def _secret(self, name: bytes) -> bytes | None:
        if name not in self._known:
            value = self.reveal(name)
            # What would have to be escaped stays away: how depends on where it stands.
            self._known[name] = value if value and _PLAIN.fullmatch(value) else None
        return self._known[name]


def of_environment(key: bytes, values: Callable[[], list[bytes]]) -> Reveal:
    """Finds secrets among the values of environment variables, by the key of the store.

    Args:
        key: what the store's pseudonyms were made with.
        values: gives them; asked once, when there is something to be found.
    """
    known: dict[bytes, bytes] = {}

    def reveal(name: bytes) -> bytes | None:
        if not known:
            known[b""] = b""
            known.update((_mark(pseudonym.make(key, one, "env")), one) for one in values() if one)
        return known.get(_mark(name))

    return reveal


def _mark(name: bytes) -> bytes:
    return name.rpartition(b"-")[2]


def _with_length(headers: Headers, size: bytes) -> Headers:
    return tuple(
        (name, size if name.lower() == b"content-length" else value) for name, value in headers
    )
