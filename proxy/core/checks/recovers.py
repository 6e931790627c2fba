"""`recovers`: the run gets over the recorded call of this number, which failed then.

Either it ends as Completed, or it does something after that call that it did not do then: it asks
for what the recording does not have, and from there on the recording cannot tell more.
"""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import number


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """The outcome, else what came after the call."""
    failed = number("recovers", wanted, 1)
    if trial.outcome is not None and trial.outcome.status == "Completed":
        return
    places = [trial.origin.get(str(event.data.get("servedFrom"))) for event in trial.calls]
    if failed not in places:
        yield f"the run never came to recorded call {failed}, which failed then"
        return
    if any(place > places.index(failed) for place in trial.new()):
        return
    reason = trial.reason or "the run has no outcome"
    yield f"nothing new was done about recorded call {failed}: {reason}"
