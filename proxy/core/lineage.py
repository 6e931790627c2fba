"""Which run a call belongs to by what it says, when its client said nothing about itself.

All calls of a client that names no run come in one lane: those of a process, or of an address that
nobody can look behind. A model call that continues a history goes where that history is; a tool
call goes where a model asked for it. A new history belongs to a run that it has something of: what
its model said, or what its user asked. Else it is another agent's, a run of its own, if one is
going on in the lane meanwhile, or was before (the lane is shared), or if the lane is an address and
the connection is new. What a process does in turn, with nothing else going on, is one run. So is
what a client goes on asking that has only asked single questions, without tools, for long.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from proxy.core import body_ids, tool_match
from proxy.core.calls import Call
from proxy.core.correlation import LATER, run_id_for
from proxy.core.history import History, history
from proxy.core.remembered import (
    PHRASE,
    AskedBy,
    KnownRun,
    Lane,
    Match,
    Node,
    Seen,
    asked_first,
    best_use,
    busy,
    own_uses,
    related,
    take_down,
    waits,
)

_MOST = 20_000  # histories that are remembered
_NONE: frozenset[str] = frozenset()  # one for all of them
_MOST_ALIKE = 64  # that are the same so far: thousands of questions may have the answer "yes"
_MOST_OPENERS = 32
_LATEST = 32  # runs that a call without a history is compared with
_ENOUGH = 1.0  # score of a tool call within a lane


class Place(NamedTuple):
    """Where a call belongs; `witness` is None when it stays where it came."""

    run: str
    witness: str | None = None
    said: str = ""
    asked_by: AskedBy | None = None
    alone: bool = False  # one of many questions


@dataclass(slots=True)
class Lineage:
    """Remembers what was said, and places calls. `new` makes a run's id; `order` as in settings."""

    new: Callable[[], str]
    order: tuple[str, ...] = LATER
    _runs: OrderedDict[str, KnownRun] = field(default_factory=OrderedDict)  # the latest at the end
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _lane_of: dict[str, str] = field(default_factory=dict)  # run -> lane
    _nodes: OrderedDict[tuple[str, bytes], list[Node]] = field(default_factory=OrderedDict)
    _responses: OrderedDict[str, str] = field(default_factory=OrderedDict)  # id -> run

    def place(self, call: Call, seen: Seen, request: Callable[[], tool_match.Asked]) -> Place:
        """Where the call belongs; remembers it there. `request` is asked for when it is needed."""
        known = self._runs.get(seen.run)
        if not seen.guessed:
            return self._named(call, seen, known, request)
        lane = self._lanes.setdefault(seen.run, Lane())
        past = history(call) if call.messages else None
        place: Place | None = None
        for witness in self.order:
            if place is not None:
                break
            if witness == "body-id":
                place = self._by_id(call)
            elif witness == "history" and past is not None:
                place = self._by_history(call, seen, lane, past)
            elif witness == "tool-call" and past is None:
                place = self._by_tool(seen, lane, request)
        if place is None:
            place = self._left(seen, lane)
        far = place.witness == "tool-call" and place.run not in lane.runs
        run = self._run(place.run, seen, None if far else lane)
        self._remember(call, seen, run, past, alone=place.alone)
        return place

    def forget(self, run: str) -> None:
        """The run is over."""
        gone = self._runs.pop(run, None)
        if gone is None:
            return
        for key in gone.keys:
            nodes = [node for node in self._nodes.get(key, ()) if node.run is not gone]
            if nodes:
                self._nodes[key] = nodes
            else:
                self._nodes.pop(key, None)
        name = self._lane_of.pop(run, "")
        if (lane := self._lanes.get(name)) is not None:
            lane.runs.pop(run, None)
            if not lane.runs:
                del self._lanes[name]

    # Who is heard

    def _by_id(self, call: Call) -> Place | None:
        said = body_ids.naming(call)
        if said is not None:
            return Place(run_id_for(said.witness, said.said), "body-id", said.said)
        before = call.previous_response_id
        run = self._responses.get(before) if before else None
        return Place(run, "body-id", before or "") if run in self._runs and run else None

    def _by_history(self, call: Call, seen: Seen, lane: Lane, past: History) -> Place | None:
        node = self._continued(call, seen, lane, past)
        if node is not None:
            lane.alone = 0
        elif lane.crowded and not call.tools and self._apart(call) is None:
            return Place(seen.run, alone=True)
        else:
            node = self._again(seen, lane, past)
        if node is not None:
            node.continued = True
            node.run.waiting.pop(node.mark, None)
            return Place(node.run.id, "history", node.run.id)
        return self._begun(call, seen, lane)

    def _continued(self, call: Call, seen: Seen, lane: Lane, past: History) -> Node | None:
        """The call that this one's messages begin with; else whose answer is the last in them."""
        ids = frozenset(r.id for m in call.messages for r in m.tool_results if r.id)
        turns = [turn for turn in past.asked if turn.by_model]
        for turn in reversed(turns):
            if (best := self._best(("so far", turn.so_far), seen, lane, ids)) is not None:
                return best
        # Its beginning was summed up or cut off: the last answer is still the one that was given.
        return self._best(("answer", turns[-1].mark), seen, lane, ids) if turns else None

    def _best(
        self, key: tuple[str, bytes], seen: Seen, lane: Lane, ids: frozenset[str]
    ) -> Node | None:
        nodes = [node for node in self._nodes.get(key, ()) if node.ended <= seen.at + 0.001]
        here = [node for node in nodes if node.run.id in lane.runs]
        if not here:  # another lane's, if only one run can be meant
            here = nodes if len({node.run.id for node in nodes}) == 1 else []
        return max(
            here,
            key=lambda node: (
                len(node.ids & ids),
                bool(seen.connection) and node.connection == seen.connection,
                not node.continued,
                -node.ended,
            ),
            default=None,
        )

    def _again(self, seen: Seen, lane: Lane, past: History) -> Node | None:
        """A call that asked for the same and failed: this one tries again."""
        if not past.asked:
            return None
        key = ("asked", past.asked[-1].so_far)
        found = [
            node
            for node in self._nodes.get(key, ())
            if node.run.id in lane.runs and not node.ok and not node.continued
            if node.ended <= seen.at + 0.001
        ]
        same = [node for node in found if node.connection == seen.connection]
        return next(iter(same or found), None)

    def _begun(self, call: Call, seen: Seen, lane: Lane) -> Place | None:
        """A new history: whose is it? None when it may as well be the lane's one agent's."""
        known = [run for run in _latest(lane.runs) if run.openers]
        apart = self._apart(call)
        runs = [run for run in known if None in (apart, run.apart) or run.apart == apart]
        text = asked_first(call)
        akin = [run for run in runs if related(run, text)]
        if akin:
            return Place(max(akin, key=lambda run: run.ended).id, "history", "its words")
        if not call.tools:  # a tool that asks a model itself
            waiting = [run for run in runs if waits(run, seen)]
            if waiting:
                return Place(max(waiting, key=lambda run: run.ended).id, "history", "its tool")
        if (known and not runs) or any(busy(run, seen) for run in runs):
            lane.shared = True
        elif not runs or (seen.process and not lane.shared):
            return None
        elif not lane.shared and seen.connection:
            same = [run for run in runs if run.connection == seen.connection]
            if same:
                return Place(same[-1].id, "history", "its connection")
        lane.alone += not call.tools
        made = self.new()
        return Place(made, "history", made)

    def _by_tool(
        self, seen: Seen, lane: Lane, request: Callable[[], tool_match.Asked]
    ) -> Place | None:
        latest = _latest(lane.runs)
        here = best_use(latest, seen, request)
        if here is not None and here.fit.likely and here.fit.score >= _ENOUGH:
            return _asked_for(here)
        far = best_use(_latest(self._runs), seen, request)
        if far is not None and far.fit.sure:
            return _asked_for(far)
        if not lane.shared:
            return None
        by_connection = [run for run in latest if run.connection == seen.connection]
        waiting = [run for run in latest if waits(run, seen)]
        few = by_connection if seen.connection else []
        few = few or (waiting if len(waiting) == 1 else [])
        return Place(few[0].id, "tool-call", few[0].id) if few else None

    def _named(
        self,
        call: Call,
        seen: Seen,
        known: KnownRun | None,
        request: Callable[[], tool_match.Asked],
    ) -> Place:
        """A call whose run is certain: which turn of it asked for this?"""
        run = known or self._run(seen.run, seen, None)
        place = Place(seen.run)
        if call.messages:
            take_down(run, call, seen)
        elif run.uses and (best := best_use([run], seen, request)) is not None and best.fit.likely:
            place = _asked_for(best)._replace(witness=None, said="")
        if call.response_id:
            self._response(call.response_id, seen.run)
        run.ended = max(run.ended, seen.ended)
        return place

    # Where it is kept

    def _left(self, seen: Seen, lane: Lane) -> Place:
        """Nothing speaks: the run that it came as, else the one that was busy last."""
        if seen.run in lane.runs or not lane.runs:
            return Place(seen.run)
        last = max(_latest(lane.runs), key=lambda run: run.ended)
        return Place(last.id, "history", "its client")

    def _run(self, run_id: str, seen: Seen, lane: Lane | None) -> KnownRun:
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = KnownRun(run_id, seen.at, seen.at)
        self._runs.move_to_end(run_id)
        if lane is not None:
            if run_id not in lane.runs:
                lane.runs[run_id] = run
                self._lane_of.setdefault(run_id, seen.run)
            lane.runs.move_to_end(run_id)
        return run

    def _remember(
        self, call: Call, seen: Seen, run: KnownRun, past: History | None, *, alone: bool = False
    ) -> None:
        if call.response_id:
            self._response(call.response_id, run.id)
        if past is None:
            return
        run.connection = seen.connection or run.connection
        if not run.openers:
            run.began = seen.at
        run.apart = run.apart or self._apart(call)
        begins = not run.openers or not any(turn.by_model for turn in past.asked)
        if begins and not alone and (text := asked_first(call)):
            run.openers = [*run.openers[-_MOST_OPENERS:], text]
        uses = own_uses(call)
        ids = frozenset(use.id for use in uses if use.id) if uses else _NONE
        mark = past.answered[-1].so_far if past.answered else b""
        if uses:
            run.waiting[mark] = seen.ended
        node = Node(run, seen.connection, mark, ids, seen.ok, seen.ended)
        if past.asked:
            self._keep(("asked", past.asked[-1].so_far), node)
        if past.answered and past.answered[-1].by_model:
            self._keep(("so far", mark), node)
            if call.reply and (call.reply.tool_uses or len(call.reply.text) >= PHRASE[0]):
                self._keep(("answer", past.answered[-1].mark), node)
        if not alone:
            take_down(run, call, seen)
        run.ended = max(run.ended, seen.ended)

    def _apart(self, call: Call) -> str | None:
        return body_ids.apart(call) if "body-id" in self.order else None

    def _keep(self, key: tuple[str, bytes], node: Node) -> None:
        alike = self._nodes.setdefault(key, [])
        alike.append(node)
        del alike[:-_MOST_ALIKE]
        self._nodes.move_to_end(key)
        node.run.keys.add(key)
        while len(self._nodes) > _MOST:
            old, nodes = self._nodes.popitem(last=False)
            for one in nodes:
                one.run.keys.discard(old)

    def _response(self, response_id: str, run: str) -> None:
        self._responses[response_id] = run
        if len(self._responses) > _MOST:
            self._responses.popitem(last=False)


def _latest(runs: OrderedDict[str, KnownRun]) -> list[KnownRun]:
    """Those that were heard of last, in the order in which they were."""
    return [*islice(reversed(runs.values()), _LATEST)][::-1]


def _asked_for(match: Match) -> Place:
    match.use.taken += 1
    return Place(match.run.id, "tool-call", match.use.by.tool, match.use.by)
