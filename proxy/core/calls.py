"""A call: an exchange understood. Provider-neutral; every wire format decodes into these values.

Unknown is None, never zero. Counts are tokens. `input_tokens` is the total including cached ones,
`output_tokens` the total including reasoning, whatever way the provider counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

type Source = Literal["exact", "estimated", "unknown"]


@dataclass(slots=True, frozen=True)
class Usage:
    """What the call consumed; `source` says where the numbers come from."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: Source = "unknown"
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class ToolDef:
    """A tool that the request offered to the model; `schema` is its JSON Schema, if it has one."""

    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None  # what MCP servers declare of the result


@dataclass(slots=True, frozen=True)
class ToolUse:
    """The model asks for a tool; `arguments` is parsed, or None with `raw` if it is not JSON."""

    id: str | None
    name: str
    arguments: Any = None
    raw: str | None = None
    complete: bool = True


@dataclass(slots=True, frozen=True)
class ToolResult:
    """A tool's answer on its way back to the model, found in a later request."""

    id: str | None
    name: str | None
    content: Any = None
    is_error: bool | None = None


@dataclass(slots=True, frozen=True)
class Message:
    """One message, flattened: role, its text, the tool uses and results in it."""

    role: str
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    reasoning: str | None = None
    parts: int = 0  # images, audio, files and whatever else is not text


@dataclass(slots=True, frozen=True)
class Document:
    """One retrieved chunk."""

    id: str | None
    score: float | None = None
    text: str | None = None
    chunk_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Retrieval:
    """What was searched for and exactly what came back."""

    query: str | None = None
    top_k: int | None = None
    filter: Any = None
    documents: tuple[Document, ...] = ()


@dataclass(slots=True, frozen=True)
class CallError:
    """An error, wherever it hid: status line, body, stream, JSON-RPC, `isError`."""

    type: str  # the provider's own word: rate_limit_exceeded, overloaded_error, tool_error
    message: str
    code: str | None = None
    where: str = "status"  # status | body | stream | trailers | jsonrpc | tool | transport
    embedded: bool = False  # it came inside a 200


@dataclass(slots=True, frozen=True)
class Call:
    """One exchange understood.

    `kind` is llm_call, tool_call, retrieval or http; `step` the derived step name of DESIGN
    section 9 (`openai.chat`, `mcp:server/tool`, `GET api.example.com/customers/{id}`); `protocol`
    the wire format's name. `input`/`output` are a tool's arguments and result.
    """

    kind: str
    step: str
    protocol: str
    provider: str | None = None
    model: str | None = None
    served_model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolDef, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    reply: Message | None = None
    finish_reason: str | None = None
    usage: Usage = Usage()
    service_tier: str | None = None
    request_id: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    rate_limits: Mapping[str, str] = field(default_factory=dict)
    streamed: bool = False
    complete: bool = True  # the stream reached its own terminal event, the body parsed whole
    input: Any = None
    output: Any = None
    retrieval: Retrieval | None = None
    error: CallError | None = None
    session: Mapping[str, str] = field(default_factory=dict)  # ids in the body that name a run
    notes: tuple[str, ...] = ()
