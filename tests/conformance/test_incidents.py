"""Runs from the bytes on the wire to their one outcome."""

from collections import Counter
from dataclasses import replace

import pytest

from proxy.core.model import FAILURE_MODES, Event, Outcome, Run
from proxy.core.outcomes import judge
from proxy.core.outcomes._api import Facts
from proxy.core.validators import Learned
from proxy.engine.understand import events_of
from tests.conformance.incidents import HEALTHY, MENDED, MORE, PLANTED, Incident


def timeline(incident: Incident) -> list[Event]:
    """The events of the run as a store would have them: numbered, validations below their call."""
    learned: dict[str, Learned] = {}
    found: list[Event] = []
    for seq, made in enumerate(incident.calls, 1):
        exchange = replace(made, id=f"ex_{seq}", seq=seq, started_at=1000.0 + seq)
        call, *validations = events_of(exchange, learned)
        call.id = len(found) + 1
        found.append(call)
        for validation in validations:
            validation.id, validation.parent_event_id = len(found) + 1, call.id
            found.append(validation)
    return found


def outcome(incident: Incident, events: list[Event]) -> Outcome:
    run = Run("r", "SupportAgent", "c", started_at=1000.0, metadata=incident.metadata)
    return judge(Facts(run, events, incident.exit_code, "exit"), created_at=2000.0)


@pytest.mark.parametrize(
    "incident", [*PLANTED.values(), *HEALTHY.values()], ids=[*PLANTED, *HEALTHY]
)
def test_an_incident_has_its_outcome_and_its_evidence(incident: Incident) -> None:
    found = judged(incident)
    assert incident.words in (found.reason or "")
    assert found.retryable is incident.retryable


@pytest.mark.parametrize("incident", [*MORE.values(), *MENDED.values()], ids=[*MORE, *MENDED])
def test_more_incidents_have_theirs(incident: Incident) -> None:
    found = judged(incident)
    assert (found.user_impact is None) == (incident.mode is None)


def judged(incident: Incident) -> Outcome:
    """The outcome, which must have the incident's mode, rule and evidence."""
    events = timeline(incident)
    found = outcome(incident, events)
    assert (found.failure_mode, found.rule) == (incident.mode, incident.rule), found.reason
    assert found.status == ("Failed" if incident.mode else "Completed")
    proof = [event for event in events if event.id in found.evidence]
    numbers = {event.id: event.data["seq"] for event in events if "seq" in event.data}
    calls = {numbers[event.id if event.id in numbers else event.parent_event_id] for event in proof}
    assert calls == set(incident.evidence)
    return found


def test_there_are_enough_of_each() -> None:
    modes = Counter(incident.mode for incident in PLANTED.values())
    assert set(modes) == set(FAILURE_MODES)
    assert min(modes.values()) >= 2
    assert len(PLANTED) + len(MORE) >= 120
    assert len(HEALTHY) + len(MENDED) >= 40
