"""Live model calls, changed as asked and no further."""

import gzip
from typing import Any

import orjson
import pytest

from proxy.core.model import RequestHead, header
from proxy.core.replay.rewrite import Rewrite, rewritten
from proxy.errors import ConfigError

PATHS = {
    "chat": ("api.openai.com", "/v1/chat/completions"),
    "responses": ("api.openai.com", "/v1/responses"),
    "claude": ("api.anthropic.com", "/v1/messages"),
    "gemini": (
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-3-pro:generateContent?alt=sse",
    ),
    "bedrock": ("bedrock-runtime.us-east-1.amazonaws.com", "/model/us.a.b-v1%3A0/converse"),
    "ollama": ("localhost", "/api/chat"),
    "cohere": ("api.cohere.com", "/v2/chat"),
}


def head_of(api: str, size: int = 0) -> RequestHead:
    host, target = PATHS[api]
    headers = ((b"HOST", host.encode()), (b"content-length", b"%d" % size), (b"x-mine", b"1"))
    return RequestHead("POST", "https", host, 443, target, headers=headers)


def change(api: str, body: Any, asked: Rewrite) -> tuple[RequestHead, Any]:
    data = orjson.dumps(body)
    head, made = rewritten(head_of(api, len(data)), data, asked)
    assert header(head.headers, b"content-length") == b"%d" % len(made)
    return head, orjson.loads(made)


USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("api", "before", "fields", "after"),
    [
        (
            "chat",
            {"messages": [{"role": "developer", "content": "old"}, USER]},
            {"system": "new"},
            {"messages": [{"role": "developer", "content": "new"}, USER]},
        ),
        (
            "chat",
            {"messages": [USER]},
            {"system": "new"},
            {"messages": [{"role": "system", "content": "new"}, USER]},
        ),
        (
            "chat",
            {"messages": []},
            {"system": "n"},
            {"messages": [{"role": "system", "content": "n"}]},
        ),
        ("responses", {"input": "x"}, {"system": "n"}, {"input": "x", "instructions": "n"}),
        (
            "claude",
            {"model": "m", "messages": [USER]},
            {"system": "n"},
            {"model": "m", "messages": [USER], "system": "n"},
        ),
        (
            "gemini",
            {"contents": []},
            {"system": "n"},
            {"contents": [], "systemInstruction": {"parts": [{"text": "n"}]}},
        ),
        (
            "bedrock",
            {"messages": [], "system": [{"text": "o"}]},
            {"system": "n"},
            {"messages": [], "system": [{"text": "n"}]},
        ),
        (
            "cohere",
            {"messages": [USER]},
            {"system": "n"},
            {"messages": [{"role": "system", "content": "n"}, USER]},
        ),
        ("chat", {"a": 1, "temperature": 1}, {"temperature": 0}, {"a": 1, "temperature": 0}),
        (
            "gemini",
            {"g": {"x": 1}},
            {"g.t": 0, "h.i.j": 2},
            {"g": {"x": 1, "t": 0}, "h": {"i": {"j": 2}}},
        ),
        ("chat", {"a": 1}, {"a.b": 2}, {"a": {"b": 2}}),
    ],
)
def test_fields(api: str, before: Any, fields: dict[str, Any], after: Any) -> None:
    head, made = change(api, before, Rewrite(fields=fields))
    assert made == after
    assert (head.host, head.target) == PATHS[api]
    assert header(head.headers, b"x-mine") == b"1"


@pytest.mark.parametrize(
    ("api", "body", "target"),
    [
        ("chat", {"model": "new"}, "/v1/chat/completions"),
        ("responses", {"model": "new"}, "/v1/responses"),
        ("gemini", {}, "/v1beta/models/new:generateContent?alt=sse"),
        ("bedrock", {}, "/model/new/converse"),
    ],
)
def test_the_model_is_changed_where_it_stands(api: str, body: Any, target: str) -> None:
    before = {"model": "old"} if body else {}
    head, made = change(api, before, Rewrite(model="new"))
    assert (made, head.target) == (body, target)


@pytest.mark.parametrize(
    ("api", "base", "url"),
    [
        ("chat", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("chat", "https://o.test/api/v1/", "https://o.test/api/v1/chat/completions"),
        ("responses", "https://o.test/x", "https://o.test/x/responses"),
        ("claude", "https://a.test/anthropic", "https://a.test/anthropic/v1/messages"),
        (
            "gemini",
            "https://g.test",
            "https://g.test/v1beta/models/gemini-3-pro:generateContent?alt=sse",
        ),
    ],
)
def test_another_place(api: str, base: str, url: str) -> None:
    body = b'{ "model": "m", "input": "a", "messages": [], "max_tokens": 1 }'
    head, made = rewritten(head_of(api, len(body)), body, Rewrite(base_url=base))
    assert head.url == url
    assert header(head.headers, b"host") == head.authority.encode()
    assert made == body, "the body is not the base URL's business"


def test_an_encoded_body_goes_on_plain() -> None:
    head = head_of("chat")
    packed = RequestHead(
        *(head.method, head.scheme, head.host, head.port, head.target),
        headers=((b"Content-Encoding", b"gzip"), (b"Transfer-Encoding", b"chunked")),
    )
    made = rewritten(packed, gzip.compress(b'{"model":"a"}'), Rewrite("b"))
    assert made.body == b'{"model":"b"}'
    assert made.head.headers == ((b"Transfer-Encoding", b"chunked"),)


def test_what_cannot_be_changed() -> None:
    signed = RequestHead(
        "POST", "https", "b", 443, "/", headers=((b"Authorization", b"AWS4-HMAC-SHA256 x"),)
    )
    with pytest.raises(ConfigError, match="signed"):
        rewritten(signed, b"{}", Rewrite("m"))
    for body in (b"[]", b"no json"):
        with pytest.raises(ConfigError, match="no JSON object"):
            rewritten(head_of("chat"), body, Rewrite("m"))
    for url in ("ftp://x", "llm.test", "http://"):
        with pytest.raises(ConfigError, match="base URL"):
            Rewrite(base_url=url)


def test_nothing_asked_is_nothing() -> None:
    assert not Rewrite()
    assert Rewrite("m", "http://a", {"system": 1}).names == ("model", "base URL", "system")
