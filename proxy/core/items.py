"""Conversation items of OpenAI's Responses and Realtime APIs, flattened into messages.

One turn of the assistant is several items there (reasoning, text, tool calls); neighbours of that
kind become one message. A tool that the provider runs itself carries its result: such a use has a
`ToolResult` of the same id in the same message, so that nobody waits for the client to run it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.core import loose
from proxy.core.calls import Message, ToolDef, ToolResult, ToolUse
from proxy.core.dialect import tool_use

# The items that the provider runs: where each keeps its arguments and its result.
_HOSTED = {
    "mcp_call": ("arguments", "output"),
    "web_search_call": ("action", "results"),
    "file_search_call": ("queries", "results"),
    "code_interpreter_call": ("code", "outputs"),
    "image_generation_call": ("revised_prompt", "status"),
    "tool_search_call": ("arguments", "status"),
}
# The items that the client runs, beside `function_call` and `custom_tool_call`.
_CLIENT_RUN = {
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
    "mcp_approval_request": "arguments",
}
_TEXT_PARTS = frozenset(("input_text", "output_text", "text", "refusal", "summary_text"))
_THINKING = frozenset(("reasoning_text", "thinking"))


@dataclass(slots=True)
class _Turn:
    """The assistant's items that follow one another."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    uses: list[ToolUse] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    parts: int = 0

    def message(self) -> Message:
        return Message(
            "assistant",
            "".join(self.texts),
            tuple(self.uses),
            tuple(self.results),
            "\n\n".join(self.thoughts) or None,
            self.parts,
        )

    def take(self, item: Mapping[str, Any], finished: bool) -> bool:
        """Take an item in if it is the assistant's."""
        kind = loose.text(item.get("type")) or "message"
        if kind == "message":
            if item.get("role") != "assistant":
                return False
            text, parts = content_text(item.get("content"))
            self.texts.append(text)
            self.parts += parts
        elif kind == "reasoning":
            self.thoughts += [t for t in (_reasoning(item),) if t]
        elif kind in ("function_call", "custom_tool_call") or kind in _CLIENT_RUN:
            self.uses.append(_use(item, kind, finished))
        elif kind in _HOSTED:
            use, result = _hosted(item, kind, finished)
            self.uses.append(use)
            self.results += [result] if result else []
        elif kind == "compaction":
            self.parts += 1
        else:
            return False
        return True


def messages(items: Any, *, finished: bool = True) -> list[Message]:
    """The messages of an `input` or `output`: a text, or a list of items."""
    if isinstance(items, str):
        return [Message("user", items)]
    found: list[Message] = []
    turn: _Turn | None = None
    for item in loose.objects(items):
        candidate = turn or _Turn()
        if candidate.take(item, finished):
            turn = candidate
            continue
        if turn is not None:
            found.append(turn.message())
            turn = None
        if (message := _other(item)) is not None:
            found.append(message)
    if turn is not None:
        found.append(turn.message())
    return found


def refused(items: Any) -> bool:
    """Whether an output holds a refusal."""
    return any(
        part.get("type") == "refusal"
        for item in loose.objects(items)
        for part in loose.objects(item.get("content"))
    )


def added_tools(value: Any) -> Iterable[ToolDef]:
    """Tools that came to a conversation on the way: loaded when needed, or found by a search."""
    for item in loose.objects(value):
        if item.get("type") in ("additional_tools", "tool_search_output"):
            yield from tools(item.get("tools"))


def tools(value: Any) -> Iterable[ToolDef]:
    """Tool definitions, flat as these APIs have them."""
    for tool in loose.objects(value):
        kind = loose.text(tool.get("type")) or ""
        name = loose.text(tool.get("name"))
        if kind == "namespace":  # a named group of functions
            yield from tools(tool.get("tools"))
            continue
        if name is None and (label := loose.text(tool.get("server_label"))):
            name = f"{kind}:{label}"
        schema = tool.get("parameters")
        yield ToolDef(
            name or kind,
            loose.text(tool.get("description")),
            schema if isinstance(schema, dict) else None,
        )


def content_text(content: Any) -> tuple[str, int]:
    """The text of a message's content, and how many other parts it has."""
    if isinstance(content, str):
        return content, 0
    texts, others = [], 0
    for part in loose.objects(content):
        if loose.text(part.get("type")) in _TEXT_PARTS:
            texts.append(loose.text(part.get("text")) or loose.text(part.get("refusal")) or "")
        elif (transcript := loose.text(part.get("transcript"))) is not None:
            texts.append(transcript)
            others += 1
        else:
            others += 1
    return "".join(texts), others


def _reasoning(item: Mapping[str, Any]) -> str:
    said = [
        loose.text(part.get("text")) or ""
        for key in ("summary", "content")
        for part in loose.objects(item.get(key))
        if loose.text(part.get("type")) in _TEXT_PARTS | _THINKING
    ]
    return "\n\n".join(text for text in said if text)


def _use(item: Mapping[str, Any], kind: str, finished: bool) -> ToolUse:
    id_ = loose.text(item.get("call_id")) or loose.text(item.get("id"))
    name = loose.text(item.get("name"))
    done = finished or item.get("status") == "completed"
    if kind == "custom_tool_call":  # free text by definition
        text = loose.text(item.get("input"))
        return ToolUse(id_, name or "", text, text, done)
    arguments = item.get(_CLIENT_RUN.get(kind, "arguments"))
    if kind == "function_call" or isinstance(arguments, str):
        return tool_use(id_, name or kind, loose.text(arguments) or "", finished=done)
    if kind == "computer_call" and arguments is None:
        arguments = item.get("actions")
    return ToolUse(id_, name or kind, arguments, complete=done)


def _hosted(
    item: Mapping[str, Any], kind: str, finished: bool
) -> tuple[ToolUse, ToolResult | None]:
    asked, answered = _HOSTED[kind]
    id_ = loose.text(item.get("id")) or loose.text(item.get("call_id"))
    name = loose.text(item.get("name")) or kind.removesuffix("_call")
    status = item.get("status")
    done = finished or status in ("completed", "failed")
    arguments = item.get(asked)
    if kind == "mcp_call" or (kind == "tool_search_call" and isinstance(arguments, str)):
        use = tool_use(id_, name, loose.text(arguments) or "", finished=done)
    else:
        use = ToolUse(id_, name, arguments, complete=done)
    if kind == "tool_search_call" and item.get("execution") == "client":
        return use, None
    error = item.get("error")
    failed = status == "failed" or bool(error)
    if not done and not failed:
        return use, None
    return use, ToolResult(id_, name, error or item.get(answered), failed)


def _other(item: Mapping[str, Any]) -> Message | None:
    kind = loose.text(item.get("type")) or "message"
    if kind == "message":
        text, parts = content_text(item.get("content"))
        return Message(loose.text(item.get("role")) or "user", text, parts=parts)
    if kind.endswith("_output"):
        output = item.get("output", item.get("result"))
        text, parts = content_text(output)
        content = text if isinstance(output, str) or (text and not parts) else output
        id_ = loose.text(item.get("call_id")) or loose.text(item.get("id"))
        name = None if kind in ("function_call_output", "custom_tool_call_output") else kind
        failed = True if item.get("status") in ("failed", "incomplete") else None
        return Message("tool", tool_results=(ToolResult(id_, name, content, failed),))
    if kind == "mcp_approval_response":
        id_ = loose.text(item.get("approval_request_id"))
        return Message("tool", tool_results=(ToolResult(id_, kind, item.get("approve")),))
    if kind in ("item_reference", "mcp_list_tools", "additional_tools", "compaction_trigger"):
        return None
    return Message(loose.text(item.get("role")) or "user", parts=1)
