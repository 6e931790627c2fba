"""The providers' formats with their failures, picked by the model's name.

`status-429` (any status), `error-in-stream`, `cut-stream` and `reset-stream`; `busy-N` turns the
first N requests of a conversation away; `judge-yes`, `judge-no` and `judge-broken` give a verdict;
every other model answers as the demo's planner does.
"""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from proxy.demo import anthropic_api, http1, openai_api, responses_api
from proxy.demo.http1 import Response, json_response
from proxy.demo.parts import sse
from tests.upstream.contract import Behaviour, Reply, Request

_KINDS = {
    401: ("invalid_request_error", "authentication_error"),
    429: ("requests", "rate_limit_error"),
    500: ("server_error", "api_error"),
    529: ("server_error", "overloaded_error"),
}


def failure(status: int, *, anthropic: bool) -> Response:
    """An error answer in the provider's own shape."""
    kinds = _KINDS.get(status, ("invalid_request_error", "invalid_request_error"))
    message = f"status {status} was asked for"
    if anthropic:
        body = {
            "type": "error",
            "error": {"type": kinds[1], "message": message},
            "request_id": f"req_{status}",
        }
        return json_response(status, body, {"request-id": f"req_{status}"})
    body = {"error": {"message": message, "type": kinds[0], "param": None, "code": f"c{status}"}}
    return json_response(status, body, {"x-request-id": f"req_{status}", "retry-after-ms": "5"})


def verdict(model: str, *, anthropic: bool) -> Response:
    """A judge's answer, in the tool or the text that it was asked for in."""
    said: dict[str, object] = {"passed": model == "judge-yes", "reason": "It is so.", "quote": ""}
    if model == "judge-broken":
        said["passed"] = "perhaps"
    if anthropic:
        use = {"type": "tool_use", "id": "toolu_1", "name": "verdict", "input": said}
        body = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
        used = {"input_tokens": 9, "output_tokens": 3}
        more = {"content": [use], "stop_reason": "tool_use", "usage": used}
        return json_response(200, body | more)
    message = {"role": "assistant", "content": json.dumps(said)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    used = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": model}
    return json_response(200, {**body, "created": 1, "choices": [choice], "usage": used})


def _behaviour(
    answer: Callable[[http1.Request], Response], *, anthropic: bool = False
) -> Behaviour:
    async def behave(request: Request, reply: Reply) -> None:
        body = await request.read()
        model = str(json.loads(body).get("model", ""))
        if model.startswith("status-"):
            response = failure(int(model.removeprefix("status-")), anthropic=anthropic)
        elif model.startswith("busy-") and request.world.count_try(
            f"{model} {body.decode()}"
        ) <= int(model.removeprefix("busy-")):
            response = failure(HTTPStatus.TOO_MANY_REQUESTS, anthropic=anthropic)
        elif model.startswith("judge-"):
            response = verdict(model, anthropic=anthropic)
        else:
            response = answer(http1.Request("POST", request.seen.target, {}, body))
        await _send(reply, response, model, anthropic=anthropic)

    return behave


async def _send(reply: Reply, response: Response, model: str, *, anthropic: bool) -> None:
    headers = [("content-type", response.content_type), *response.headers.items()]
    if response.chunks is None:
        length = [("content-length", str(len(response.body)))]
        await reply.head(response.status, [*headers, *length])
        await reply.send(response.body)
        await reply.end()
        return
    await reply.head(response.status, headers, "chunked")
    for chunk in _spoilt(response.chunks, model, anthropic=anthropic):
        await reply.send(chunk)
    if model == "cut-stream":
        await reply.hang_up()
    if model == "reset-stream":
        await reply.reset()
    await reply.end()


def _spoilt(chunks: Iterable[bytes], model: str, *, anthropic: bool) -> list[bytes]:
    """The stream as it is, or its first half with what `model` puts in place of the rest."""
    whole = list(chunks)
    if model not in {"error-in-stream", "cut-stream", "reset-stream"}:
        return whole
    half = whole[: len(whole) // 2]
    if model != "error-in-stream":
        return half
    if anthropic:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return [*half, sse({"type": "error", "error": error}, "error")]
    error = {"message": "The server had an error", "type": "server_error"}
    return [*half, sse({"error": {**error, "param": None, "code": None}})]


BEHAVIOURS: dict[str, Behaviour] = {
    "/v1/chat/completions": _behaviour(openai_api.chat),
    "/v1/embeddings": _behaviour(openai_api.embeddings),
    "/v1/responses": _behaviour(responses_api.responses),
    "/v1/messages": _behaviour(anthropic_api.messages, anthropic=True),
}
