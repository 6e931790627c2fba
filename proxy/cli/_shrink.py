"""Makes a recording smaller, and proves by replays that nothing that matters has changed."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from proxy.cli._files import write_whole
from proxy.cli._new_test import wanted_of
from proxy.cli._trial import PASSED, Asked, Tested, tested, trial_of
from proxy.config import Settings
from proxy.core.checks import Failure, check
from proxy.core.matching.trees import Normaliser
from proxy.core.model import End, Snapshot
from proxy.core.outcomes import current_outcome
from proxy.core.recording import SUFFIX, dump
from proxy.core.replay.shrink import Dropped, needed, search, without
from proxy.errors import DashcamError

MOST = 60  # replays: the search stops there with what it has found


class CannotShrink(DashcamError):  # noqa: N818 - the name says it
    """A replay of the whole recording is not what was recorded, so nothing could be proven."""

    exit_code = 125


@dataclass(slots=True, frozen=True)
class Shrunk:
    """What is left. `whole` says that the search came to its end within MOST replays."""

    snapshot: Snapshot
    dropped: Sequence[Dropped]
    replays: int
    whole: bool
    before: int

    def lines(self) -> list[str]:
        """What was dropped and what was proven, for reading."""
        said = [
            f"dropped call {one.seq}, {one.step}: "
            + ("it is made, and nothing follows from it" if one.asked else "it is never made")
            for one in self.dropped
        ]
        kept = len(self.snapshot.exchanges)
        said.append(
            f"kept {kept} of {self.before} calls; a replay of them has the same outcome, output and"
            f" checks as one of all ({self.replays} replays)"
        )
        if not self.whole:
            said.append(f"the search ended after {MOST} replays; perhaps more could be dropped")
        return said

    def as_json(self) -> dict[str, Any]:
        """The same as one object."""
        return {
            "calls": self.before,
            "kept": len(self.snapshot.exchanges),
            "dropped": [one._asdict() for one in self.dropped],
            "replays": self.replays,
            "complete": self.whole,
        }


@dataclass(slots=True, frozen=True)
class _Seen:
    """What of a replay must stay as it is. Dates and ids that a clock made do not count."""

    outcome: tuple[str | None, ...]
    exit_code: int | None
    output: str
    served: Counter[int]
    missed: Counter[str]


@dataclass(slots=True)
class _Stage:
    """Where replays happen: each recording is a file in `folder`, and nothing is contacted."""

    settings: Settings
    asked: Asked
    folder: Path
    replays: int = 0

    async def play(self, snapshot: Snapshot) -> Tested:
        file = self.folder / f"recording{SUFFIX}"
        write_whole(file, dump(snapshot), force=True)
        self.replays += 1
        return await tested(self.settings, file, self.asked)


async def shrunk(
    settings: Settings, snapshot: Snapshot, asked: Asked, wanted: Mapping[str, Any] | None
) -> Shrunk:
    """The smallest recording found against which the command does the same.

    The same means: outcome with its reason, exit code, output, every recorded call that stays is
    served as often, nothing but dropped calls is missed, and the checks say the same. The whole
    recording is played twice before, to know that the command does the same twice.

    Args:
        settings: the user's; no host that they allow is contacted.
        snapshot: the whole recording.
        asked: the command, and how long it may take.
        wanted: checks; None: those that the shrunk recording brings with it.

    Raises:
        CannotShrink: the command does not do twice what was recorded.
    """
    offline = replace(settings, replay_allow=())
    with tempfile.TemporaryDirectory(prefix="dashcam-shrink-") as folder:
        stage = _Stage(offline, replace(asked, checks={}, mode="none"), Path(folder))
        whole = [await stage.play(snapshot) for _ in range(2)]
        seen = _reliable(snapshot, whole)
        steps = {call["seq"]: call["step"] for one in whole for call in one.report["unused"]}
        idle = frozenset(steps) - frozenset(seen.served)
        stay = needed(snapshot, dict(wanted or {}))
        if wanted is None:
            stay |= needed(snapshot, wanted_of(_made(snapshot, idle - stay, whole[0])))
        free = [one.seq for one in snapshot.exchanges if one.seq not in stay]

        async def holds(numbers: frozenset[int]) -> bool:
            made = _made(snapshot, numbers, whole[0])
            played = await stage.play(made)
            found = _seen(played)
            lacking = Counter(
                event.name
                for event in whole[0].calls
                if _origin(snapshot, event.data.get("servedFrom")) in numbers
            )
            kept = Counter({seq: n for seq, n in seen.served.items() if seq not in numbers})
            expected = replace(seen, served=kept, missed=seen.missed + lacking)
            if played.verdict != PASSED or found != expected:
                return False
            checks = wanted_of(made) if wanted is None else wanted
            # What the recording itself brings asks for no dropped call; what a user asks may.
            without = numbers if wanted is None else frozenset[int]()
            return _failures(checks, made, played) == _failures(
                checks, snapshot, whole[0], without=without
            )

        gone = frozenset(idle - stay)
        if gone and not await holds(gone):
            gone = frozenset()
        looking = search([number for number in free if number not in gone])
        finished = False
        best = gone
        try:
            some = next(looking)
            while stage.replays < MOST:
                fine = await holds(gone | some)
                best = gone | some if fine else best
                some = looking.send(fine)
        except StopIteration:
            finished = True
        made = _made(snapshot, best, whole[0])
        return Shrunk(
            made if best else snapshot,
            _dropped(snapshot, best, whole[0]),
            stage.replays,
            finished,
            len(snapshot.exchanges),
        )


def _reliable(snapshot: Snapshot, whole: Sequence[Tested]) -> _Seen:
    """What both replays showed; they must be alike, and end as was recorded."""
    for played in whole:
        if played.verdict != PASSED:  # without checks, nothing else can be wrong
            said = "; ".join(failure.message for failure in played.failures)
            raise CannotShrink(f"the recording cannot be shrunk: {said}")
    one, other = map(_seen, whole)
    recorded = current_outcome(snapshot.outcomes)
    if recorded is not None and one.outcome[:2] != (recorded.status, recorded.failure_mode):
        was = recorded.failure_mode or recorded.status
        now = one.outcome[1] or one.outcome[0] or "without an outcome"
        raise CannotShrink(
            f"the recording cannot be shrunk: played whole it ends as {now}, recorded was {was}",
            hint="without --shrink it is kept whole",
        )
    if one != other:
        what = next(
            name
            for name in ("outcome", "exit_code", "output", "served", "missed")
            if getattr(one, name) != getattr(other, name)
        ).replace("_", " ")
        raise CannotShrink(
            f"the recording cannot be shrunk: played twice the command differs in its {what}",
            hint="without --shrink it is kept whole",
        )
    return one


def _seen(played: Tested) -> _Seen:
    outcome = played.outcome
    told = () if outcome is None else (outcome.status, outcome.failure_mode, _plain(outcome.reason))
    return _Seen(
        told,
        played.exit_code,
        _plain(played.output),
        Counter(call["seq"] for call in played.report.get("served", ())),
        Counter(event.name for event in played.calls if event.data.get("end") == End.MISSED),
    )


def _plain(text: str | None) -> str:
    return Normaliser().text(text or "")


def _origin(snapshot: Snapshot, exchange_id: object) -> int | None:
    found = (one.seq for one in snapshot.exchanges if one.id == exchange_id)
    return next(found, None)


def _dropped(snapshot: Snapshot, numbers: frozenset[int], whole: Tested) -> list[Dropped]:
    """The calls by number; a call that was served in the whole replay is one that is made."""
    made = {_origin(snapshot, event.data.get("servedFrom")): event.name for event in whole.calls}
    steps = {event.data.get("seq"): event.name for event in snapshot.events}
    return [
        Dropped(number, made.get(number) or steps.get(number) or "?", number in made)
        for number in sorted(numbers)
    ]


def _made(snapshot: Snapshot, numbers: frozenset[int], whole: Tested) -> Snapshot:
    return without(snapshot, _dropped(snapshot, numbers, whole))


def _failures(
    wanted: Mapping[str, Any],
    snapshot: Snapshot,
    played: Tested,
    *,
    without: frozenset[int] = frozenset(),
) -> list[Failure]:
    """What checks find wrong; calls that are to be left out do not count as unused."""
    trial = trial_of(played, snapshot)
    unused = [call for call in played.report["unused"] if call["seq"] not in without]
    return check(wanted, replace(trial, report={**played.report, "unused": unused}))
