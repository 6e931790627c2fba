"""The providers' own clients, talking to bytes instead of a network: oracles for our decoding.

They take long to import, so that tests do it in functions. Marked with `GROUP`, those tests run in
one process, so that it is done once.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from proxy.core.calls import ToolUse
from tests.conformance.wire_samples import Sample

if TYPE_CHECKING:
    import anthropic
    import openai
    from google import genai

GROUP = pytest.mark.xdist_group("the providers' SDKs")

type Answer = Callable[[httpx2.Request], httpx2.Response]


def transport(answer: Answer) -> httpx2.MockTransport:
    return httpx2.MockTransport(answer)


def replaying(sample: Sample) -> Answer:
    """Answers every request with the sample's response, in uneven chunks."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        head = sample.exchange.response
        assert head is not None
        return httpx2.Response(
            head.status,
            headers=[(k.decode(), v.decode()) for k, v in head.headers],
            content=_chunks(sample.response),
        )

    return answer


def failing(status: int, body: bytes) -> tuple[Answer, list[httpx2.Request]]:
    """Answers with an error that must not be tried again; also gives the requests it got."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        headers = {"content-type": "application/json", "x-should-retry": "false"}
        return httpx2.Response(status, headers=headers, content=body)

    return answer, seen


def streaming(body: bytes) -> Answer:
    """Answers with an event stream."""
    headers = {"content-type": "text/event-stream"}
    return lambda _: httpx2.Response(200, headers=headers, content=_chunks(body))


def openai_client(answer: Answer) -> "openai.OpenAI":
    import openai

    http = httpx2.Client(transport=transport(answer))
    return openai.OpenAI(api_key="none", base_url="https://api.openai.com/v1", http_client=http)


def anthropic_client(answer: Answer) -> "anthropic.Anthropic":
    import anthropic

    http = httpx2.Client(transport=transport(answer))
    return anthropic.Anthropic(api_key="none", http_client=http)


def genai_client(answer: Answer) -> "genai.Client":
    from google import genai
    from google.genai import types

    http = httpx2.Client(transport=transport(answer))
    return genai.Client(api_key="none", http_options=types.HttpOptions(httpx_client=http))


def uses(found: Iterable[ToolUse]) -> list[tuple[Any, ...]]:
    """Tool uses as the tests compare them."""
    return [(use.id, use.name, use.arguments) for use in found]


def _chunks(body: bytes) -> Iterable[bytes]:
    for start in range(0, len(body), 97):
        yield body[start : start + 97]
