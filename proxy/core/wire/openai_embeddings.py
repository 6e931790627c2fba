"""OpenAI Embeddings, and the servers that copy it (Azure, Mistral, Voyage, Jina, vLLM).

Vectors are megabytes that nobody reads: the call keeps how many there are and how long they are.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, override

from proxy.core import loose
from proxy.core.calls import Usage
from proxy.core.dialect import Answer, Asked, Dialect, session, settings
from proxy.core.model import Exchange, RequestHead

_STRUCTURE = frozenset(("model", "input", "metadata", "user"))
_FLOAT = 4


class OpenAIEmbeddings(Dialect):
    """`POST …/embeddings`."""

    name = "openai.embeddings"
    vendor = "openai"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        path = head.path.rstrip("/")
        return head.method == "POST" and path.endswith("/embeddings") and b'"input"' in request

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        deployment = head.path.partition("/deployments/")[2].partition("/")[0]
        return Asked(
            model=loose.text(body.get("model")) or deployment or None,
            settings=settings(body, _STRUCTURE),
            session=session(body, "user"),
            input=body.get("input"),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        vectors = list(loose.objects(body.get("data")))
        raw = loose.obj(body.get("usage"))
        asked = loose.count(raw.get("prompt_tokens"))
        if asked is None:  # Voyage and Jina give the total only
            asked = loose.count(raw.get("total_tokens"))
        return Answer(
            served_model=loose.text(body.get("model")),
            response_id=loose.text(body.get("id")),
            usage=Usage(
                input_tokens=asked, source="unknown" if asked is None else "exact", raw=raw
            ),
            output={"vectors": len(vectors), "dimensions": _dimensions(vectors)}
            if "data" in body
            else None,
        )


def _dimensions(vectors: list[Mapping[str, Any]]) -> int | None:
    vector = vectors[0].get("embedding") if vectors else None
    if isinstance(vector, list):
        return len(vector)
    if isinstance(vector, str):
        try:
            return len(base64.b64decode(vector, validate=True)) // _FLOAT
        except binascii.Error:
            return None
    return None


FORMAT = OpenAIEmbeddings()
