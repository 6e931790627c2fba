"""The calls of runs as `schemas` looks at them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from proxy.cli._common import Cli
from proxy.cli._source import Source, reading, source
from proxy.core import wire
from proxy.core.calls import Call
from proxy.core.model import Exchange
from proxy.engine.understand import plain
from proxy.stores._api import RunQuery

type Observed = tuple[Exchange, Call, bytes, bytes]  # with its bodies, decoded

_KINDS = ("tool_call", "http", "retrieval")
_NEWEST = 50  # runs that a first schema is made of when none is named


def completed(cli: Cli, label: str | None) -> list[str]:
    """The ids of the newest runs that went well."""
    query = RunQuery(outcome="Completed", label=label, limit=_NEWEST)
    with reading(cli) as store:
        return [row.run.id for row in store.runs(query)]


def calls(cli: Cli, runs: Sequence[str], *, good: bool = False) -> Iterator[Observed]:
    """The calls of runs, in order; with `good` only those whose payloads nothing is said of."""
    for ref in runs:
        with ExitStack() as stack:
            found = stack.enter_context(source(cli, ref))
            bad = _accused(found) if good else frozenset()
            for event in found.events:
                id_ = event.data.get("exchangeId")
                if event.kind in _KINDS and isinstance(id_, str) and id_ not in bad:
                    yield _observed(found.exchange(id_))


def _accused(found: Source) -> frozenset[str]:
    ids = (
        event.data.get("exchange")
        for event in found.events
        if event.kind == "validation" and event.status == "error"
    )
    return frozenset(one for one in ids if isinstance(one, str))


def _observed(exchange: Exchange) -> Observed:
    request = plain(exchange.request.headers, exchange.request_body.data)
    response = b""
    if exchange.response is not None:
        response = plain(exchange.response.headers, exchange.response_body.data)
    return exchange, wire.decode_call(exchange, request, response), request, response
