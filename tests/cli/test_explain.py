import json
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli._text import clean
from proxy.core.recording import dump
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import EVIL, support_run

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
        "",
        "evidence",
        f"  #5 {CRM}  401  812 ms",
        f"     401 {clean(EVIL)}",
        "",
        "recovered on the way",
        "  #3 crm.find  503  5.0 ms",
        "     then #4 crm.find: 200",
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
    assert lines[-3:-1] == ["also failed, and did not decide", f"  #5 {CRM}  401  812 ms"]
