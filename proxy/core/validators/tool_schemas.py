"""A tool's arguments and its result against the schemas that its own server declares.

An MCP server declares them in its answer to `tools/list`; `learn` reads them there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core import loose
from proxy.core.calls import Call
from proxy.core.validators._api import Learned, Material, Violation
from proxy.core.validators._misfits import misfits

name = "tool_schemas"

_LIST = "tools/list"
_PREFIX = "mcp:"


def learn(call: Call) -> Mapping[str, Learned]:
    """The schemas that a call tells of, by the step name of the tool they are of."""
    if not (call.step.startswith(_PREFIX) and call.step.endswith(f"/{_LIST}")):
        return {}
    server = call.step.removesuffix(_LIST)
    return {
        f"{server}{tool.name}": Learned(tool.schema, tool.output_schema)
        for tool in call.tools
        if tool.schema is not None or tool.output_schema is not None
    }


def check(given: Material) -> Iterator[Violation]:
    """Both directions; the result of a call that failed is an error, and need not fit."""
    call = given.call
    known = given.learned.get(call.step) if call.kind == "tool_call" else None
    if known is None:
        return
    subject = call.step.removeprefix(_PREFIX)
    if known.input is not None and call.input is not None:
        yield from misfits(known.input, call.input, side="request", subject=subject)
    if known.output is not None and call.error is None and call.output is not None:
        yield from _result(call, known.output, subject)


def _result(call: Call, schema: Mapping[str, Any], subject: str) -> Iterator[Violation]:
    if not call.step.startswith(_PREFIX):
        yield from misfits(schema, call.output, side="response", subject=subject)
        return
    result = loose.obj(call.output)
    if "structuredContent" in result:
        path, content = "$.structuredContent", result["structuredContent"]
        yield from misfits(schema, content, side="response", subject=subject, at=path)
    elif "content" in result:
        yield Violation(
            "$.structuredContent",
            "it is missing, though the tool declares a schema for its result",
            "required",
            subject=subject,
            breaking=False,
        )
