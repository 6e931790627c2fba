"""Joins a search by vector to the embedding call that made the vector.

What was asked is in the first, what was found in the second; together they are one retrieval.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proxy.core.calls import Call
from proxy.core.model import Exchange

_RUNS = 1000
_SOON = 60.0  # seconds between the two
_MOST = 2000  # letters of the text that are kept


class _Made(NamedTuple):
    exchange: str
    text: str
    at: float


@dataclass(slots=True)
class Embeddings:
    """Remembers the last text that each run had embedded."""

    _last: OrderedDict[str, _Made] = field(default_factory=OrderedDict)

    def note(self, exchange: Exchange, call: Call) -> dict[str, Any]:
        """What the event of this call tells besides: `embedding`, of a search by vector."""
        ended = exchange.started_at + (exchange.ended_us or 0) / 1e6
        if call.kind == "llm_call" and call.step.endswith(("embeddings", "embed")):
            text = _text(call.input)
            if text and call.error is None:
                self._last[exchange.run_id] = _Made(exchange.id, text[:_MOST], ended)
                self._last.move_to_end(exchange.run_id)
                if len(self._last) > _RUNS:
                    self._last.popitem(last=False)
            return {}
        if call.retrieval is None or call.retrieval.query is not None:
            return {}
        made = self._last.get(exchange.run_id)
        if made is None or not -1 < exchange.started_at - made.at < _SOON:
            return {}
        return {"embedding": {"exchange": made.exchange, "input": made.text}}


def _text(value: Any) -> str | None:
    """The one text that was embedded; documents that are stored come in lists."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) and value else None
