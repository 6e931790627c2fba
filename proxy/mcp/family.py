"""Which run an MCP server belongs to: by its environment, or by that of who started it.

MCP clients hand their servers a filtered environment (HOME, PATH, SHELL, TERM), so what
`dashcam run` told the agent does not reach us. The agent is our parent, or its parent; where the
system lets one see the environment of one's own processes (Linux), it is looked up there.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

NAMES = ("DASHCAM_RUN", "DASHCAM_API", "DASHCAM_REPLAY", "DASHCAM_REPLAYING")
_GENERATIONS = 16


def told(environment: Mapping[str, str], pid: int, *, proc: Path = Path("/proc")) -> dict[str, str]:
    """The variables of NAMES, all from the nearest of our family that has any; else none."""
    for found in itertools.chain((environment,), _ancestors(pid, proc)):
        if given := {name: found[name] for name in NAMES if found.get(name)}:
            return given
    return {}


def _ancestors(pid: int, proc: Path) -> Iterator[Mapping[str, str]]:
    for _ in range(_GENERATIONS):
        try:
            stat = (proc / str(pid) / "stat").read_text(errors="replace")
            pid = int(stat.rpartition(")")[2].split()[1])  # proc(5): the name may hold anything
            if pid <= 1:
                return
            block = (proc / str(pid) / "environ").read_bytes()
        except (OSError, ValueError, IndexError):
            return
        pairs = (item.partition(b"=") for item in block.split(b"\0"))
        yield {
            key.decode(errors="replace"): text.decode(errors="replace") for key, _, text in pairs
        }
