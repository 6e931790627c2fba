"""Judges finished runs with what only the store and the settings know.

That is what is expected of runs with the label, the whole of the last answer, and what earlier runs
with the label have consumed.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proxy.core import expectations
from proxy.core.model import Event, Outcome, Run
from proxy.engine.clock import wall
from proxy.engine.understand import understand
from proxy.errors import DashcamError
from proxy.stores._api import RunQuery, Store

if TYPE_CHECKING:  # the rules are not loaded before a run has ended
    from proxy.core.outcomes._api import Spent

_REMEMBERED = 50  # earlier runs of a label
_LOOKED_UP = 20  # of them are read from the store


@dataclass(slots=True)
class Judging:
    """Called by the writer, in its thread, for each run that ends."""

    store: Store
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _usual: dict[str, deque["Spent"]] = field(default_factory=dict)

    def __call__(
        self, run: Run, events: Sequence[Event], exit_code: int | None, ended_by: str
    ) -> Outcome:
        """The rules' verdict."""
        from proxy.core.outcomes import judge  # noqa: PLC0415 - slow to import
        from proxy.core.outcomes._api import Facts  # noqa: PLC0415 - likewise

        expected = expectations.of(self.labels, run.label)
        earlier = self._earlier(run)
        facts = Facts(
            run,
            events,
            exit_code,
            ended_by,
            expected=expected,
            output=self._output(events) if expected.keys() & set(expectations.OUTPUT) else None,
            earlier=tuple(earlier),
        )
        earlier.append(_spent(events))
        return judge(facts, created_at=wall())

    def _earlier(self, run: Run) -> deque["Spent"]:
        known = self._usual.get(run.label)
        if known is None:
            known = self._usual[run.label] = deque(maxlen=_REMEMBERED)
            for row in reversed(self.store.runs(RunQuery(label=run.label, limit=_LOOKED_UP))):
                if row.run.id != run.id and row.run.ended_at is not None:
                    known.append(_spent(self.store.events(row.run.id)))
        return known

    def _output(self, events: Sequence[Event]) -> str | None:
        """The last answer in full: events hold its beginning."""
        for event in reversed(events):
            if event.kind != "llm_call" or event.status == "error":
                continue
            exchange_id = event.data.get("exchangeId") or event.data.get("exchange")
            if not isinstance(exchange_id, str) or event.data.get("turn"):
                return None
            try:
                reply = understand(self.store.exchange(exchange_id)).reply
            except DashcamError:
                return None
            return reply.text if reply else None
        return None


def _spent(events: Sequence[Event]) -> "Spent":
    from proxy.core.outcomes import totals  # noqa: PLC0415 - slow to import
    from proxy.core.outcomes._api import Spent  # noqa: PLC0415 - likewise

    found = totals(events)
    counted = (found.input_tokens, found.output_tokens)
    tokens = (
        sum(n for n in counted if n is not None) if any(n is not None for n in counted) else None
    )
    return Spent(tokens, found.cost_usd)
