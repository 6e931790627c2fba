"""Attempts: the same request again, after a failure, in the same run."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from proxy.core.model import End, Exchange

_REMEMBERED = 512  # failures per writer; a retry comes soon or not at all


@dataclass(slots=True, frozen=True)
class _Failure:
    exchange_id: str
    attempt: int
    ended_at: float
    reason: str


@dataclass(slots=True)
class Retries:
    """Remembers recent failures; numbers what repeats them."""

    _failed: OrderedDict[bytes, _Failure] = field(default_factory=OrderedDict)

    def annotate(self, exchange: Exchange) -> None:
        """Sets `attempt`, `retry_of`, `retry_reason` and `backoff_us` when this is a retry."""
        key = _key(exchange)
        before = self._failed.pop(key, None)
        if before is not None and exchange.started_at >= before.ended_at - 0.001:
            exchange.attempt = before.attempt + 1
            exchange.retry_of = before.exchange_id
            exchange.retry_reason = before.reason
            exchange.backoff_us = max(0, round((exchange.started_at - before.ended_at) * 1e6))
        reason = failure(exchange)
        if reason is not None:
            ended = exchange.started_at + (exchange.ended_us or 0) / 1e6
            self._failed[key] = _Failure(exchange.id, exchange.attempt, ended, reason)
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)


def failure(exchange: Exchange) -> str | None:
    """Why a client might try again: the status, or how the exchange ended; None if it went well."""
    if exchange.end is not End.COMPLETE:
        return str(exchange.end)
    status = exchange.response.status if exchange.response else 0
    if status >= 400:  # noqa: PLR2004 - HTTP
        return f"{status} {exchange.response.reason if exchange.response else ''}".strip()
    return None


def _key(exchange: Exchange) -> bytes:
    request = exchange.request
    digest = hashlib.blake2b(digest_size=16)
    for part in (exchange.run_id, request.method, request.url):
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    digest.update(exchange.request_body.data)
    return digest.digest()
