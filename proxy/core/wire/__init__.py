"""Wire formats: which dialect an exchange speaks, and the call it is.

`recognise` always finds one: the last in the table is plain HTTP. `decode_call` never raises.
"""

from dataclasses import replace

from proxy.core.calls import Call
from proxy.core.model import Exchange, RequestHead
from proxy.core.sockets import Turn
from proxy.core.wire import (
    anthropic_messages,
    bedrock_converse,
    bedrock_invoke,
    chroma,
    cohere_v2,
    elasticsearch,
    gemini_generate,
    gemini_interactions,
    grpc,
    http,
    mcp,
    ollama,
    openai_chat,
    openai_embeddings,
    openai_realtime,
    openai_responses,
    pinecone,
    qdrant,
    rerank,
    weaviate,
)
from proxy.core.wire._api import Turned, WireFormat
from proxy.errors import FormatError

__all__ = ["WIRE_FORMATS", "decode_call", "decode_turns", "recognise"]

# In the order they are tried: the first that recognises an exchange decodes it.
WIRE_FORMATS: tuple[WireFormat, ...] = (
    openai_chat.FORMAT,
    openai_responses.FORMAT,
    openai_realtime.FORMAT,
    openai_embeddings.FORMAT,
    anthropic_messages.FORMAT,
    gemini_generate.FORMAT,
    gemini_interactions.FORMAT,
    bedrock_converse.FORMAT,
    bedrock_invoke.FORMAT,
    cohere_v2.FORMAT,
    rerank.FORMAT,
    ollama.FORMAT,
    mcp.FORMAT,
    pinecone.FORMAT,
    qdrant.FORMAT,
    weaviate.FORMAT,
    chroma.FORMAT,
    elasticsearch.FORMAT,
    grpc.FORMAT,
    http.FORMAT,
)


def recognise(head: RequestHead, request: bytes) -> WireFormat:
    """The wire format of an exchange, from its request alone (body without Content-Encoding)."""
    return next(found for found in WIRE_FORMATS if found.recognises(head, request))


def decode_call(exchange: Exchange, request: bytes, response: bytes) -> Call:
    """The call that an exchange is; bodies are given without their Content-Encoding.

    Whatever its wire format cannot make sense of becomes a plain `http` call with a note, under
    the step that its request has.
    """
    found = recognise(exchange.request, request)
    try:
        return found.decode(exchange, request, response)
    except FormatError as err:
        note = err.message
    except Exception as err:  # noqa: BLE001 - a decoder's bug must not cost the recording
        note = f"{found.name} failed on it: {type(err).__name__}: {err}"[:300]
    try:
        plain = http.FORMAT.decode(exchange, request, response)
    except Exception as err:  # noqa: BLE001 - likewise
        return Call(
            "http", found.step(exchange.request, request), "http", notes=(note, repr(err)[:300])
        )
    step = found.step(exchange.request, request)
    return replace(plain, kind="http", step=step, notes=(*plain.notes, note))


def decode_turns(exchange: Exchange) -> tuple[Turn, ...]:
    """The calls of a WebSocket, which holds many; empty for everything else."""
    found = recognise(exchange.request, b"")
    if not exchange.frames or not isinstance(found, Turned):
        return ()
    try:
        return found.turns(exchange)
    except Exception:  # noqa: BLE001 - a decoder's bug must not cost the recording
        return ()
