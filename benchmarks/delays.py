"""What large bodies, workers and sizes do to other calls, and to the cost of a call.

    python -m benchmarks.delays --tools DIR [--only delay] [--rounds 5] [--seconds 4] [--write FILE]

DIR holds `lg` and `up`, as for `benchmarks.forward`.
"""

import contextlib
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._load import Case, Load, Target, asked, measured, options_of, ratio, started
from benchmarks.forward import JSON, Place, insert, upstream

_LARGE = 2_000_000  # bytes
_SIZES = {"1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}
_DIRECT = "no proxy"
_EVERY = ("-k", "1", "-r", "50")  # one small call each 20 ms, so that it meets what delays it


class Bench(NamedTuple):
    """Where everything is, and how long it is measured."""

    place: Place
    load: Load
    rounds: int


def delay(bench: Bench) -> list[str]:
    """The slowest small call of a round, with large bodies on their way and without."""
    place = bench.place
    _body(large := place.folder / "large.json", _LARGE)
    targets = [
        Target(_DIRECT, [], place.plain, ["-a", f"127.0.0.1:{place.plain}"]),
        place.dashcam("dashcam", "--durability", "fast"),
        place.dashcam("dashcam gateway", "--durability", "fast", gateway=True),
        place.mitmdump("mitmdump"),
    ]
    found: dict[tuple[str, bool], list[float]] = {}
    usual: dict[tuple[str, bool], list[float]] = {}
    with contextlib.ExitStack() as stack:
        for one in targets:
            if one.command:
                stack.enter_context(started(one, 0))
        ways = [(one, loaded) for one in targets for loaded in (False, True)]
        for number in range(bench.rounds + 1):
            for one, loaded in random.sample(ways, len(ways)):
                with _uploading(bench, one, large) if loaded else contextlib.nullcontext():
                    said = _said(bench, one, _EVERY)
                if number:
                    found.setdefault((one.name, loaded), []).append(said["lat_max"] / 1000)
                    usual.setdefault((one.name, loaded), []).append(said["lat_p50"] / 1000)
            sys.stderr.write(f"delay: round {number} of {bench.rounds}\n")
    rows = [
        "| through | the slowest small call, alone | while bodies of 2 MB pass | median, alone | while they pass |",
        "|---|---|---|---|---|",
    ]
    for one in targets:
        cells = [
            f"{statistics.median(seen[one.name, loaded]):.1f} ms"
            for seen in (found, usual)
            for loaded in (False, True)
        ]
        rows.append(f"| {one.name} | {' | '.join(cells)} |")
    return rows


def workers(bench: Bench) -> list[str]:
    """Two workers against one, all on all cores: what load and upstream take, they do not have."""
    names = ("--workers 1", "--workers 2")
    targets = {
        name: bench.place.dashcam(name, "--durability", "fast", *name.split()) for name in names
    }
    case = Case("HTTPS, JSON, 32 connections", names[0], (names[1],), ("-k", "32"), JSON)
    with contextlib.ExitStack() as stack:
        pids = {name: stack.enter_context(started(one, "0,1")) for name, one in targets.items()}
        found = measured(bench.load, case, targets, pids, bench.rounds)
    cells = [ratio(found, names[1], names[0], field) for field in ("rps", "cpu_us", "lat_p50")]
    return [
        "| what | who | compared with | requests/s | CPU a request | median latency |",
        "|---|---|---|---|---|---|",
        f"| {case.title} | `{names[1]}` | `{names[0]}` | {' | '.join(cells)} |",
    ]


def growth(bench: Bench) -> list[str]:
    """What a call costs by the size of its body, chunks of its answer, connections, stored runs."""
    place = bench.place
    https = place.dashcam("dashcam", "--durability", "fast")
    full = place.dashcam("dashcam, full store", "--durability", "fast")
    tried: list[tuple[str, str, Target, tuple[str, ...], str]] = []
    for name, size in _SIZES.items():
        _body(body := place.folder / f"{size}.json", size)
        tried.append(("request body", name, https, ("-k", "16", "-b", str(body)), JSON))
    for chunks in (10, 100, 1000):
        path = f"{JSON}?stream=1&chunks={chunks}"
        tried.append(("chunks of the answer", str(chunks), https, ("-k", "16"), path))
    tried += [
        ("connections", count, https, ("-k", count), JSON) for count in ("1", "16", "64", "256")
    ]
    with contextlib.ExitStack() as stack:
        pid = {one.name: stack.enter_context(started(one, 0)) for one in (https, full)}
        tried.append(("stored runs", "few", https, ("-k", "16"), JSON))
        tried.append(("stored runs", str(_fill(bench, full)), full, ("-k", "16"), JSON))
        cost: dict[tuple[str, str], list[float]] = {}
        for number in range(bench.rounds + 1):
            for kind, name, one, options, path in random.sample(tried, len(tried)):
                case = Case(kind, name, (), options, path)
                said = asked(bench.load, case, one, pid[one.name])
                if number:
                    cost.setdefault((kind, name), []).append(said["cpu_us"] / 1000)
            sys.stderr.write(f"growth: round {number} of {bench.rounds}\n")
    rows = ["| by | | CPU a request | times the first |", "|---|---|---|---|"]
    first: dict[str, float] = {}
    for kind, name, *_ in tried:
        middle = statistics.median(cost[kind, name])
        times = middle / first.setdefault(kind, middle)
        rows.append(f"| {kind} | {name} | {middle:.1f} ms | {times:.2f} |")
    return rows


def _fill(bench: Bench, target: Target) -> int:
    """Many runs of one call each: every call says a run of its own. Returns how many."""
    count = 0
    for number in range(200):
        run = ("-H", f"Dashcam-Run: filled-{number}", "-n", "5", "-k", "1")
        count += bool(_said(bench, target, run)["ok"])
    return count


type Group = Callable[[Bench], list[str]]
GROUPS: dict[str, Group] = {"delay": delay, "workers": workers, "growth": growth}


def _said(bench: Bench, target: Target, options: Sequence[str]) -> dict[str, Any]:
    command = ["taskset", "-c", "1", str(bench.load.program), *target.options, "-u", "1000000"]
    command += ["-d", str(bench.load.seconds), "-b", str(bench.load.body)]
    command += ["-p", target.prefix + JSON, *options]
    said: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, capture_output=True).stdout
    )
    if not said["ok"] or said["err"]:
        raise SystemExit(f"{target.name}: {said}")
    return said


@contextlib.contextmanager
def _uploading(bench: Bench, target: Target, body: Path) -> Iterator[None]:
    """Two large bodies a second, one after the other."""
    command = ["taskset", "-c", "1", str(bench.load.program), *target.options, "-u", "1000000"]
    command += ["-d", str(bench.load.seconds * 10), "-b", str(body), "-p", target.prefix + JSON]
    with subprocess.Popen([*command, "-k", "1", "-r", "2"], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def _body(path: Path, size: int) -> None:
    """A chat request of so many bytes, with a word of its own each time."""
    message = {"role": "user", "content": "@@@@@@@@ " + "words of a prompt " * (size // 18)}
    path.write_text(json.dumps({"model": "gpt-5-mini", "messages": [message]}), "utf-8")


def main() -> None:
    options = options_of(__doc__, GROUPS)
    with upstream(options.tools) as place:
        load = Load(place.folder / "lg", options.seconds, place.folder / "body.json")
        for name in options.only or GROUPS:
            text = "\n".join([*GROUPS[name](Bench(place, load, options.rounds)), ""])
            sys.stdout.write(text + "\n")
            if options.write:
                insert(options.write, name, text)


if __name__ == "__main__":
    main()
