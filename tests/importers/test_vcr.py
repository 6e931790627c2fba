from io import BytesIO
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from proxy.core.model import Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import vcr
from tests.core.recorded import json_values


def load(text: str | bytes, name: str = "test_agent.yaml") -> Snapshot:
    data = text if isinstance(text, bytes) else text.encode()
    (run,) = vcr.load(BytesIO(data), name)
    return run


CASSETTE = """
interactions:
- request:
    body: '{"q": 1}'
    headers:
      Accept: &id001
      - '*/*'
      Content-Length: ['8']
      X-One: single
    method: post
    uri: https://api.example.com/v1/x?a=1
  response:
    body:
      string: !!binary |
        AP8=
    headers:
      date: ['Thu, 12 Feb 2026 09:41:22 GMT']
      Content-Encoding: [gzip]
      Vary: *id001
    status: {code: 200, message: OK}
- request: {body: null, headers: {}, method: GET, uri: 'http://x/'}
  response:
    body: {string: 'hello'}
    headers: {}
    status: {code: 404, message: Not Found}
version: 1
"""


def test_a_cassette() -> None:
    run = load(CASSETTE)
    first, second = run.exchanges
    assert (first.request.method, first.request.url) == ("POST", "https://api.example.com/v1/x?a=1")
    assert first.request_body.data == b'{"q": 1}'
    assert first.request.headers == (
        (b"Accept", b"*/*"),
        (b"X-One", b"single"),
        (b"content-length", b"8"),
    )
    assert first.started_at == 1770889282.0
    assert first.response is not None
    assert first.response_body.data == b"\x00\xff"
    assert (b"content-length", b"2") in first.response.headers
    assert (b"Vary", b"*/*") in first.response.headers
    assert not any(name == b"Content-Encoding" for name, _ in first.response.headers)
    assert (second.request.target, second.request_body.data) == ("/", b"")
    assert second.response is not None
    assert (second.response.status, second.response.reason) == (404, "Not Found")
    assert [call.seq for call in run.exchanges] == [1, 2]
    assert run.run.label == "test_agent"
    assert run.run.metadata["importNotes"] == [
        "a cassette does not say when its calls were made (1)"
    ]


def test_parsed_bodies() -> None:
    run = load(
        """
interactions:
- request:
    headers: {content-type: [application/json]}
    method: POST
    parsed_body: {messages: [{role: user, content: hi}], stream: false}
    uri: https://api.openai.com/v1/chat/completions
  response:
    headers: {content-type: [application/json]}
    parsed_body: {id: x, usage: {total: 3}}
    status: {code: 200, message: OK}
version: 1
"""
    )
    (call,) = run.exchanges
    assert orjson.loads(call.request_body.data)["messages"] == [{"role": "user", "content": "hi"}]
    assert call.response_body.data == b'{"id":"x","usage":{"total":3}}'


def test_cassettes_in_json() -> None:
    interaction = {
        "request": {"method": "GET", "uri": "https://x/", "body": {"base64_string": "aGk="}},
        "response": {"status": {"code": 200}, "body": {"string": "ok"}, "headers": {"a": "b"}},
    }
    run = load(orjson.dumps({"version": 1, "interactions": [interaction]}), "x.json")
    (call,) = run.exchanges
    assert (call.request_body.data, call.response_body.data) == (b"hi", b"ok")


def test_what_python_2_wrote() -> None:
    run = load(
        "interactions:\n"
        "- request: {uri: !!python/unicode 'http://x/', method: !!python/str GET}\n"
        "  response: {status: {code: 200}, body: {string: !!python/unicode 'hi'}}\n"
    )
    assert run.exchanges[0].response_body.data == b"hi"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interactions: !!python/object/apply:os.system ['echo hi']", "line 1: not YAML"),
        ("a: &a [x]\nb: {<<: {c: d}}\ninteractions: []", "merge keys are not read"),
        ("interactions: [\n", "line 2: not YAML"),
        ("interactions: 1\ninteractions: 2", "line 2: not YAML"),
        ("version: 1", "no VCR cassette: interactions are missing"),
        ("- 1", "no VCR cassette"),
        ("interactions: \x01", "not YAML"),
        ("interactions: " + "[" * 50_000, "nested deeper than 200 levels"),
        ("- " * 50_000, "nested deeper than 200 levels"),
        ('{"interactions": [', "line 1: not JSON"),
    ],
)
def test_files_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(RecordingFormatError, match=message):
        load(text)


def test_a_large_file_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vcr, "MAX_YAML", 1 << 20)
    with pytest.raises(RecordingFormatError, match="larger than 1 MiB"):
        load(b"interactions: []\n" + b"#" * (1 << 20))


def test_many_aliases_do_not_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    run = load("\n".join([*lines, "interactions: [*a11]"]))
    assert run.exchanges == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(json_values, json_values, json_values)
def test_any_json_is_read_without_a_crash(a: Any, b: Any, c: Any) -> None:
    interactions = [
        a,
        {"request": b, "response": c},
        {
            "request": {"uri": "http://x/", "method": a, "headers": b, "body": c},
            "response": {"status": {"code": 200, "message": a}, "headers": b, "body": c},
        },
        {
            "request": {"uri": "http://x/", "parsed_body": a},
            "response": {"status": {"code": a}, "headers": {"x": b}, "body": {"string": c}},
        },
    ]
    data = __import__("json").dumps({"interactions": interactions})
    vcr.load(BytesIO(data.encode()), "x.json")


def test_recognises() -> None:
    assert vcr.recognises(CASSETTE.encode(), "x")
    assert vcr.recognises(b'{"version": 1, "interactions": []}', "x.json")
    assert vcr.recognises(b"", "x.yml")
    assert not vcr.recognises(b'{"format":"dashcam-recording","interactions":1}', "x.json")


CASSETTER = """
version: 1
interactions:
- request:
    method: POST
    uri: https://api.openai.com/v1/chat/completions
    headers: {content-type: [application/json]}
    body: {type: json, content: {model: gpt-4o, n: null}}
  response:
    status: 200
    headers: {content-type: [text/event-stream]}
    body: {type: text, content: "data: [DONE]\\n\\n"}
  recorded_at: '2026-02-20T10:30:01Z'
ws_interactions:
- {uri: 'wss://ws.test/', frames: []}
"""
TOML = """
version = 1
[[interactions]]
recorded_at = 2026-02-20T10:30:01Z
[interactions.request]
method = "GET"
uri = "https://a.test/"
[interactions.response]
status = 204
[interactions.response.body]
type = "binary"
content = "00ff"
"""
RUBY = """
http_interactions:
- request: {method: get, uri: 'http://localhost:7777/foo', body: {encoding: UTF-8, string: ''}}
  response:
    status: {code: 200, message: OK}
    body: {encoding: UTF-8, string: Hello foo}
    http_version: '1.1'
  recorded_at: Tue, 01 Nov 2011 04:58:44 GMT
recorded_with: VCR 2.0.0
"""
PHP = """
-
    request: {method: GET, url: 'http://example.com/hello', headers: {Host: example.com}}
    response: {status: {code: 200, message: OK}, body: 'Hello!'}
    index: 0
"""


@pytest.mark.parametrize(
    ("text", "name", "sent", "got", "at"),
    [
        (CASSETTER, "a.yaml", b'{"model":"gpt-4o","n":null}', b"data: [DONE]\n\n", 1771583401.0),
        (TOML, "a.toml", b"", b"\x00\xff", 1771583401.0),
        (RUBY, "a.yml", b"", b"Hello foo", 1320123524.0),
        (PHP, "a.yml", b"", b"Hello!", 0.0),
    ],
)
def test_relatives(text: str, name: str, sent: bytes, got: bytes, at: float) -> None:
    run = load(text, name)
    (one,) = run.exchanges
    assert (one.request_body.data, one.response_body.data, one.started_at) == (sent, got, at)
    assert vcr.recognises(text.encode(), "x")
    notes = " ".join(run.run.metadata.get("importNotes", ()))
    assert ("ws_interactions" in notes) == ("ws_interactions" in text)


def test_requests_and_responses_in_two_lists() -> None:
    text = """
requests:
- {method: POST, uri: 'https://api.example.com/a', body: !!binary 'eyJxIjogMX0=', headers: {A: [b]}}
- {method: GET, uri: 'https://api.example.com/b', body: null, headers: {}}
responses:
- {body: {string: one}, headers: {}, status: {code: 200, message: OK}}
- {body: {string: two}, headers: {}, status: {code: 404, message: Not Found}}
"""
    assert vcr.recognises(text.encode(), "test_agent")
    first, second = load(text).exchanges
    assert (first.request_body.data, first.response_body.data) == (b'{"q": 1}', b"one")
    assert (second.request.url, second.response_body.data) == ("https://api.example.com/b", b"two")


def test_toml_that_is_none() -> None:
    with pytest.raises(RecordingFormatError, match="not TOML"):
        load("[[interactions", "a.toml")
