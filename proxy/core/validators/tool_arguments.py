"""What the model wants a tool called with, against the tool's definition in the same request."""

from collections.abc import Iterator, Mapping

from proxy.core.calls import ToolDef, ToolUse
from proxy.core.validators._api import Material, Violation
from proxy.core.validators._drift import lookalike
from proxy.core.validators._misfits import misfits

name = "tool_arguments"

# With these among the tools, the model may also use tools that the request does not list.
_OPEN_ENDED = ("mcp", "tool_search")


def check(given: Material) -> Iterator[Violation]:
    """Unknown tools, arguments that are no JSON or cut off, and what the tool's schema says."""
    reply = given.call.reply
    if reply is None or given.call.kind != "llm_call":
        return
    tools = {tool.name: tool for tool in given.call.tools}
    answered = {result.id for result in reply.tool_results}  # by the provider itself
    for use in reply.tool_uses:
        if use.id is not None and use.id in answered:
            continue
        if _unknown(use, tools):
            yield _stranger(use, tools)
        yield from _arguments(use, tools.get(use.name))


def _unknown(use: ToolUse, tools: Mapping[str, ToolDef]) -> bool:
    if not tools or use.name in tools or use.name.endswith("_call"):
        return False  # nothing to compare with; or a built-in tool, named by its kind
    return not any(known.startswith(_OPEN_ENDED) for known in tools)


def _stranger(use: ToolUse, tools: Mapping[str, ToolDef]) -> Violation:
    meant = lookalike(use.name, tools)
    hint = f"; there is `{meant}`" if meant else ""
    count = "the only tool" if len(tools) == 1 else f"one of the {len(tools)} tools"
    message = f"`{use.name[:80]}` is not {count} that the model was given{hint}"
    return Violation("$", message, "unknown_tool", subject=use.name)


def _arguments(use: ToolUse, tool: ToolDef | None) -> Iterator[Violation]:
    if not use.complete:
        length = len(use.raw or "")
        message = f"the arguments are cut off after {length} characters"
        yield Violation("$", message, "cut_off", subject=use.name)
    elif use.arguments is None and use.raw and use.raw.strip() != "null":
        message = f"the arguments are not JSON: they begin with {use.raw[:40]!r}"
        yield Violation("$", message, "not_json", subject=use.name)
    elif tool is not None and tool.schema is not None:
        yield from misfits(tool.schema, use.arguments, side="response", subject=use.name)
