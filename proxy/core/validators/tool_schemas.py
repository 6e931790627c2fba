"""A tool's arguments and its result against the schemas that are declared for it.

An MCP server declares them in its answer to `tools/list`; `learn` reads them there. The user
declares them in files, for tools over MCP and over plain HTTP.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core import heads, jsonrpc, loose
from proxy.core.calls import Call
from proxy.core.model import End
from proxy.core.schemas import checking
from proxy.core.schemas.book import Book
from proxy.core.schemas.declared import Declared
from proxy.core.validators._api import Learned, Material, Violation
from proxy.core.validators._misfits import misfits

name = "tool_schemas"

_LIST = "tools/list"
_PREFIX = "mcp:"
_OK = 200
_TOLD = ("not_json", "cut_off")  # by other validators


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


def known_of(
    step: str, learned: Mapping[str, Learned], book: Book | None
) -> Iterator[tuple[Learned, str | None]]:
    """What is declared of an MCP tool, by its server and by the user, each with its mode."""
    if (told := learned.get(step)) is not None:
        yield told, (book.mode(step, "") or None) if book else None
    if book and (own := book.of_tool(step)) is not None:
        yield Learned(own.request, own.response(_OK)), own.mode


def check(given: Material) -> Iterator[Violation]:
    """Both directions; the result of a call that failed is an error, and need not fit."""
    call, book = given.call, given.book
    if call.step.startswith(_PREFIX):
        if call.kind == "tool_call":
            for known, mode in known_of(call.step, given.learned, book):
                subject = call.step.removeprefix(_PREFIX)
                for one in _of_tool(call, known, subject):
                    yield one._replace(mode=mode)
        return
    if (told := given.learned.get(call.step)) is not None and call.kind == "tool_call":
        yield from _of_tool(call, told, call.step)
    if book and (own := book.of_request(given.exchange.request, given.exchange.own.step)):
        for one in _of_http(given, own):
            yield one._replace(mode=own.mode)


def arguments(known: Learned, given: Any, subject: str) -> list[Violation]:
    """What of a tool's arguments does not fit."""
    if known.input is None or given is None:
        return []
    return misfits(known.input, given, side="request", subject=subject)


def result(known: Learned, given: Any, subject: str) -> list[Violation]:
    """What of the result of an MCP tool does not fit; its error need not."""
    told = loose.obj(given)
    if known.output is None or told.get("isError") is True:
        return []
    if "structuredContent" in told:
        path, content = "$.structuredContent", told["structuredContent"]
        return misfits(known.output, content, side="response", subject=subject, at=path)
    if "content" not in told:
        return []
    said = "it is missing, though the tool declares a schema for its result"
    path = "$.structuredContent"
    return [Violation(path, said, "required", subject=subject, breaking=False)]


def called(message: jsonrpc.Message) -> tuple[str, Any]:
    """The name and the arguments of a `tools/call`."""
    asked = jsonrpc.params(message)
    return loose.text(asked.get("name")) or "unnamed", asked.get("arguments", {})


def _of_tool(call: Call, known: Learned, subject: str) -> Iterator[Violation]:
    yield from arguments(known, call.input, subject)
    if known.output is None or call.error is not None or call.output is None:
        return
    if call.step.startswith(_PREFIX):
        yield from result(known, call.output, subject)
    else:
        yield from misfits(known.output, call.output, side="response", subject=subject)


def _of_http(given: Material, own: Declared) -> Iterator[Violation]:
    """What other validators say of a body that is no JSON is not said again."""
    exchange = given.exchange
    yield from checking.of_request(own, exchange.request, given.request)
    response = exchange.response
    if response is None or exchange.end not in (End.COMPLETE, End.REFUSED):
        return
    if given.call.error is not None and exchange.end is End.COMPLETE:
        return
    told = heads.is_json(heads.media_type(response.headers))
    for one in checking.of_response(own, exchange.request, response, given.response):
        if not (told and one.keyword in _TOLD):
            yield one
