"""A call that never got its whole answer: refused, reset, cut off, untrusted."""

from typing import NamedTuple

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "network"


class Fault(NamedTuple):
    """How an ending reads, and whether the same call may work later (None: nobody knows)."""

    what: str
    retryable: bool | None


FAULTS = {
    End.UPSTREAM_REFUSED: Fault("connection refused", retryable=True),
    End.UPSTREAM_TLS: Fault("the certificate was not accepted", retryable=False),
    End.CLIENT_TLS: Fault("the client does not trust Dashcam's certificate", retryable=False),
    End.UPSTREAM_RESET: Fault("connection reset", retryable=True),
    End.UPSTREAM_TRUNCATED: Fault("the answer was cut off", retryable=True),
    End.UPSTREAM_INVALID: Fault("the answer was not valid HTTP", retryable=None),
    End.CLIENT_INVALID: Fault("the request was malformed", retryable=False),
    End.MISSED: Fault("not in the recording", retryable=False),
    End.INTERRUPTED: Fault("Dashcam ended before the call did", retryable=True),
}


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the ending and what the transport said."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) not in FAULTS:
        return None
    fault = FAULTS[End(timeline.end(event))]
    said = timeline.error_text(event)
    detail = f" ({said})" if said and said != fault.what else ""
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name}: {fault.what}{detail}",
        retryable=fault.retryable,
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )
