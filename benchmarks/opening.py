"""What opening a large recording for a replay costs: python -m benchmarks.opening [MEGABYTES].

The measure is `json.loads` over the file's lines, which no reader of it can do without. Each is a
process of its own, and they take turns; the last answers one request as well. CPU is user and
system time, memory the most that was resident at once.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.store import START, agent_run, source_texts
from proxy.core.model import Exchange, Run, Snapshot
from proxy.core.recording import dump
from proxy.core.replay import Fixtures, Hit, Playback
from proxy.importers.recording_file import opened
from proxy.replays import step_of

_ROUNDS = 3


def write(path: Path, size: int) -> int:
    """A recording of `size` bytes of bodies, of coding agents; returns its number of calls."""
    texts, calls = source_texts(), list[Exchange]()
    number = written = 0
    while written < size:
        for one in agent_run(f"run_{number}", texts, "code", stream=number % 2 == 1):
            written += len(one.request_body.data) + len(one.response_body.data)
            calls.append(replace(one, run_id="r1", seq=len(calls) + 1))
        number += 1
    with path.open("wb") as file:
        file.writelines(dump(Snapshot(Run("r1", "large", "r1", START), calls)))
    return len(calls)


def parse(path: Path) -> None:
    """The measure."""
    with path.open("rb") as file:
        for line in file:
            json.loads(line)


def serve(path: Path) -> None:
    """What a replay does before its first answer, and that."""
    file = opened(path)
    if file is None:
        raise SystemExit(f"{path} is no recording")
    found = Fixtures.of(file.exchanges(), steps=step_of, load=file.exchange)
    asked = found.all[0].load()
    answer = Playback(found).decide(asked.request, asked.request_body.data)
    if not isinstance(answer, Hit):
        raise SystemExit("the first call was not found")


WAYS: dict[str, Callable[[Path], None]] = {"json.loads": parse, "replay": serve}
_WRITE = "write"  # in a process of its own, too: what it held would count for its children


def _apart(*told: str) -> str:
    """What this program prints when it is told so."""
    command = [sys.executable, "-m", "benchmarks.opening", *told]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _measured(way: str, path: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and megabytes of one process that does it."""
    wall, cpu, memory = map(float, _apart(way, str(path)).split())
    return wall, cpu, memory


def _one(way: str, path: Path, size: int) -> None:
    """In the process itself, imports not counted."""
    if way == _WRITE:
        print(write(path, size))
        return
    began, cpu = time.perf_counter(), time.process_time()
    WAYS[way](path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - began, time.process_time() - cpu, peak)


def main() -> None:
    """Prints a table."""
    told = sys.argv[1:]
    if told and told[0] in (_WRITE, *WAYS):
        _one(told[0], Path(told[1]), int(told[2]) if told[0] == _WRITE else 0)
        return
    size = int(told[0]) if told else 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.dashcam.jsonl"
        calls = _apart(_WRITE, str(path), str(size * 1_000_000)).strip()
        print(f"{calls} calls, {path.stat().st_size / 1e6:.0f} MB; the best of {_ROUNDS} rounds")
        rounds = [{way: _measured(way, path) for way in WAYS} for _ in range(_ROUNDS)]
    for way in WAYS:
        wall, cpu, memory = (min(one[way][at] for one in rounds) for at in range(3))
        print(f"{way:12} {wall:6.2f} s {cpu:6.2f} s CPU {memory:5.0f} MB")


if __name__ == "__main__":
    main()
