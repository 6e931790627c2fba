"""One replay session: it has its own cursor over fixtures that others may share."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from proxy.core import telemetry
from proxy.core.diff import Change, changes
from proxy.core.matching import Key, MatchRequest, normalised, temp
from proxy.core.model import Exchange, Own, RequestHead
from proxy.core.replay.fixtures import Fixture, Fixtures
from proxy.core.replay.identities import Identities
from proxy.core.replay.live import NOTHING, Live
from proxy.core.replay.near import NearMiss, nearest
from proxy.core.replay.report import Report

type How = Literal["exact", "normalised", "sequence", "again", "telemetry", "unreached"]

MATCHES: Final = ("normalised", "exact", "sequence")

UNLIKE: Final = "no recorded call matches"

_CHOICE: Final = 50  # calls that are passed over in search of one whose ids fit better
_LOOPBACK: Final = ("localhost", "::1", "[::1]")


@dataclass(slots=True, frozen=True)
class Hit:
    """A recorded answer; `divergences` is what differs in `sequence`, empty otherwise."""

    exchange: Exchange
    fixture: Fixture
    how: How
    divergences: tuple[Change, ...] = ()


@dataclass(slots=True, frozen=True)
class Miss:
    """No recorded call matches. `near` are the closest ones, nearest first, at most three.

    `request` is the request as it was compared.
    """

    step: str
    head: RequestHead
    near: tuple[NearMiss, ...]
    reason: str
    request: MatchRequest | None = None


@dataclass(slots=True, frozen=True)
class GoLive:
    """The world is to answer, because the user has named this call; it is not in the recording."""

    step: str


class Playback:
    """Answers requests from fixtures, each fixture once unless `reuse`.

    Threads may ask at the same time: a fixture is claimed in one step.

    Args:
        fixtures: shared, never changed.
        match: normalised | exact | sequence (the next call of the step, whatever it asks).
        reuse: serve the last matching call again when all have been served.
        live: calls that the world answers, from the recorded call `at` on. Until every call before
            that one is served, or a later one is asked for, they are served or missed too.
        at: the `seq` of a recorded call; 1 is from the beginning.
        missing: calls that the world answers where the recording cannot.
    """

    def __init__(
        self,
        fixtures: Fixtures,
        match: str = "normalised",
        *,
        reuse: bool = False,
        live: Live = NOTHING,
        at: int = 1,
        missing: Live = NOTHING,
    ) -> None:
        if match not in MATCHES:
            raise ValueError(f"match is one of {', '.join(MATCHES)}, not {match!r}")
        self.fixtures = fixtures
        self.match = match
        self.reuse = reuse
        self.live = live
        self.at = at
        self.missing = missing
        self._left = at <= 1  # whether the recorded beginning is over
        self._last = 0
        self._served: dict[int, object] = {}  # by position; the value is whose claim it is
        self._queues: dict[int, _Queue] = {}  # by the identity of a list of the fixtures' index
        self._ports: dict[int, int] = {}  # live port of a local service -> the recorded one
        self._identities = Identities(fixtures)
        self._report = Report()

    @property
    def spent(self) -> bool:
        """Whether every fixture that may be served has been."""
        return next(self._unused(), None) is None

    def decide(
        self, head: RequestHead, body: bytes, *, step: str | None = None, own: Own | None = None
    ) -> Hit | Miss | GoLive:
        """The recorded answer to a request, why there is none, or that it is for the world.

        Args:
            head: the live request.
            body: its body as it was on the wire.
            step: the step the request belongs to, if something else than the request says so.
            own: the client's `Dashcam-*` headers; their step comes first.
        """
        named = (own.step if own else None) or step
        request = self.fixtures.request(self._at_recorded_port(head, body, named), body, named)
        live = bool(self.live) and self.live.takes(head, request.body, request.step)
        answer: Hit | Miss | GoLive = GoLive(request.step)
        if not live or self.at > 1:
            answer = self._find(request, self.at if live else None)
        if live and isinstance(answer, Miss) and self._is_beyond(request):
            self._left = True
            answer = GoLive(request.step)
        if isinstance(answer, Miss) and self.missing.takes(head, request.body, request.step):
            answer = GoLive(request.step)
        if isinstance(answer, GoLive):
            self._report.passed_one(answer.step, head)
            return answer
        if isinstance(answer, Miss):
            self._report.missed_one(answer.step, head, answer.near)
            return answer
        self._last = answer.fixture.position
        self._report.served_one(answer.fixture, answer.divergences)
        return answer

    def differed(self, fixture: Fixture, found: Sequence[Change]) -> None:
        """Notes that a client said something else than then, in the course of a recorded answer."""
        self._report.diverged_one(fixture, found)

    def refuse(self, host: str, url: str) -> None:
        """Notes a request to a host that is not allowed in replay, and has no recorded call."""
        self._report.refused_one(host, url)

    def report(self) -> Report:
        """What happened so far; what has not been served counts as unused."""
        return self._report.with_unused(self.fixtures.all[at] for at in self._unused())

    def _unused(self) -> Iterator[int]:
        tried = {self.fixtures.all[at].server for at in self._served} if self._tunnels else set()
        for fixture in self.fixtures.all:
            if fixture.position in self._served or fixture.optional:
                continue
            if fixture.position in self._tunnels and fixture.server in tried:
                continue  # that it was tried counts, not how often
            if not self._for_the_world(fixture):
                yield fixture.position

    @property
    def _tunnels(self) -> frozenset[int]:
        return frozenset(at for found in self.fixtures.tunnels.values() for at in found)

    def _for_the_world(self, fixture: Fixture) -> bool:
        """Whether a recorded call is one that goes live: nobody will ask for its answer."""
        if not self.live or fixture.seq < self.at:
            return False
        request = fixture.request()
        return self.live.takes(fixture.head, request.body, fixture.step)

    def _is_beyond(self, request: MatchRequest) -> bool:
        """Whether the recorded beginning is over, or a call after it is asked for."""
        if self._left:
            return True
        if self.match == "sequence":
            positions = self.fixtures.of_step(request.step)
        elif self.match == "exact":
            positions = self.fixtures.exactly(request)
        else:
            positions = self.fixtures.normally(request, normalised.key(request))
        seqs = (self.fixtures.all[position].seq for position in positions)
        return any(seq >= self.at for seq in seqs) or all(
            fixture.position in self._served or fixture.optional
            for fixture in self.fixtures.all
            if fixture.seq < self.at
        )

    def _find(self, request: MatchRequest, before: int | None) -> Hit | Miss:
        """What answers a request: of the calls before `before`, if that is given."""
        if telemetry.reports(request.head, request.body) and (
            hit := self._received(request, before)
        ):
            return hit
        if self.match == "sequence":
            found = self._in_sequence(request, before)
        else:
            found = self._exactly(request, before) or (
                "no recorded call is the same byte for byte"
                if self.match == "exact"
                else self._normally(request, before)
            )
        if isinstance(found, Hit):
            return found
        return self._unreached(request, before) or self._miss(request, found)

    def _unreached(self, request: MatchRequest, before: int | None) -> Hit | None:
        """Nobody was reached, so that it is not known what was asked: it ends as it did."""
        silent = normalised.key(replace(request, body=b"")).id
        for position in self._pending(self.fixtures.at_place(request), before):
            fixture = self.fixtures.all[position]
            if fixture.unread and fixture.key().id == silent and self._claim(position):
                return self._hit(position, "unreached")
        positions = self.fixtures.tunnels.get((request.head.host, request.head.port), ())
        for position in positions:
            if before is None or self.fixtures.all[position].seq < before:
                self._claim(position)
                return self._hit(position, "unreached")  # a second time, too: it was not there
        return None

    def _received(self, request: MatchRequest, before: int | None) -> Hit | None:
        """Telemetry: what is in a batch, and how many there are, depends on timing alone."""
        if hit := self._exactly(request, before):
            return hit
        positions = [at for at in self.fixtures.at_place(request) if self.fixtures.all[at].reports]
        for position in positions:
            seq = self.fixtures.all[position].seq
            if (before is None or seq < before) and self._claim(position):
                return self._hit(position, "telemetry")
        return self._hit(positions[-1], "telemetry") if positions and before is None else None

    def _exactly(self, request: MatchRequest, before: int | None) -> Hit | None:
        positions = self.fixtures.exactly(request)
        for position in self._pending(positions, before):
            if self._claim(position):
                self._identities.served_exactly(position)
                return self._hit(position, "exact")
        return self._again(positions)

    def _normally(self, request: MatchRequest, before: int | None) -> Hit | str:
        key = normalised.key(request)
        positions = self.fixtures.normally(request, key)
        conflict: str | None = None
        spare: list[int] = []
        for position in self._pending(positions, before):
            conflict = self._conflict(position, key)
            if conflict is not None:
                continue
            recorded = self.fixtures.all[position].key().left_out
            if not self._identities.fits(recorded, key.left_out) and len(spare) < _CHOICE:
                spare.append(position)
            elif self._claim(position):
                return self._served_for(position, key)
        for position in filter(self._claim, spare):
            return self._served_for(position, key)
        if conflict is not None:
            return conflict
        if hit := self._again(positions, key):
            return hit
        return "every recorded call like this one has been served" if positions else UNLIKE

    def _conflict(self, position: int, key: Key) -> str | None:
        """Why a call with an equal key is another one after all."""
        recorded = self.fixtures.all[position].key().left_out
        found = self.fixtures.origins.conflict(recorded, key.left_out)
        found = found or temp.conflict(recorded, key.left_out)
        return found or self._identities.conflict(recorded, key.left_out)

    def _served_for(self, position: int, key: Key) -> Hit:
        self._identities.bind(self.fixtures.all[position].key().left_out, key.left_out)
        return self._hit(position, "normalised")

    def _in_sequence(self, request: MatchRequest, before: int | None) -> Hit | str:
        positions = self.fixtures.of_step(request.step)
        for position in filter(self._claim, self._pending(positions, before)):
            fixture = self.fixtures.all[position]
            recorded = normalised.view(replace(fixture.request(), step=request.step)).tree
            found = changes(recorded, normalised.view(request).tree)
            return self._hit(position, "sequence", tuple(found))
        if hit := self._again(positions):
            return hit
        if positions:
            return f"all {len(positions)} recorded calls of this step are served"
        return "nothing is recorded for this step"

    def _claim(self, position: int) -> bool:
        mark = object()
        return self._served.setdefault(position, mark) is mark

    def _hit(self, position: int, how: How, divergences: tuple[Change, ...] = ()) -> Hit:
        fixture = self.fixtures.all[position]
        return Hit(fixture.load(), fixture, how, divergences)

    def _again(self, positions: Sequence[int], key: Key | None = None) -> Hit | None:
        """The last of them once more, if that is wanted and they have all been served."""
        for position in reversed(positions) if self.reuse else ():
            if position in self._served and not (key and self._conflict(position, key)):
                return self._hit(position, "again")
        return None

    def _miss(self, request: MatchRequest, reason: str) -> Miss:
        near = nearest(self.fixtures, request, self._served, self._last)
        return Miss(request.step, request.head, near, reason, request)

    def _pending(self, positions: Sequence[int], before: int | None) -> Iterator[int]:
        """Those not served yet, in order; what has been served is not looked at every time."""
        queue = self._queues.get(id(positions))
        if queue is None:
            queue = self._queues[id(positions)] = _Queue(positions)
        left = queue.left(self._served)
        return (at for at in left if before is None or self.fixtures.all[at].seq < before)

    def _at_recorded_port(self, head: RequestHead, body: bytes, step: str | None) -> RequestHead:
        """A local service may listen on another port now, if only one recorded one can be meant."""
        if not _is_loopback(head.host):
            return head
        if (known := self._ports.get(head.port)) is not None:
            return replace(head, port=known)
        ports = self.fixtures.ports(head.host)
        if head.port in ports:
            return head
        free = ports.difference(self._ports.values())
        moved = [replace(head, port=port) for port in sorted(free)]
        fitting = [one for one in moved if self._knows(self.fixtures.request(one, body, step))]
        if len(fitting) != 1:
            return head
        self._ports[head.port] = fitting[0].port
        return fitting[0]

    def _knows(self, request: MatchRequest) -> bool:
        if self.match == "sequence":
            return bool(self.fixtures.of_step(request.step))
        if self.fixtures.exactly(request):
            return True
        if self.match == "exact":
            return False
        key = normalised.key(request)
        return bool(self.fixtures.normally(request, key))


class _Queue:
    """Positions in order, of which those served at the front are never looked at again."""

    __slots__ = ("_first", "_positions")

    def __init__(self, positions: Sequence[int]) -> None:
        self._positions = positions
        self._first = 0

    def left(self, served: Container[int]) -> Iterator[int]:
        positions, first = self._positions, self._first
        while first < len(positions) and positions[first] in served:
            first += 1
        self._first = first
        for index in range(first, len(positions)):
            if positions[index] not in served:
                yield positions[index]


def _is_loopback(host: str) -> bool:
    return host in _LOOPBACK or host.startswith("127.")
