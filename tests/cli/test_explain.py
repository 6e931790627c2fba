import json
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli._text import clean
from proxy.core.model import Event
from proxy.core.recording import dump
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import EVIL, START, support_run

LOOKED_UP = "1 search, 2 results, 0 documents"
CRM = "GET crm.local/customers/{id}"


@pytest.fixture(params=["last", "a.dashcam.jsonl"])
def ref(request: pytest.FixtureRequest, fill: Fill) -> str:
    fill(support_run())
    Path("a.dashcam.jsonl").write_bytes(b"".join(dump(support_run())))
    return str(request.param)


def test_verdict_evidence_and_what_was_recovered(dashcam: Dashcam, ref: str) -> None:
    done = dashcam("explain", ref)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "run_a  SupportAgent  6 calls, 2 with an error, 1 retry",
        "Failed · Tool Error · CRM 401: token expired · retryable · No reply sent",
        "by the rule http_status",
        "120 → 30 tokens",
        "",
        "evidence",
        f"  #5 {CRM}  401  812 ms",
        f"     401 {clean(EVIL)}",
        "",
        "recovered on the way",
        "  #3 crm.find  503  5.0 ms",
        "     then #4 crm.find: 200",
        "",
        "looked up",
        f"  {LOOKED_UP}",
    ]


def test_json(dashcam: Dashcam, ref: str) -> None:
    found = json.loads(dashcam("explain", ref, "--json").out)
    assert (found["run"]["id"], found["final"], found["rule"]) == ("run_a", True, "http_status")
    assert found["outcome"]["reason"] == "CRM 401: token expired"
    assert [event["data"]["seq"] for event in found["evidence"]] == [5]
    assert [
        (pair["failed"]["data"]["seq"], pair["by"]["data"]["seq"]) for pair in found["recovered"]
    ] == [(3, 4)]
    assert found["alsoFailed"] == []
    assert found["suspicious"] == []
    assert found["retrieval"]["searches"] == 1
    assert found["totals"] == {
        "modelCalls": 2,
        "inputTokens": 120,
        "outputTokens": 30,
        "costUsd": None,
        "callsWithoutPrice": 2,
    }


def test_an_open_run_is_judged_as_far_as_it_went(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.outcomes.clear()
    made.run.ended_at = None
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    assert lines[1] == "none yet"
    assert lines[2].startswith(f"as far as it went: Failed · Tool Error · {CRM} 401: ")
    assert json.loads(dashcam("explain", "last", "--json").out)["final"] is False


def test_a_callers_word_and_other_failures(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    verdict = replace(made.outcomes[0], source="caller", status="Completed", evidence=())
    made.outcomes.append(replace(verdict, failure_mode=None, reason=None, rule=None))
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    assert lines[1] == "Completed · retryable · No reply sent · said by the caller"
    assert lines[2] == "said by the caller, who outranks the rules"
    at = lines.index("also failed, and did not decide")
    assert lines[at : at + 2] == ["also failed, and did not decide", f"  #5 {CRM}  401  812 ms"]


def violated(number: int, *, of: int, breaking: bool = True) -> Event:
    """A validation of an event of the sample."""
    found = [{"path": "$.limit", "message": "it should be a whole number", "breaking": breaking}]
    data = {"validator": "tool_arguments", "subject": "crm", "violations": found}
    name = "tool_arguments crm"
    return Event("run_a", "validation", name, START + 2, None, "error", data, number, of)


def test_what_was_strange_beside_the_verdict(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.events.append(violated(9, of=2))
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    assert lines[-2:] == [
        "also worth a look",
        "  #1 openai.chat  tool_arguments crm: $.limit: it should be a whole number",
    ]
    (found,) = json.loads(dashcam("explain", "last", "--json").out)["suspicious"]
    assert found["event"]["name"] == "tool_arguments crm"


def test_violations_that_decided_are_evidence(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.events.append(violated(9, of=2))
    made.outcomes[0] = replace(made.outcomes[0], evidence=(2, 9), rule="schema")
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    at = lines.index("evidence")
    assert lines[at + 2 : at + 4] == [
        "  tool_arguments crm  error",
        "     $.limit: it should be a whole number",
    ]
    assert "also worth a look" not in lines


def test_it_stays_a_page(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.events += [violated(number, of=2) for number in range(9, 60)]
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    assert len(lines) < 40
    assert lines[-1] == "  and 43 more; --json has all of them"
    assert len(json.loads(dashcam("explain", "last", "--json").out)["suspicious"]) == 51


def test_what_it_cost(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.events[1].data["call"]["costUsd"] = 0.0123
    fill(made)
    lines = dashcam("explain", "last").out.splitlines()
    assert lines[3] == "120 → 30 tokens, $0.0123, 1 call without a known price"
