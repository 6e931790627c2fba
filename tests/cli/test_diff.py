import json

import pytest

from proxy.cli.diff import align, changes
from proxy.core.model import Body
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START, event, exchange, support_run


@pytest.fixture
def two(fill: Fill) -> None:
    after = support_run("run_b", at=START + 60)
    after.events = [row for row in after.events if row.data.get("seq") != 3]
    after.exchanges = [made for made in after.exchanges if made.seq != 3]
    for row in after.events:
        if row.data.get("seq") == 5:
            row.data |= {"statusCode": 200, "error": None, "latencyMs": 20.0}
            row.status = "ok"
    fill(support_run(), after)


@pytest.mark.usefixtures("two")
def test_the_first_difference_and_each_change(dashcam: Dashcam) -> None:
    done = dashcam("diff", "run_a", "run_b")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("- run_a  SupportAgent  Failed · Tool Error")
    assert lines[1].startswith("+ run_b")
    assert lines[3:6] == [
        "  #1 openai.chat  812 ms → 812 ms",
        "  #2 kb.search  812 ms → 812 ms",
        "- #3 crm.find  503   first difference",
    ]
    assert lines[7] == "~ #5 GET crm.local/customers/{id}  812 ms → 20 ms"
    assert lines[8:11] == ["      status", "      - 401", "      + 200"]
    assert lines[-1] == "6 steps, 2 different"


@pytest.mark.usefixtures("two")
def test_json(dashcam: Dashcam) -> None:
    found = json.loads(dashcam("diff", "run_a", "run_b", "--json").out)
    assert (found["same"], found["firstDifference"]) == (False, 2)
    assert found["steps"][2] == {"step": "crm.find", "a": 3, "b": None, "changes": []}
    assert {"what": "status", "before": 401, "after": 200} in found["steps"][4]["changes"]
    assert found["a"]["verdict"]["failureMode"] == "Tool Error"


@pytest.mark.usefixtures("two")
def test_a_run_and_itself(dashcam: Dashcam) -> None:
    assert dashcam("diff", "run_a", "run_a").out.splitlines()[-1] == "no difference"
    assert json.loads(dashcam("diff", "run_a", "run_a", "--json").out)["same"] is True


def test_what_was_asked_comes_before_what_came_of_it(dashcam: Dashcam, fill: Fill) -> None:
    before, after = support_run(), support_run("run_b", at=START + 60)
    for run, day, question in ((before, 22, "refund?"), (after, 23, "credit?")):
        made = run.exchanges[1]
        text = f'{{"day": "2026-11-{day}", "messages": [{{"content": "A {question}"}}]}}'
        made.request_body = Body(text.encode())
    next(row for row in after.events if row.data.get("seq") == 2).data["statusCode"] = 500
    fill(before, after)
    found = json.loads(dashcam("diff", "run_a", "run_b", "--json").out)
    assert found["firstDifference"] == 1
    assert found["steps"][1]["changes"] == [
        {"what": "asked messages[0].content", "before": '"A refund?"', "after": '"A credit?"'},
        {"what": "status", "before": 200, "after": 500},
    ]


@pytest.mark.parametrize(("word", "same"), [("refund", True), ("credit", False)])
def test_the_ids_of_tool_calls_do_not_count(word: str, same: bool) -> None:
    one, other = (event(exchange(1), "llm_call", "openai.chat") for _ in range(2))
    for row, name, query in ((one, "call_1", "refund"), (other, "call_2", word)):
        use = {"id": name, "name": "kb", "arguments": {"query": query}}
        row.data["call"] = {"toolUses": [use]}
    assert [change.what for change in changes(one, other)] == ([] if same else ["asks for"])


def test_calls_that_only_one_run_has() -> None:
    one = [event(exchange(seq), "http", name) for seq, name in enumerate("abcd", 1)]
    other = [event(exchange(seq), "http", name) for seq, name in enumerate("acxd", 1)]
    assert [
        (pair.step, pair.before is not None, pair.after is not None) for pair in align(one, other)
    ] == [
        ("a", True, True),
        ("b", True, False),
        ("c", True, True),
        ("x", False, True),
        ("d", True, True),
    ]
