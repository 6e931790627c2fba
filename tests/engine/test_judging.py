import json

import pytest

from proxy.core.model import Body, Event, Exchange, RequestHead, ResponseHead, Run
from proxy.engine.judging import Judging
from proxy.engine.understand import event_of
from proxy.stores._api import AddExchange, CloseRun, OpenRun
from proxy.stores.memory import MemoryStore


def add(store: MemoryStore, run: str, text: str = "Done", tokens: int = 1000) -> list[Event]:
    """An ended run with one model call."""
    sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    got = {
        "model": "gpt-4o",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 1},
    }
    exchange = Exchange(
        f"ex_{run}",
        run,
        1,
        "forward",
        1.0,
        RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions"),
        request_body=Body(json.dumps(sent).encode()),
        response=ResponseHead(200, headers=((b"content-type", b"application/json"),)),
        response_body=Body(json.dumps(got).encode()),
        ended_us=1000,
    )
    writes = OpenRun(Run(run, "Support", run, 1.0)), AddExchange(exchange, event_of(exchange))
    store.write([*writes, CloseRun(run, 2.0)])
    return store.events(run)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("memory:")


def test_the_whole_answer_is_judged(store: MemoryStore) -> None:
    events = add(store, "r", "word " * 1000 + "sorry")
    run = store.find_run("r")
    labels = {"Support": {"banned": ["sorry"]}}
    assert Judging(store, labels)(run, events, 0, "exit").rule == "output_checks"
    assert Judging(store)(run, events, 0, "exit").status == "Completed"
    assert Judging(store, {"Other": {"max_length": 1}})(run, events, 0, "exit").rule == "completed"


@pytest.mark.parametrize(("before", "rule"), [(10, "cost"), (5, "completed")])
def test_earlier_runs_of_the_label_count(store: MemoryStore, before: int, rule: str) -> None:
    for number in range(before):
        add(store, f"early{number}")
    judging = Judging(store)
    events = add(store, "r", tokens=500_000)
    found = judging(store.find_run("r"), events, 0, "exit")
    assert found.rule == rule
    if rule == "cost":
        assert "$1.25 spent, 498 times what the last 10 runs of Support did" in str(found.reason)
        assert found.evidence == (events[0].id,)
    again = add(store, "s", tokens=3000)
    assert judging(store.find_run("s"), again, 0, "exit").rule == "completed"
