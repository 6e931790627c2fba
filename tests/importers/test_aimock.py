from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.replay import Fixtures, Hit, Playback
from proxy.importers import aimock
from proxy.importers import load as load_any
from proxy.replays import step_of
from tests.core.recorded import exchange
from tests.importers.hostile import refused, spoiled, survives

FIXTURES: dict[str, Any] = {
    "fixtures": [
        {
            "match": {"userMessage": "weather", "model": "gpt-4o"},
            "response": {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Rome"}}]},
        },
        {"match": {"userMessage": "hello"}, "response": {"content": "Hi there."}},
        {
            "match": {"userMessage": "fail"},
            "response": {"error": {"message": "slow down"}, "status": 429},
        },
        {"match": {"inputText": "a"}, "response": {"embedding": [0.5, 1]}},
        {"match": {"toolCallId": "call_1"}, "response": {"image": "x"}},
    ]
}


def test_fixtures_are_calls_that_replay_in_sequence() -> None:
    (run,) = aimock.load(BytesIO(orjson.dumps(FIXTURES)), "f.json")
    assert [one.response and one.response.status for one in run.exchanges] == [200, 200, 429, 200]
    session = Playback(Fixtures.of(run.exchanges, steps=step_of), "sequence")
    asked = exchange(1, {"model": "gpt-4o", "messages": [{"role": "user", "content": "anything"}]})
    answer = session.decide(asked.request, asked.request_body.data)
    assert isinstance(answer, Hit)
    said = orjson.loads(answer.exchange.response_body.data)["choices"][0]
    assert said["finish_reason"] == "tool_calls"
    assert said["message"]["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city":"Rome"}',
    }
    embedding = orjson.loads(run.exchanges[3].response_body.data)
    assert embedding["data"][0]["embedding"] == [0.5, 1]
    notes = " ".join(run.run.metadata["importNotes"])
    for told in ("--match sequence", "not carried over", "no answer of a kind"):
        assert told in notes


def test_the_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(FIXTURES))
    (run,) = load_any(path)
    assert run.run.metadata["importedFrom"] == "aimock"


def test_what_is_none() -> None:
    refused(aimock.load, b'{"fixtures": {}}', "no aimock fixtures")


@given(spoiled(FIXTURES) | st.binary(max_size=60))
def test_nothing_crashes_it(data: bytes) -> None:
    survives(aimock.load, data)
