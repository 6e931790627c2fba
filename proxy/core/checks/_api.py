"""The contract of a check: does a run, played against its recording, do what it should?

`CHECKS` lists them by the name that test files use. A check is a function of the trial and of what
is wanted; it yields one line for each thing that is wrong. What is wanted comes from a file that
somebody wrote: a check raises `ConfigError` for what it cannot understand.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.core.model import End, Event, Outcome


@dataclass(slots=True, frozen=True)
class Trial:
    """What a run came to.

    `calls` are its calls in order. `report` is the replay's (`Report.as_json`), empty for a run
    that was not replayed; `origin` gives the place in the recording of a recorded exchange's id.
    `left_out` are the steps of calls that were dropped from the recording because the run does
    without their answers: asking for one of them, once for each, is nothing new.
    """

    outcome: Outcome | None
    calls: Sequence[Event] = ()
    output: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, int] = field(default_factory=dict)
    left_out: Sequence[str] = ()

    def new(self) -> list[int]:
        """The places in `calls` of those that the recording never had."""
        known = Counter(self.left_out)
        found = []
        for place, event in enumerate(self.calls):
            if event.data.get("end") != End.MISSED:
                continue
            if known[event.name] > 0:
                known[event.name] -= 1
            else:
                found.append(place)
        return found

    @property
    def reason(self) -> str:
        """Why the run ended as it did: the first line of it, empty when there is none."""
        reason = self.outcome.reason if self.outcome else None
        return reason.strip().partition("\n")[0] if reason else ""


type Check = Callable[[Trial, Any], Iterator[str]]
