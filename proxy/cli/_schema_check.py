"""`dashcam schemas check`: calls against what is declared, or against an earlier run."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from proxy.cli._common import Cli
from proxy.cli._observed import Observed, calls
from proxy.cli._print import Column, note, put, put_json, table
from proxy.core.schemas import Book
from proxy.core.schemas.observing import additions, drift, gather
from proxy.core.validators import Learned, Material
from proxy.core.validators.tool_schemas import check as misfits
from proxy.core.validators.tool_schemas import learn
from proxy.engine.schema_files import load
from proxy.runtime import schema_rules

_CLEAN, _DRIFTED, _NOTHING = 0, 2, 125
_INDEX = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Finding:
    """What is wrong with a tool's payloads, in how many of its calls (0: it is not counted)."""

    tool: str
    side: str
    path: str
    change: str
    message: str
    breaking: bool
    calls: int = 0


def check(cli: Cli, runs: Sequence[str], glob: str, against: str | None, *, strict: bool) -> int:
    """Says what has drifted; see `schemas` for the exit codes."""
    observed = list(calls(cli, runs or ("last",)))
    if against is not None:
        compared, found = _with_earlier(list(calls(cli, [against])), observed, glob)
    else:
        compared, found = _with_declared(cli, observed, glob)
    counting = [one for one in found if one.breaking or strict]
    code = _DRIFTED if counting else _CLEAN if compared else _NOTHING
    if cli.json:
        put_json(
            {"exitCode": code, "compared": compared, "findings": [asdict(one) for one in found]}
        )
    else:
        _print(compared, found, against)
    return code


def _with_earlier(
    before: Sequence[Observed], now: Sequence[Observed], glob: str
) -> tuple[list[str], list[Finding]]:
    old, new = gather(before), gather(now)
    compared = [step for step in old if step in new and fnmatchcase(step, glob)]
    found = [
        Finding(step, side, one.path, one.change, one.message, one.breaking)
        for step, side, one in drift(old, new)
        if step in compared
    ]
    return compared, found


def _with_declared(
    cli: Cli, observed: Sequence[Observed], glob: str
) -> tuple[list[str], list[Finding]]:
    settings = cli.settings()
    where = settings.schemas
    loaded = load(where.folder, where.openapi)
    for problem in loaded.problems:
        note(f"not a schema: {problem}")
    book = Book(loaded.declared, schema_rules(settings))
    compared: dict[str, None] = {}
    found: dict[tuple[str, str, str, str], Finding] = {}
    for name, finding in _findings(book, observed):
        if not fnmatchcase(name, glob):
            continue
        compared[name] = None
        if finding is not None:
            key = (name, finding.side, finding.path, finding.message)
            found.setdefault(key, finding).calls += 1
    added = [one for one in _additions(book, observed) if fnmatchcase(one.tool, glob)]
    return list(compared), [*found.values(), *added]


def _findings(book: Book, observed: Iterable[Observed]) -> Iterator[tuple[str, Finding | None]]:
    """Each call under a schema, by its name, and what is wrong with it."""
    learned: dict[str, Learned] = {}
    for exchange, call, request, response in observed:
        learned.update(learn(call))
        name = _schema_of(book, learned, (exchange, call, request, response))
        if name is None:
            continue
        yield name, None
        told = set()
        for one in misfits(Material(exchange, call, request, response, learned, book)):
            path = _INDEX.sub("[*]", one.path)
            if (one.side, path, one.keyword) not in told:
                told.add((one.side, path, one.keyword))
                breaking = one.breaking and one.keyword != "unchecked"
                yield name, Finding(name, one.side, path, one.keyword, one.message, breaking)


def _schema_of(book: Book, learned: dict[str, Learned], observed: Observed) -> str | None:
    exchange, call, _, _ = observed
    if call.step.startswith("mcp:"):
        known = call.step in learned or book.of_tool(call.step) is not None
        return call.step if known and call.kind == "tool_call" else None
    own = book.of_request(exchange.request, exchange.own.step)
    return None if own is None else own.name


def _additions(book: Book, observed: Sequence[Observed]) -> Iterator[Finding]:
    """Fields that came and that no schema knows: no fault, but the first sign of drift."""
    for seen in gather(observed).values():
        first = next(one for one in observed if (one[0].own.step or one[1].step) == seen.step)
        exchange, call = first[:2]
        mcp = call.step.startswith("mcp:")
        own = (
            book.of_tool(call.step) if mcp else book.of_request(exchange.request, exchange.own.step)
        )
        if own is None:
            continue
        for (side, payloads), schema in zip(
            seen.sides(), (own.request, own.response(200)), strict=True
        ):
            for one in additions(schema or {}, payloads):
                yield Finding(own.name, side, one.path, one.change, one.message, breaking=False)


def _print(compared: Sequence[str], found: Sequence[Finding], against: str | None) -> None:
    if found:
        columns = (
            *(Column("schema" if against is None else "tool"), Column("side"), Column("path")),
            *(Column("change"), Column("calls", right=True), Column("what")),
        )
        put(
            table(
                columns,
                [
                    [
                        (one.tool, "bold"),
                        (one.side, ""),
                        (one.path, ""),
                        (one.change, "red" if one.breaking else "yellow"),
                        (str(one.calls or ""), ""),
                        (one.message, ""),
                    ]
                    for one in found
                ],
            )
        )
    what = "the earlier run" if against is not None else "a schema"
    if not compared:
        note(f"no call of these runs can be compared with {what}")
        if against is None:
            note("`dashcam schemas infer` makes first schemas from good runs")
        return
    breaking = sum(one.breaking for one in found)
    note(f"{len(compared)} compared with {what}; {breaking} breaking, {len(found) - breaking} not")
