"""One call a line, flat, for `jq`, DuckDB and data frames; not for replay.

Bodies are decoded, and are JSON values where they can be. `call` is what the wire format made of
the exchange (model, tokens, tool calls).
"""

from collections.abc import Iterator

from proxy.core import canonical
from proxy.core.model import Snapshot
from proxy.core.outcomes import iso
from proxy.exporters import _views


def export(snapshot: Snapshot) -> Iterator[bytes]:
    """A line for each call, by place in the run; unknown values are null."""
    run = snapshot.run
    outcome = _views.outcome(snapshot)
    for exchange, event in _views.calls(snapshot):
        response = exchange.response
        data = event.data if event else {}
        line = {
            "runId": run.id,
            "label": run.label,
            "runStatus": outcome["status"] if outcome else None,
            "runFailureMode": outcome["failureMode"] if outcome else None,
            "seq": exchange.seq,
            "kind": event.kind if event else None,
            "name": event.name if event else None,
            "step": exchange.own.step or data.get("step"),
            "group": exchange.own.group,
            "startedAt": iso(exchange.started_at),
            "method": exchange.request.method,
            "url": exchange.request.url,
            "statusCode": response.status if response else None,
            "end": str(exchange.end),
            "error": exchange.error or data.get("error"),
            "attempt": exchange.attempt,
            "latencyMs": _views.milliseconds(exchange.ended_us),
            "ttfbMs": _views.milliseconds(exchange.first_byte_us),
            "requestBytes": len(exchange.request_body.data),
            "responseBytes": len(exchange.response_body.data),
            "call": data.get("call"),
            "request": _views.value_of(_views.request_body(exchange)),
            "response": _views.value_of(_views.response_body(exchange)),
        }
        yield canonical.dumps(line) + b"\n"
