import json

import pytest

from proxy.stores import open_store
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import support_run


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    still_open = support_run("run_b", at=1770000000.0)
    still_open.outcomes.clear()
    still_open.run.ended_at = None
    fill(support_run(), still_open)


def test_prints_the_object_and_nothing_else(dashcam: Dashcam) -> None:
    done = dashcam("outcome", "last")
    assert (done.code, done.err) == (0, "")
    assert list(json.loads(done.out).items()) == [
        ("runId", "run_a"),
        ("label", "SupportAgent"),
        ("status", "Failed"),
        ("failureMode", "Tool Error"),
        ("reason", "CRM 401: token expired"),
        ("retryable", True),
        ("userImpact", "No reply sent"),
        ("createdAt", "2026-02-12T09:41:30.114Z"),
    ]
    assert dashcam("outcome", "last", "--json").out == done.out


@pytest.mark.parametrize(
    ("args", "status", "mode"),
    [
        (("Completed",), "Completed", None),
        (("completed", "--user-impact", "reply sent"), "Completed", None),
        (("failed", "--failure-mode", "cost blowup", "--retryable"), "Failed", "Cost Blowup"),
        (("Bad Output", "--reason", "no link", "--not-retryable"), "Failed", "Bad Output"),
    ],
)
def test_a_callers_outcome_is_added_and_counts(
    dashcam: Dashcam, args: tuple[str, ...], status: str, mode: str | None
) -> None:
    done = dashcam("outcome", "run_a", *args)
    assert done.code == 0
    said = json.loads(done.out)
    assert (said["status"], said["failureMode"]) == (status, mode)
    assert dashcam("outcome", "run_a").out == done.out
    store = open_store(URL)
    kept = store.outcomes("run_a")
    store.close()
    assert [outcome.source for outcome in kept] == ["rules", "caller"]
    given = dict(zip(args[1::2], args[2::2], strict=False))
    assert kept[1].reason == given.get("--reason")
    assert kept[1].retryable == {"--retryable": True, "--not-retryable": False}.get(args[-1])
    row = json.loads(dashcam("runs", "--json").out)[0]
    assert (row["outcome"], row["failureMode"]) == (status, mode)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run_b",), 1, "run run_b has no outcome yet"),
        (("run_a", "Failed"), 2, "Failed needs a --failure-mode"),
        (("run_a", "Completed", "--failure-mode", "Timeout"), 2, "has no failure mode"),
        (("run_a", "Timeout", "--failure-mode", "Tool Error"), 2, "contradict"),
        (("run_a", "--reason", "x"), 2, "give its STATUS"),
        (("run_a", "Great"), 2, "'Great' is not one of"),
        (("x.jsonl", "Completed"), 2, "import it first"),
        (("run_q", "Completed"), 1, "no run 'run_q'"),
    ],
)
def test_what_cannot_be_said(dashcam: Dashcam, args: tuple[str, ...], code: int, said: str) -> None:
    done = dashcam("outcome", *args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
