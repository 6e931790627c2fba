"""Puts calls that name no run into the right one, off the forward path, before they are stored.

The forward path knows a client at most by its process or address: its calls come in that client's
run. What they say is read here, in the writer's thread; the engine's book of runs is told in its
own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from proxy.core import tool_match
from proxy.core.calls import Call
from proxy.core.correlation import LATER, Peer, sub_agent
from proxy.core.lineage import Lineage
from proxy.core.model import Exchange, Run
from proxy.core.remembered import AskedBy, Seen
from proxy.engine.clock import new_id
from proxy.engine.processes import KNOWN_PROCESS
from proxy.stores._api import OpenRun


class Moved(NamedTuple):
    """A call went to another run than the one that it came in, or stayed although others went."""

    source: str
    target: Run | None = None


@dataclass(slots=True)
class Placing:
    """`guessed` holds the runs that only the client's process or address speaks for.

    `tell` is called in the writer's thread, with what `place` found since.
    """

    guessed: dict[str, Run]
    order: tuple[str, ...] = LATER
    tell: Callable[[Sequence[Moved]], None] = lambda _moved: None
    lineage: Lineage = field(init=False)
    _known: set[str] = field(default_factory=set)  # runs that the store has been told of
    _split: set[str] = field(default_factory=set)  # guessed ones that calls were moved from
    _moved: list[Moved] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lineage = Lineage(lambda: new_id("run"), tuple(n for n in self.order if n in LATER))

    def place(
        self, exchange: Exchange, peer: Peer, call: Call, body: bytes
    ) -> tuple[OpenRun | None, AskedBy | None]:
        """Sets the exchange's run; returns what opens that run, and the turn that asked for it."""
        came = self.guessed.get(exchange.run_id)
        ended = exchange.started_at + (exchange.ended_us or 0) / 1e6
        seen = Seen(
            exchange=exchange.id,
            run=exchange.run_id,
            guessed=came is not None,
            at=exchange.started_at,
            ended=ended,
            ok=exchange.ok and call.error is None,
            connection=peer.connection or peer.address,
            process=came is not None and came.correlation_id.startswith(KNOWN_PROCESS),
        )
        place = self.lineage.place(
            call, seen, lambda: tool_match.asked(exchange.request, call, body)
        )
        group = sub_agent(exchange.request.headers) if exchange.own.group is None else None
        if group:
            exchange.own = replace(exchange.own, group=group)
        if came is None:
            self._known.add(exchange.run_id)
            return None, place.asked_by
        if place.run == exchange.run_id:
            if exchange.run_id in self._split:
                self._moved.append(Moved(came.id))
            return None, place.asked_by
        metadata = {key: value for key, value in came.metadata.items() if key != "witness"}
        run = Run(
            id=place.run,
            label=exchange.own.label or came.label,
            correlation_id=place.said or place.run,
            started_at=exchange.started_at,
            metadata={**metadata, "witness": place.witness, "client": came.correlation_id},
        )
        self._split.add(came.id)
        exchange.run_id = place.run
        exchange.seq = 0  # the store numbers it
        self._moved.append(Moved(came.id, run))
        if place.run in self._known or place.run in self.guessed:
            return None, place.asked_by
        self._known.add(place.run)
        return OpenRun(run), place.asked_by

    def told(self) -> None:
        """A batch has been placed: the engine hears of it."""
        if self._moved:
            moved, self._moved = self._moved, []
            self.tell(moved)

    def forget(self, run_id: str) -> None:
        """The run is over."""
        self._known.discard(run_id)
        self._split.discard(run_id)
        self.guessed.pop(run_id, None)
        self.lineage.forget(run_id)
