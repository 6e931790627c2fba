"""What a replay does with the world: the modes of `replay`, `test` and the pytest plugin.

A mode alone names nobody. `replay` asks for hosts by name; for `test`, a recording names its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from proxy.cli._files import write_whole
from proxy.core.model import Run, Snapshot
from proxy.core.recording import SUFFIX, dump
from proxy.core.replay import Live
from proxy.core.replay.extend import anew, extended, live_calls
from proxy.core.replay.live import NOTHING
from proxy.engine.replayer import Mode
from proxy.errors import ConfigError

MODES: Final[Mapping[str, str]] = {
    "none": "offline: what is not recorded is a miss",
    "once": "none where there is a recording, all where there is not",
    "new": "what is not recorded goes live, and is added to the recording",
    "all": "everything goes live, and the recording is made anew",
    "verify": "everything goes live, and is compared with the recording",
}
ALIASES: Final = {"replay": "none", "record": "all"}
CHOICES: Final = (*MODES, *ALIASES)
LIVE: Final = frozenset(("new", "all", "verify"))


def chosen(mode: str, *, there: bool) -> str:
    """The mode by its own name; `once` becomes one of the others: is the recording `there`?"""
    name = ALIASES.get(mode, mode)
    if name == "once":
        return "none" if there else "all"
    return name


def with_live(mode: Mode, name: str, live: Live) -> Mode:
    """How a recording is played in a mode, if `live` is what was named."""
    return replace(mode, missing=live, live=NOTHING) if name == "new" else replace(mode, live=live)


def unnamed(name: str, hosts: Iterable[str]) -> ConfigError:
    """What is said when a mode would go live and nobody was named."""
    flags = " ".join(f"--live host:{host}" for host in sorted(set(hosts)))
    return ConfigError(
        f"--mode {name} goes live, and nothing was named that may",
        hint=f"name it: {flags or '--live host:NAME'}",
    )


def own_form(file: Path) -> None:
    """Raises ConfigError where a file is of a foreign format, which is not written here."""
    if not file.name.endswith(".jsonl"):
        raise ConfigError(
            f"{file} is not a Dashcam recording, and cannot be added to",
            hint="import it, then export it as .dashcam.jsonl",
        )


def missing(file: Path) -> Snapshot:
    """The recording that is still to be made."""
    return Snapshot(Run("", name_of(file), "", 0.0))


def name_of(file: Path) -> str:
    """A recording's name."""
    return file.name.removesuffix(SUFFIX).removesuffix(".jsonl")


def keep(name: str, file: Path, recorded: Snapshot, played: Snapshot) -> int:
    """Writes what a mode keeps into the recording's file; returns the number of calls added.

    Mode `new` leaves a file alone that has all there is.
    """
    live = live_calls(played)
    if name == "all":
        write_whole(file, dump(anew(recorded, played)), force=True)
    elif name == "new" and live:
        write_whole(file, dump(extended(recorded, played)), force=True)
    return len(live)
