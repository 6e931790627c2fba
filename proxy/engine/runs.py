"""The runs that are going on: who belongs to which, what number a call has, when a run is over."""

from dataclasses import dataclass, field

from proxy.core.correlation import Identity, Peer, identify, run_id_for
from proxy.core.model import Own, RequestHead, Run
from proxy.engine import processes
from proxy.engine.clock import new_id, steady, wall


@dataclass(slots=True)
class LiveRun:
    """A run that this process has seen calls of. `held` runs end only when told.

    `opened` and the activities are seconds of a clock that only goes forward.
    """

    run: Run
    seq: int = 0
    in_flight: int = 0
    last_activity: float = 0.0
    opened: float = field(default_factory=steady)
    held: bool = False
    group: str | None = None  # of calls that name none
    own_activity: float | None = None  # of a client's run, once calls of others were moved from it


@dataclass(slots=True)
class Joined:
    """What `RunBook.join` says: the run, the call's number, and whether the store must hear."""

    live: LiveRun
    seq: int
    news: Run | None = None


@dataclass(slots=True)
class RunBook:
    """Assigns requests to runs. `order` is the list of witnesses; `label` the default label.

    With `shared`, other processes have calls of the same runs: the store gives the numbers, and
    ids are such that every process derives them alike.
    """

    order: tuple[str, ...]
    label: str = "agent"
    shared: bool = False
    live: dict[str, LiveRun] = field(default_factory=dict)
    guessed: dict[str, Run] = field(default_factory=dict)  # only their client speaks for them
    _by_process: dict[str, str] = field(default_factory=dict)

    def open(self, run: Run, *, held: bool = True) -> LiveRun:
        """A run that was announced."""
        live = self.live.get(run.id)
        if live is None:
            live = self.live[run.id] = LiveRun(run)
        live.held = live.held or held
        live.last_activity = steady()
        return live

    def join(self, head: RequestHead, own: Own, peer: Peer) -> Joined:
        """The run that this request belongs to, and the next number in it."""
        identity = identify(head, own, peer, self.order)
        if identity.run_id is None:  # the last witness costs a look at /proc, once a connection
            identity = identity._replace(correlation_id=processes.name(peer))
        run_id = identity.run_id or self._of_process(identity)
        live = self.live.get(run_id)
        news = None
        if live is None:
            live = self.live[run_id] = LiveRun(self._new_run(run_id, identity, own, peer))
            news = live.run
            if identity.run_id is None:
                self.guessed[run_id] = news
        elif own.label or own.meta or own.parent:
            news = _merged(live.run, own)
        live.seq += 1
        live.in_flight += 1
        live.last_activity = steady()
        return Joined(live, 0 if self.shared else live.seq, news)

    def leave(self, run_id: str) -> None:
        """A call of the run has ended."""
        live = self.live.get(run_id)
        if live is not None:
            live.in_flight -= 1
            live.last_activity = steady()

    def moved(self, source: str, target: Run | None) -> None:
        """A call that came in `source` was put into `target`; None: it stayed there."""
        came = self.live.get(source)
        if came is not None and came.own_activity is None:
            came.own_activity = came.opened
        if target is None:
            if came is not None:
                came.own_activity = steady()
            return
        live = self.live.setdefault(target.id, LiveRun(target))
        live.last_activity = live.own_activity = steady()

    def close(self, run_id: str) -> None:
        """Forgets a run."""
        self.live.pop(run_id, None)
        self._by_process = {key: run for key, run in self._by_process.items() if run != run_id}

    def idle(self, seconds: float) -> list[str]:
        """Runs that nothing holds open and that were quiet for so long."""
        before = steady() - seconds  # the clock may be put forward or back meanwhile
        return [
            run_id
            for run_id, live in self.live.items()
            if not live.held
            and not live.in_flight
            and (live.own_activity or live.last_activity) <= before
        ]

    def _of_process(self, identity: Identity) -> str:
        if self.shared:
            return run_id_for(identity.witness, identity.correlation_id)
        run_id = self._by_process.get(identity.correlation_id)
        if run_id is None:
            run_id = self._by_process[identity.correlation_id] = new_id("run")
        return run_id

    def _new_run(self, run_id: str, identity: Identity, own: Own, peer: Peer) -> Run:
        metadata = dict(own.meta)
        parent = own.parent or (peer.run if peer.run != run_id else None)
        if parent:
            metadata["parent"] = parent
        metadata["witness"] = identity.witness
        return Run(
            id=run_id,
            label=own.label or self._parent_label(parent) or self.label,
            correlation_id=identity.correlation_id,
            started_at=wall(),
            metadata=metadata,
        )

    def _parent_label(self, parent: str | None) -> str | None:
        live = self.live.get(parent) if parent else None
        return live.run.label if live else None


def _merged(run: Run, own: Own) -> Run | None:
    """The run with what the request adds to it, or None when it adds nothing."""
    added = {key: value for key, value in own.meta.items() if run.metadata.get(key) != value}
    if own.parent and "parent" not in run.metadata:
        added["parent"] = own.parent
    label = own.label or run.label
    if not added and label == run.label:
        return None
    run.label = label
    run.metadata.update(added)
    return run
