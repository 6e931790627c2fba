import base64
import json
import struct
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.wire import decode_call, openai_embeddings
from tests.conformance.wire_samples import sample
from tests.core.wire import sdk

pytestmark = sdk.GROUP
FORMAT = openai_embeddings.FORMAT


def test_agrees_with_the_client() -> None:
    one = sample("openai_embeddings/base64")
    client = sdk.openai_client(sdk.replaying(one))
    theirs = client.embeddings.create(model="m", input=["a", "b"])
    ours = decode_call(one.exchange, one.request, one.response)
    assert ours.output == {"vectors": len(theirs.data), "dimensions": len(theirs.data[0].embedding)}
    assert ours.usage.input_tokens == theirs.usage.prompt_tokens
    assert ours.served_model == theirs.model


def test_our_error_body_is_the_clients_own_error() -> None:
    import openai

    answer, _ = sdk.failing(424, FORMAT.error_body(424, "no such call", type_="miss"))
    with pytest.raises(openai.APIStatusError, match="no such call"):
        sdk.openai_client(answer).embeddings.create(model="m", input="x")


VECTORS: list[tuple[Any, int | None]] = [
    ([0.1, 0.2], 2),
    (base64.b64encode(struct.pack("<3f", 1, 2, 3)).decode(), 3),
    ("no base64!", None),
    (7, None),
]


@pytest.mark.parametrize(("vector", "dimensions"), VECTORS)
def test_dimensions(vector: Any, dimensions: int | None) -> None:
    one = sample("openai_embeddings/base64")
    body = json.dumps({"data": [{"embedding": vector}]}).encode()
    call = decode_call(one.with_response(body), one.request, body)
    assert call.output == {"vectors": 1, "dimensions": dimensions}


def test_azure_names_the_model_in_the_path() -> None:
    head = replace(
        sample("openai_embeddings/base64").exchange.request,
        target="/openai/deployments/embed-prod/embeddings?api-version=1",
    )
    assert FORMAT.recognises(head, b'{"input": "x"}')
    assert FORMAT.ask(head, {"input": "x"}).model == "embed-prod"


def test_other_apis_have_embeddings_too() -> None:
    head = sample("openai_embeddings/base64").exchange.request
    assert not FORMAT.recognises(head, b'{"video": 1}')
