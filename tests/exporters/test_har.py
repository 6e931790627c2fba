import base64

import orjson

from proxy.core.model import Run, Snapshot
from proxy.exporters import har
from tests.core.recorded import exchange
from tests.exporters.sample import snapshot


def entries(run: Snapshot | None = None) -> list[dict[str, object]]:
    log = orjson.loads(b"".join(har.export(run or snapshot())))["log"]
    assert log["version"] == "1.2"
    return log["entries"]  # type: ignore[no-any-return]  # of a list


def test_the_fields_that_the_format_demands() -> None:
    for entry in entries():
        assert {
            "startedDateTime",
            "time",
            "request",
            "response",
            "cache",
            "timings",
        } <= entry.keys()
        request, response = entry["request"], entry["response"]
        assert isinstance(request, dict)
        assert isinstance(response, dict)
        assert {
            "method",
            "url",
            "httpVersion",
            "cookies",
            "headers",
            "queryString",
        } <= request.keys()
        assert {"headersSize", "bodySize"} <= request.keys()
        assert {"status", "statusText", "content", "redirectURL", "bodySize"} <= response.keys()
        timings = entry["timings"]
        assert isinstance(timings, dict)
        assert sum(at for at in timings.values() if at > 0) == entry["time"]


def test_bodies_are_decoded() -> None:
    response = entries()[0]["response"]
    assert isinstance(response, dict)
    assert response["content"]["text"] == '{"id":"chatcmpl-1","text":"hello there, hello there"}'
    assert response["content"]["size"] == 53
    assert response["bodySize"] == 62


def test_compression_is_told_when_there_was_some() -> None:
    import gzip

    from proxy.core.model import Body, ResponseHead

    data = gzip.compress(b"x" * 1000, mtime=0)
    head = ResponseHead(200, "", headers=((b"content-encoding", b"gzip"),))
    call = exchange(1, response=head, response_body=Body(data))
    (entry,) = entries(Snapshot(Run("r1", "L", "c", 1.0), [call]))
    response = entry["response"]
    assert isinstance(response, dict)
    assert response["content"]["compression"] == 1000 - len(data)


def test_binary_is_base64() -> None:
    request = entries()[2]["request"]
    assert isinstance(request, dict)
    assert request["postData"]["encoding"] == "base64"
    assert base64.b64decode(request["postData"]["text"]) == b"\x00\xff"


def test_a_call_without_an_answer_says_why() -> None:
    response = entries()[3]["response"]
    assert isinstance(response, dict)
    assert (response["status"], response["_error"]) == (0, "connection refused")


def test_websocket_messages() -> None:
    entry = entries()[4]
    assert entry["_resourceType"] == "websocket"
    messages = entry["_webSocketMessages"]
    assert isinstance(messages, list)
    assert [(one["type"], one["opcode"]) for one in messages] == [
        ("send", 1),
        ("receive", 2),
        ("receive", 8),
    ]
    assert messages[0]["data"] == '{"type":"hi"}'
    assert base64.b64decode(messages[1]["data"]) == b"\x01\x02"
    assert messages[0]["time"] == 1770889287.0015


def test_cookies_that_are_none_are_left_in_their_header() -> None:
    call = exchange(1, headers=((b"cookie", b"a=1; \x01b[=2"),))
    (entry,) = entries(Snapshot(Run("r1", "L", "c", 1.0), [call]))
    request = entry["request"]
    assert isinstance(request, dict)
    assert request["headers"] == [{"name": "cookie", "value": "a=1; \x01b[=2"}]
