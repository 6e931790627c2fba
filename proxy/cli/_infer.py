"""`dashcam schemas infer`: a first schema for each tool, from calls that went well."""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from proxy.cli._common import Cli
from proxy.cli._observed import calls, completed
from proxy.cli._print import Column, note, put, put_json, table
from proxy.core.schemas.observing import Seen, gather
from proxy.errors import ConfigError

_NOTHING = 1


def infer(
    cli: Cli, runs: Sequence[str], glob: str, label: str | None, to: Path | None, *, force: bool
) -> int:
    """Writes the files; says what it did with each."""
    chosen = runs or completed(cli, label)
    found = [
        seen
        for seen in gather(calls(cli, chosen, good=True)).values()
        if fnmatchcase(seen.step, glob) and (seen.requests or seen.responses)
    ]
    if not found:
        note("no tool was called in these runs whose payloads are JSON and were well")
        if cli.json:
            put_json([])
        return _NOTHING
    folder = to or cli.settings().schemas.folder
    told = [(seen, *_written(seen, folder, force=force)) for seen in found]
    if cli.json:
        put_json(
            [
                {
                    "tool": seen.step,
                    "calls": seen.calls,
                    "file": path.as_posix(),
                    "written": written,
                    "schema": seen.document(),
                }
                for seen, path, written in told
            ]
        )
        return 0
    columns = (Column("tool"), Column("calls", right=True), Column("file"), Column(""))
    put(
        table(
            columns,
            [
                [
                    (seen.step, "bold"),
                    (str(seen.calls), ""),
                    (path.as_posix(), ""),
                    ("written", "green") if written else ("kept: --force replaces it", "yellow"),
                ]
                for seen, path, written in told
            ],
        )
    )
    return 0


def _written(seen: Seen, folder: Path, *, force: bool) -> tuple[Path, bool]:
    path = folder / f"{seen.name}.json"
    if path.exists() and not force:
        return path, False
    text = json.dumps(seen.document(), ensure_ascii=False, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path, True
