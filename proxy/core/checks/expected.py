"""What a recording expects of the runs that are played against it, when nobody has said so.

A run that went well must go the same way again. An incident must not end as it did: up to the call
that failed everything is as it was, and then the run gets over it.
"""

from collections.abc import Sequence
from typing import Any

from proxy.core.model import CALL_KINDS, Event, Outcome
from proxy.core.outcomes import failures


def expected(outcome: Outcome | None, events: Sequence[Event]) -> dict[str, Any]:
    """The checks, by name, for a recording that ended in `outcome`."""
    if outcome is None or outcome.status == "Completed":
        return {"outcome": "Completed", "follows": True}
    failed = failed_call(outcome, events)
    if failed is None:
        return {"outcome": "Completed"}
    return {"recovers": failed, "follows": failed}


def failed_call(outcome: Outcome, events: Sequence[Event]) -> int | None:
    """The number of the call that a run failed by: the outcome's evidence, else the last failure.

    None when no call failed, as where the model decided badly.
    """
    proof = [event for event in events if event.id in outcome.evidence and event.kind in CALL_KINDS]
    numbers = [event.data.get("seq") for event in proof or failures(events)]
    return max((number for number in numbers if isinstance(number, int)), default=None)
