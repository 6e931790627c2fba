"""What the benchmarks share: processes on their cores, load, CPU, ratios.

Each proxy runs alone on one core, load and upstream on the other. Every round asks all proxies in a
random order, so that ratios within a round mean something on a machine that others use as well.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

BIN = Path(sys.executable).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_VARIANTS = "4096"  # of the body: nobody may answer or store by having seen it before


class Target(NamedTuple):
    """A proxy: its command, the port that opens when it is ready, how load reaches it."""

    name: str
    command: Sequence[str]
    port: int
    options: Sequence[str]  # of the load generator
    env: Mapping[str, str] = {}
    prefix: str = ""  # of every path


class Case(NamedTuple):
    """What the load generator asks for, of whom, and with whom they are compared."""

    title: str
    base: str
    others: tuple[str, ...]
    options: tuple[str, ...]
    path: str = "/v1/chat/completions"


class Load(NamedTuple):
    """The load generator, how many seconds a round lasts, the body."""

    program: Path
    seconds: float
    body: Path


class Failed(SystemExit):
    """A target did not answer all that it was asked; `name` is whose fault it was."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def build(tools: Path, folder: Path) -> None:
    """`lg` and `up` in `folder`, built if need be (gcc and libssl-dev)."""
    for name in ("lg", "up"):
        if (tools / name).is_file():
            shutil.copy(tools / name, folder / name)
        else:
            command = ["gcc", "-O2", "-w", "-o", str(folder / name), str(tools / f"{name}.c")]
            subprocess.run([*command, "-lssl", "-lcrypto", "-lpthread"], check=True)


def write_body(path: Path) -> Path:
    """A chat request of some 2.5 kB, with a word that differs from one request to the next."""
    text = "@@@@@@@@ " + "and these are words of a prompt, one after the other " * 42
    messages = [{"role": "user", "content": text}]
    path.write_text(json.dumps({"model": "gpt-5-mini", "messages": messages}), "utf-8")
    return path


@contextlib.contextmanager
def started(target: Target, core: int | str) -> Iterator[int]:
    """The process on one core (or some: "0,1"), once its port is open; yields its id."""
    with subprocess.Popen(
        ["taskset", "-c", str(core), *target.command],
        env={**os.environ, **target.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 300
            while True:
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", target.port), 1),
                ):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{target.name} did not start")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


type Found = Sequence[Mapping[str, Mapping[str, Any]]]


def measured(
    load: Load, case: Case, targets: Mapping[str, Target], pids: Mapping[str, int], count: int
) -> Found:
    """What each target of a case did, round by round; the first round warms up."""
    names = [case.base, *case.others]
    found: list[dict[str, dict[str, Any]]] = []
    for number in range(count + 1):
        done = {name: asked(load, case, targets[name], pids[name]) for name in _shuffled(names)}
        if number:
            found.append(done)
        sys.stderr.write(f"{case.title}: round {number} of {count}\n")
    return found


def rounds(
    load: Load, case: Case, targets: Mapping[str, Target], pids: Mapping[str, int], count: int
) -> list[str]:
    """The rows of a case: requests a second, CPU and latency as ratios to its base."""
    found = measured(load, case, targets, pids, count)
    return [row(case.title, found, name, case.base) for name in case.others]


def row(title: str, found: Found, name: str, base: str) -> str:
    """One target against another."""
    cost = statistics.median(one[base]["cpu_us"] for one in found)
    cells = (ratio(found, name, base, field) for field in ("rps", "cpu_us", "lat_p50", "ttfb_p50"))
    return f"| {title} | `{name}` | `{base}` ({cost / 1000:.1f} ms) | {' | '.join(cells)} |"


HEAD = (
    "| what | who | compared with (its CPU a request) | requests/s | CPU a request"
    " | median latency | median first byte |\n|---|---|---|---|---|---|---|"
)


def _shuffled(names: Sequence[str]) -> list[str]:
    return random.sample(list(names), len(names))


def asked(load: Load, case: Case, target: Target, pid: int) -> dict[str, Any]:
    """What the load generator says, and the CPU of each request.

    Raises:
        Failed: one that was not answered.
    """
    before = cpu_of(pid)
    command = ["taskset", "-c", "1", str(load.program), *target.options, "-u", _VARIANTS]
    command += ["-d", str(load.seconds), "-b", str(load.body), "-p", target.prefix + case.path]
    said = subprocess.run([*command, *case.options], capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(said.stdout)
    if not found.get("ok") or found.get("err"):
        errors = f"{found.get('err')} of {found.get('err', 0) + found.get('ok', 0)} calls failed"
        raise Failed(target.name, f"{errors}: {found.get('lasterr')} {said.stderr}".strip())
    return {**found, "cpu_us": (settled(pid) - before) / found["ok"] * 1e6}


def settled(pid: int) -> float:
    """The CPU seconds once the process rests: what it puts off belongs to the requests, too."""
    last = -1.0
    while (now := cpu_of(pid)) - last > 0.02:
        last = now
        time.sleep(0.3)
    return now


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(one for child in children for one in _tree(int(child)))]


def cpu_of(pid: int) -> float:
    """Seconds that a process and those below it have computed."""
    total = 0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def ratio(found: Found, name: str, base: str, field: str) -> str:
    """The median of the rounds' ratios, with the least and the greatest."""
    ratios = sorted(one[name][field] / one[base][field] for one in found)
    return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}-{ratios[-1]:.2f}]"


def options_of(doc: str | None, groups: Iterable[str]) -> argparse.Namespace:
    """What the command line says: where the tools are, which groups, how long, where to write."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--only", choices=list(groups), action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", type=Path)
    return parser.parse_args()
