"""What a replay answers from: the recorded exchanges of one or more runs, indexed.

A fixture is keyed by run, step and call index, and by what the matchers make of its request. The
index is built as far as it is needed: bodies are normalised the first time that a request of the
same place and shape is no byte-for-byte match. It can be shared by any number of playbacks.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from proxy.core import canonical, plain, telemetry
from proxy.core.kept import Kept
from proxy.core.matching import IgnoreRule, Key, MatchRequest, exact, ignore, normalised
from proxy.core.model import Body, End, Exchange, RequestHead
from proxy.core.replay.origins import Origins

if TYPE_CHECKING:
    from proxy.core.replay.asks import Ask

type Steps = Callable[[RequestHead, bytes], str]
type Redact = Callable[[RequestHead, bytes], tuple[RequestHead, bytes]]
type Place = tuple[str, str, str]
type Shape = tuple[int, int] | None

_NO_FIXTURE: Final = frozenset((End.MISSED, End.CLIENT_INVALID))
_NONE: Final[Sequence[int]] = ()
# Nobody was reached: what was asked does not matter to how it ended.
_UNREACHED: Final = frozenset((End.UPSTREAM_REFUSED, End.UPSTREAM_TLS, End.UPSTREAM_TIMEOUT))
_AT_HAND: Final = 16 * 1024 * 1024  # bytes of bodies that are kept although they could be loaded


class Fixture:
    """One recorded exchange; `position` is its place among all fixtures, from 0."""

    def __init__(
        self,
        position: int,
        exchange: Exchange,
        steps: Steps,
        rules: tuple[IgnoreRule, ...],
        load: Callable[[str], Exchange] | None,
    ) -> None:
        self.position = position
        self.rules = rules
        self.size = len(exchange.request_body.data)
        self._exchange = exchange
        self._steps = steps
        self._load = load
        self._step = exchange.own.step
        self._key: Key | None = None

    @cached_property
    def shape(self) -> Shape:
        """What can be told of its request without parsing it; see `normalised.shape`."""
        return normalised.shape(self.request())

    @cached_property
    def reports(self) -> bool:
        """Whether it did nothing but report to a telemetry service."""
        body = plain.request(self.head, self.load().request_body.data) if self.size else b""
        return telemetry.reports(self.head, body)

    @property
    def optional(self) -> bool:
        """Whether nobody has to ask for it again: telemetry, and a client that asked nothing."""
        return self._exchange.end is End.CLIENT_TLS or self.reports

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        return self.head.host, self.head.port

    @property
    def unreached(self) -> bool:
        """Whether there was no connection to the server."""
        return self._exchange.response is None and self._exchange.end in _UNREACHED

    @property
    def unread(self) -> bool:
        """Whether it ended before the client had said what it wanted."""
        return self.unreached and not self.size and self._exchange.request_end_us is None

    @property
    def at_hand(self) -> bool:
        """Whether its bodies are in memory."""
        return self._load is None

    @property
    def head(self) -> RequestHead:
        """The recorded request's line and headers."""
        return self._exchange.request

    @property
    def run_id(self) -> str:
        """The run it was recorded in."""
        return self._exchange.run_id

    @property
    def seq(self) -> int:
        """Its place in its run, from 1."""
        return self._exchange.seq

    @property
    def step(self) -> str:
        """Its step: the one the client named, else derived from the request."""
        if self._step is None:
            self._step = self._steps(
                self.head, plain.request(self.head, self.load().request_body.data)
            )
        return self._step

    def load(self) -> Exchange:
        """The whole exchange, with its bodies."""
        return self._exchange if self._load is None else self._load(self._exchange.id)

    def request(self) -> MatchRequest:
        """The recorded request as the matchers take it."""
        body = plain.request(self.head, self.load().request_body.data)
        return MatchRequest(self.step if self.rules else "", self.head, body, self.rules)

    def key(self) -> Key:
        """The normalised key, made once."""
        if self._key is None:
            self._key = normalised.key(self.request())
        return self._key


class Fixtures:
    """The index; see the module. `loads` says that bodies are loaded when they are needed."""

    def __init__(
        self,
        fixtures: Sequence[Fixture],
        *,
        by_exact: dict[Hashable, list[int]],
        by_place: dict[Place, list[int]],
        steps: Steps,
        rules: tuple[IgnoreRule, ...],
        redact: Redact | None,
        loads: bool,
    ) -> None:
        self.all = fixtures
        self.rules = rules
        self._by_exact = by_exact
        self._by_place = by_place
        self._by_key: dict[Hashable, list[int]] = {}
        self._by_shape: dict[Place, dict[Shape, list[int]]] = {}
        self._keyed: set[tuple[Place, Shape]] = set()
        self._by_step: dict[str, list[int]] | None = None
        self._steps = steps
        self._redact = redact
        self.loads = loads
        self.asks: Mapping[str, Sequence[Ask]] = {}  # of a server, by the exchange it asked in
        self.at_hand = all(fixture.at_hand for fixture in fixtures)  # nothing is to be loaded
        self.origins = Origins(self)
        self._asked = Kept[tuple[str | None, RequestHead, bytes], MatchRequest]()
        self._found = Kept[MatchRequest, Sequence[int]]()

    @classmethod
    def of(
        cls,
        exchanges: Iterable[Exchange],
        *,
        steps: Steps,
        ignore_rules: Iterable[IgnoreRule] = (),
        redact: Redact | None = None,
        load: Callable[[str], Exchange] | None = None,
    ) -> "Fixtures":
        """Index recorded exchanges, in the order in which they are to be served.

        Args:
            exchanges: by `seq`; those that no replay can answer with are left out.
            steps: the step of a request, given its head and decoded body.
            ignore_rules: what does not count, on both sides.
            redact: what recording did to requests; done to live ones before they are compared.
            load: gives an exchange by its id. If given, only the first megabytes are kept here.

        Raises:
            ConfigError: an ignore rule cannot be used.
        """
        rules = ignore.check(ignore_rules)
        fixtures: list[Fixture] = []
        by_exact: dict[Hashable, list[int]] = defaultdict(list)
        by_place: dict[Place, list[int]] = defaultdict(list)
        room = _AT_HAND
        for exchange in exchanges:
            if exchange.end in _NO_FIXTURE:
                continue
            position = len(fixtures)
            whole = Fixture(position, exchange, steps, rules, None)
            request = whole.request()
            by_exact[_exact(request, digested=load is not None)].append(position)
            by_place[normalised.place(request)].append(position)
            room -= len(exchange.request_body.data) + len(exchange.response_body.data)
            room -= sum(len(frame.data) for frame in exchange.frames)
            if load is not None and room < 0:
                bare = replace(exchange, request_body=Body(), response_body=Body(), frames=())
                size, shape = whole.size, whole.shape
                whole = Fixture(position, bare, steps, rules, load)
                whole.size, whole.shape = size, shape
            fixtures.append(whole)
        return cls(
            tuple(fixtures),
            by_exact=dict(by_exact),
            by_place=dict(by_place),
            steps=steps,
            rules=rules,
            redact=redact,
            loads=load is not None,
        )

    def __len__(self) -> int:
        return len(self.all)

    def request(self, head: RequestHead, body: bytes, step: str | None) -> MatchRequest:
        """A live request as the matchers take it: redacted like the recording, decoded."""
        data = plain.request(head, body)
        if self._redact is not None:
            head, data = self._redact(head, data)
        asked = self._asked.get((step, head, data))
        if asked is None:
            asked = MatchRequest(step or self._steps(head, data), head, data, self.rules)
            self._asked.put((step, head, data), asked, len(data))
        return asked

    def exactly(self, request: MatchRequest) -> Sequence[int]:
        """Positions of the fixtures whose request is this one byte for byte, in order."""
        found = self._found.get(request)
        if found is None:
            found = self._by_exact.get(_exact(request, digested=self.loads), _NONE)
            self._found.put(request, found, len(request.body))
        return found

    def normally(self, request: MatchRequest, key: Key) -> Sequence[int]:
        """Positions of the fixtures with a request's normalised key, in order.

        Only those of the same place and shape are normalised, once.
        """
        place, shape = normalised.place(request), normalised.shape(request)
        if (place, shape) not in self._keyed:
            found: dict[Hashable, list[int]] = defaultdict(list)
            for position in self._shapes(place).get(shape, _NONE):
                found[self.all[position].key().id].append(position)
            self._by_key.update(found)  # whole lists, so that another thread sees all or nothing
            self._keyed.add((place, shape))
        return self._by_key.get(key.id, _NONE)

    def _shapes(self, place: Place) -> dict[Shape, list[int]]:
        if place not in self._by_shape:
            found: dict[Shape, list[int]] = defaultdict(list)
            for position in self._by_place.get(place, _NONE):
                found[self.all[position].shape].append(position)
            self._by_shape[place] = found
        return self._by_shape[place]

    def at_place(self, request: MatchRequest) -> Sequence[int]:
        """Positions of the fixtures at the place of a request, in order."""
        return self._by_place.get(normalised.place(request), _NONE)

    @cached_property
    def tunnels(self) -> dict[tuple[str, int], list[int]]:
        """Positions of the tunnels to servers that were never reached, by host and port.

        What a client would have asked through such a tunnel is not known.
        """
        dead = {one.server for one in self.all if one.head.method == "CONNECT" and one.unreached}
        dead -= {one.server for one in self.all if not one.unreached} if dead else set()
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for one in self.all if dead else ():
            if one.head.method == "CONNECT" and one.server in dead:
                found[one.server].append(one.position)
        return dict(found)

    def ports(self, host: str) -> frozenset[int]:
        """The ports that the recording knows of a host."""
        return self._ports.get(host, frozenset())

    @cached_property
    def _ports(self) -> dict[str, frozenset[int]]:
        found: dict[str, set[int]] = defaultdict(set)
        for one in self.all:
            found[one.head.host].add(one.head.port)
        return {host: frozenset(ports) for host, ports in found.items()}

    def of_step(self, step: str) -> Sequence[int]:
        """Positions of the fixtures of a step, in order."""
        return self.by_step.get(step, _NONE)

    @property
    def by_step(self) -> dict[str, list[int]]:
        """Positions by step; the call index of a fixture is its place in its list."""
        if self._by_step is None:
            found: dict[str, list[int]] = defaultdict(list)
            for fixture in self.all:
                found[fixture.step].append(fixture.position)
            self._by_step = dict(found)
        return self._by_step


def _exact(request: MatchRequest, *, digested: bool) -> Hashable:
    """The exact key; with a digest instead of the body where bodies are not kept in memory."""
    if digested:
        request = replace(request, body=canonical.digest(request.body).encode())
    return exact.key(request).id
