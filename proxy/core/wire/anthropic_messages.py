"""Anthropic Messages, at Anthropic, Vertex AI and compatible servers; and its token counting."""

import re
from collections.abc import Mapping
from typing import Any, override

from proxy.core import anthropic, heads, loose
from proxy.core.dialect import Answer, Asked, Dialect
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import Assembly

_VERTEX = re.compile(r"/publishers/anthropic/models/([^/:]+):(?:streamR|r)awPredict$")
_COUNT = "/messages/count_tokens"


class AnthropicMessages(Dialect):
    """`POST …/v1/messages`."""

    name = "anthropic.messages"
    vendor = "anthropic"
    appended = re.compile(
        rb'"delta": ?\{ ?"type": ?"[a-z_]+", ?"(?:text|thinking|partial_json)": ?"'
    )

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        path = head.path.rstrip("/")
        if head.method != "POST":
            return False
        if _VERTEX.search(path):
            return True
        if not path.endswith(("/messages", _COUNT)):
            return False
        # `/messages` alone is also what chat and mail services call their resource
        told = heads.value(head.headers, b"anthropic-version") is not None
        return told or (b'"messages"' in request and b'"model"' in request)

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        counting = head.path.rstrip("/").endswith(_COUNT)
        return "anthropic.count_tokens" if counting else self.name

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        vertex = _VERTEX.search(head.path)
        return anthropic.ask(body, vertex[1] if vertex else None)

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        answer = anthropic.answer(body)
        if (counted := loose.count(body.get("input_tokens"))) is not None:
            answer.output = {"input_tokens": counted}  # counting consumes nothing itself
        return answer

    @override
    def assembly(self) -> Assembly:
        return anthropic.MessageEvents()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"type": "error", "error": {"type": type_, "message": message}})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b"event: error\ndata: " + self.error_body(0, message, type_=type_) + b"\n\n"


FORMAT = AnthropicMessages()
