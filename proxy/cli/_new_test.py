"""A recorded run as a test: the recording for git, and a pytest file that says what is asked."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from proxy.core.checks.expected import expected, failed_call
from proxy.core.model import Event, Outcome, Snapshot
from proxy.core.outcomes import current_outcome, iso

_WIDTH = 96
_UNPRINTED = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+")


def default_name(snapshot: Snapshot) -> str:
    """From the label and how it ended: `supportagent-tool-error`."""
    outcome = current_outcome(snapshot.outcomes)
    mode = outcome.failure_mode if outcome else None
    return slug(f"{snapshot.run.label} {mode or ''}") or "run"


def slug(text: str) -> str:
    """Letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")


def wanted_of(snapshot: Snapshot) -> dict[str, Any]:
    """The checks that the test begins with: what the recording expects, and the tools used."""
    wanted = expected(current_outcome(snapshot.outcomes), snapshot.events)
    if tools := list(dict.fromkeys(_tools(snapshot.events, wanted.get("recovers")))):
        wanted["tool_called"] = tools
    return wanted


def _tools(events: Sequence[Event], until: int | None) -> Iterator[str]:
    for event in events:
        seq = event.data.get("seq")
        known = isinstance(seq, int) and (until is None or seq <= until)
        if known and event.kind in {"tool_call", "retrieval"}:
            yield event.name


def page(
    snapshot: Snapshot, name: str, argv: Sequence[str], checks: Mapping[str, Any] | None = None
) -> str:
    """The pytest file; valid Python whatever the recording says. `checks`: instead of its own."""
    outcome = current_outcome(snapshot.outcomes)
    wanted = wanted_of(snapshot) if checks is None else checks
    function = re.sub(r"\W", "_", name)
    when = iso(snapshot.run.started_at)[:16].replace("T", " ")
    lines = [
        f'"""{_title(snapshot, outcome)}',
        "",
        *textwrap.wrap(f"Recorded {when}Z. {_plan(name, wanted)}", _WIDTH),
        '"""',
        "",
        "import pytest",
        "",
        *_listed("COMMAND = ", list(_portable(argv))),
        "",
        "CHECKS = {",
        *_checks(wanted, snapshot.events, outcome),
        "}",
        "",
        "",
        f"@pytest.mark.dashcam({_text(name)})",
        f"def test_{function}(dashcam_run):",
        "    dashcam_run(COMMAND, checks=CHECKS)",
        "",
    ]
    return "\n".join(lines)


def _title(snapshot: Snapshot, outcome: Outcome | None) -> str:
    ended = "it has no outcome"
    if outcome is not None:
        reason = (outcome.reason or "").strip().partition("\n")[0]
        ended = outcome.failure_mode or outcome.status
        ended += f": {reason}" if reason else ""
    said = _UNPRINTED.sub(" ", f"{snapshot.run.label}: {ended}")
    said = said.replace("\\", "/").replace('"', "'").strip(" .")
    return f"{said}." if len(said) < _WIDTH - 4 else f"{said[: _WIDTH - 4]}…"


def _plan(name: str, wanted: Mapping[str, Any]) -> str:
    where = f"The agent runs against {name}.dashcam.jsonl, offline."
    if "recovers" in wanted:
        return (
            f"{where} This fails as long as the run ends as it did, and passes once the agent gets "
            "over the failure. What the fixed agent asks for beyond that point is not in the "
            "recording; `pytest --dashcam=record` records it anew, against the real world."
        )
    return f"{where} Its calls, answers and outcome must be the recorded ones."


def _checks(
    wanted: Mapping[str, Any], events: Sequence[Event], outcome: Outcome | None
) -> Iterator[str]:
    for name, value in wanted.items():
        if note := _note(name, events, outcome):
            yield from (f"    # {line}" for line in textwrap.wrap(note, _WIDTH - 6))
        shown = _listed(f"{_text(name)}: ", value)
        yield from (f"    {line}" for line in [*shown[:-1], f"{shown[-1]},"])


def _note(name: str, events: Sequence[Event], outcome: Outcome | None) -> str:
    failed = failed_call(outcome, events) if outcome is not None else None
    if name == "recovers":
        call = next((event for event in events if event.data.get("seq") == failed), None)
        error = str(call.data.get("error") or "failed") if call is not None else "failed"
        step = call.name if call is not None else "?"
        said = f"Call {failed}, {step}, failed: {error}. The run completes, or does something new."
        return _UNPRINTED.sub(" ", said)
    notes = {
        "follows": "The recorded calls are made, and no others"
        + (f", up to call {failed}." if failed else "."),
        "tool_called": "What was used on the way; arguments and counts may be asked for too.",
    }
    return notes.get(name, "")


def _portable(argv: Sequence[str]) -> Iterator[str]:
    """The command; a Python of some environment becomes whatever Python there is."""
    first, *others = argv
    path = PurePath(first)
    plain = path.is_absolute() and re.fullmatch(r"python[\d.]*", path.name)
    yield "python" if plain else first
    yield from others


def _listed(before: str, value: Any) -> list[str]:
    """`before` and a value as Python, a list on several lines where it is long."""
    if not isinstance(value, list):
        return [before + (_text(value) if isinstance(value, str) else repr(value))]
    items = [_text(item) for item in value]
    one = f"{before}[{', '.join(items)}]"
    if len(one) <= _WIDTH - 4:
        return [one]
    return [f"{before}[", *[f"    {item}," for item in items], "]"]


def _text(value: str) -> str:
    """A Python literal, in double quotes where that is simple."""
    literal = repr(value)
    plain = literal[1:-1] == value and '"' not in value
    return f'"{value}"' if plain else literal


def files(name: str, folder: Path, test: str | None) -> tuple[Path, Path]:
    """Where the recording and the pytest file go."""
    where = Path(test) if test else Path("tests") / f"test_{re.sub(r'\W', '_', name)}.py"
    return folder / f"{name}.dashcam.jsonl", where
