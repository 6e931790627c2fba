"""What a replay came to: counts, details, and the exit code."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from proxy.core.diff import Change
from proxy.core.model import RequestHead
from proxy.core.replay.fixtures import Fixture
from proxy.core.replay.near import NearMiss

CLEAN: Final = 0
DIVERGED: Final = 2
NO_VERDICT: Final = 125


@dataclass(slots=True)
class Report:
    """One JSON-ready object for each thing that happened, in order.

    They are requests, but for `unused`, which are recorded calls that nobody asked for.
    """

    served: list[dict[str, Any]] = field(default_factory=list)
    missed: list[dict[str, Any]] = field(default_factory=list)
    unused: list[dict[str, Any]] = field(default_factory=list)
    diverged: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    passed_through: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 clean, 2 diverged, 125 when nothing was asked."""
        if not (self.served or self.missed or self.refused or self.passed_through):
            return NO_VERDICT
        wrong = self.missed or self.unused or self.diverged or self.refused
        return DIVERGED if wrong else CLEAN

    @property
    def counts(self) -> dict[str, int]:
        """The six counts by name."""
        return {
            "served": len(self.served),
            "missed": len(self.missed),
            "unused": len(self.unused),
            "diverged": len(self.diverged),
            "refused": len(self.refused),
            "passedThrough": len(self.passed_through),
        }

    @property
    def hosts_refused(self) -> dict[str, int]:
        """Hosts that were asked for and not contacted, with the number of requests."""
        return dict(sorted(Counter(str(one["host"]) for one in self.refused).items()))

    @property
    def hosts_asked(self) -> dict[str, int]:
        """Hosts that were contacted, with the number of requests."""
        return dict(sorted(Counter(str(one["host"]) for one in self.passed_through).items()))

    def as_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {
            "exitCode": self.exit_code,
            "counts": self.counts,
            "served": self.served,
            "hostsRefused": self.hosts_refused,
            "missed": self.missed,
            "unused": self.unused,
            "diverged": self.diverged,
            "refused": self.refused,
            "passedThrough": self.passed_through,
        }

    def served_one(self, fixture: Fixture, divergences: Sequence[Change]) -> None:
        """A recorded call was served."""
        self.served.append({"runId": fixture.run_id, "seq": fixture.seq})
        if divergences:
            self.diverged_one(fixture, divergences)

    def diverged_one(self, fixture: Fixture, divergences: Sequence[Change]) -> None:
        """A recorded call was served to a client that asked, or went on, otherwise than then."""
        changed = [change._asdict() for change in divergences]
        self.diverged.append(_call(fixture) | {"differences": changed})

    def missed_one(self, step: str, head: RequestHead, near: Sequence[NearMiss]) -> None:
        """No recorded call matched."""
        nearest = _call(near[0].fixture) if near else None
        call = {"step": step, "method": head.method, "url": head.url, "nearest": nearest}
        self.missed.append(call)

    def refused_one(self, host: str, url: str) -> None:
        """A host was not contacted."""
        self.refused.append({"host": host, "url": url})

    def passed_one(self, step: str, head: RequestHead) -> None:
        """The world was asked."""
        call = {"step": step, "method": head.method, "host": head.host, "url": head.url}
        self.passed_through.append(call)

    def with_unused(self, fixtures: Iterable[Fixture]) -> "Report":
        """A copy with the recorded calls that were not asked for."""
        return replace(self, unused=[_call(fixture) for fixture in fixtures])


def joined(reports: Iterable[Report]) -> Report:
    """Several sessions of one recording as one; unused is what none of them asked for."""
    whole = Report()
    unused: list[list[dict[str, Any]]] = []
    for report in reports:
        for name in ("served", "missed", "diverged", "refused", "passed_through"):
            getattr(whole, name).extend(getattr(report, name))
        unused.append(report.unused)
    if unused:
        first, *others = unused
        whole.unused = [call for call in first if all(call in other for other in others)]
    return whole


def _call(fixture: Fixture) -> dict[str, Any]:
    head = fixture.head
    return {
        "runId": fixture.run_id,
        "seq": fixture.seq,
        "step": fixture.step,
        "method": head.method,
        "url": head.url,
    }
