"""Ignore rules that a replay suggests: told, and written where the user wants them."""

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from proxy.cli._files import write_whole
from proxy.cli._source import load_one
from proxy.config import FILE
from proxy.core.matching import IgnoreRule
from proxy.core.matching.rules import write
from proxy.core.model import Run
from proxy.core.recording import dump, ignore_rules, with_ignore_rules
from proxy.core.replay import rule_body
from proxy.core.replay.suggest import Suggestion, merged
from proxy.errors import ConfigError

RECORDING = "recording"
_NAME = "ignore_rules"


def accepted(found: Sequence[Suggestion]) -> list[IgnoreRule]:
    """The rules that may be written: those that confuse no recorded calls."""
    return merged(rule for one in found if not one.confuses for rule in one.rules)


def lines(found: Sequence[Suggestion]) -> Iterator[str]:
    """What is suggested, for reading."""
    for one in found:
        times = "" if one.misses == 1 else f" ({one.misses} times)"
        yield f"to match call {one.seq}{times}, ignore:"
        yield from (f"  {write(rule)}" for rule in one.rules)
        for first, second in one.confuses[:3]:
            yield f"  but calls {first} and {second} would be one: it is not accepted"


def as_json(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "rules": [rule_body(rule) for rule in one.rules],
            "lines": [write(rule) for rule in one.rules],
            "seq": one.seq,
            "step": one.step,
            "misses": one.misses,
            "confuses": [list(pair) for pair in one.confuses],
        }
        for one in found
    ]


def ruled(run: Run, rules: Sequence[IgnoreRule]) -> Run:
    """The run with more rules."""
    return with_ignore_rules(run, dict.fromkeys((*ignore_rules(run), *rules)))


def into_file(file: Path, rules: Sequence[IgnoreRule]) -> None:
    """Writes rules into a recording's file, beside those that it has."""
    snapshot = load_one(file)
    made = replace(snapshot, run=ruled(snapshot.run, rules))
    write_whole(file, dump(made), force=True)


def config_file(named: Path | None) -> Path:
    """The settings file that holds: the one named, that of DASHCAM_CONFIG, else dashcam.toml."""
    return named or Path(os.environ.get("DASHCAM_CONFIG") or FILE)


def into_config(path: Path, rules: Sequence[IgnoreRule]) -> Path:
    """Writes rules into the settings file, beside those that it has; the rest stays as it is.

    Raises:
        ConfigError: the file is no TOML.
    """
    text = path.read_text("utf-8") if path.exists() else ""
    try:
        had = tomllib.loads(text).get(_NAME, [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    kept = dict.fromkeys((*map(str, had), *map(write, rules)))
    block = "".join([f"{_NAME} = [\n", *(f"    {_literal(one)},\n" for one in kept), "]\n"])
    if text and not text.endswith("\n"):
        text += "\n"
    start, end = _place(text)
    made = f"{text[:start]}{block}{text[end:]}"
    if tomllib.loads(made).get(_NAME) != list(kept):
        raise ConfigError(f"{path}: {_NAME} cannot be changed", hint=f"write it yourself:\n{block}")
    write_whole(path, [made.encode()], force=True)
    return path


def _place(text: str) -> tuple[int, int]:
    """Where the setting stands, or would: before the first table."""
    found = re.search(rf"^{_NAME}[ \t]*=", text, re.MULTILINE)
    if found is None:
        table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
        at = table.start() if table else len(text)
        return at, at
    at = found.start()
    for line in re.finditer(r"[^\n]*(?:\n|$)", text[at:]):
        try:
            tomllib.loads(text[at : at + line.end()])
        except tomllib.TOMLDecodeError:
            continue
        return at, at + line.end()
    return at, len(text)


def _literal(text: str) -> str:
    """A TOML string: in single quotes, where nothing has to be escaped."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = "".join(
        f"\\u{ord(one):04x}" if ord(one) < ord(" ") or one == "\x7f" else one
        for one in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'
