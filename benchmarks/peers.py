"""The gateway and replay against peers that record, mock or route, from their own packages.

    python -m benchmarks.peers --install --peers FOLDER
    python -m benchmarks.peers --tools DIR --peers FOLDER [--only json] [--rounds 5] [--seconds 4]
                               [--write FILE]

FOLDER is where peers are installed, from npm and PyPI (node and java are needed, too); DIR holds
`lg` and `up`, as for `benchmarks.forward`. Ratios are Dashcam's to the peer's, round by round.
"""

import argparse
import contextlib
import http.client
import json
import platform
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._load import (
    HEAD,
    Case,
    Failed,
    Load,
    Target,
    asked,
    cpu_of,
    measured,
    row,
    settled,
    started,
)
from benchmarks._peers import PEERS, At, Mode, install, python_of, version_of
from benchmarks.forward import GATEWAY, JSON, REPLAY, Place, insert, upstream

_RECORDED = "200"  # exchanges that are replayed
_IN_PROCESS = "100"  # the same by a client that asks one after the other
_ALWAYS_NEW = ("-u", "4000000000")  # a recorder must not find a request among its own recordings
_PATIENCE = 300  # seconds
_VCR, _CALLED = "VCR.py", "dashcam replay, gateway"


class Bench(NamedTuple):
    """Where everything is, and how long it is measured."""

    place: Place
    load: Load
    peers: Path
    rounds: int

    def at(self, name: str, mode: Mode) -> At:
        work = self.place.folder / f"{name}-{'record' if mode == 'replay' else mode}"
        return At(self.peers / name, work, f"http://127.0.0.1:{self.place.plain}", mode)

    def missing(self, title: str, name: str) -> str | None:
        """A row that says so, for a peer that is not there."""
        if version_of(name, self.peers):
            return None
        return f"| {title} | | {name} | not installed | | | |"


def json_through(bench: Bench) -> list[str]:
    """Each request is new, so that recorders record."""
    modes: dict[str, Mode] = {
        "aimock": "record",
        "talkback": "record",
        "mountebank": "record",
        "WireMock": "record",
        "Portkey": "pass",
        "LiteLLM": "pass",
    }
    ours = bench.place.dashcam(GATEWAY, "--durability", "fast", gateway=True)
    return _compared(bench, "gateway, JSON, 16 connections", ours, modes, _ALWAYS_NEW)


def sse_through(bench: Bench) -> list[str]:
    """The body asks for the stream: who routes by it reads it there."""
    body = bench.place.folder / "stream.json"
    told = json.loads(bench.load.body.read_text("utf-8"))
    body.write_text(json.dumps({"stream": True, **told}), "utf-8")
    ours = bench.place.dashcam(GATEWAY, "--durability", "fast", gateway=True)
    modes: dict[str, Mode] = {"aimock": "pass", "LiteLLM": "pass"}
    options = (*_ALWAYS_NEW, "-b", str(body))
    return _compared(bench, "gateway, SSE of 100 chunks, 16 connections", ours, modes, options)


def replayed(bench: Bench) -> list[str]:
    """From 200 exchanges that each has recorded itself, just now."""
    title = "replay by base URL, 16 connections"
    names = ("aimock", "talkback", "mountebank", "WireMock")
    for name in names:
        if not bench.missing(title, name):
            at = bench.at(name, "record")
            _recorded(bench, PEERS[name].start(at), PEERS[name].saved, at)
    ours = _our_replay(bench)
    return _compared(bench, title, ours, dict.fromkeys(names, "replay"), ("-u", _RECORDED))


def in_process(bench: Bench) -> list[str]:
    """A client in Python, with VCR.py in it, and the same one without, asking Dashcam."""
    title = f"replay, one client in Python, {_IN_PROCESS} calls; CPU with the client's"
    if gone := bench.missing(title, _VCR):
        return [gone]
    folder, ours = bench.place.folder, _our_replay(bench)
    tape, url = str(folder / "cassette.yaml"), f"http://127.0.0.1:{bench.place.plain}{JSON}"
    _client(bench, "record", url, tape)
    found: list[dict[str, dict[str, Any]]] = []
    with started(ours, 0) as pid:
        by_url = f"http://127.0.0.1:{ours.port}{ours.prefix}{JSON}"
        ways: list[tuple[str, Callable[[], dict[str, Any]]]] = [
            (_VCR, lambda: _client(bench, "replay", url, tape)),
            (_CALLED, lambda: _client(bench, "plain", by_url, tape, pid)),
        ]
        for number in range(bench.rounds + 1):
            done = {name: ask() for name, ask in random.sample(ways, len(ways))}
            if number:
                found.append(done)
            sys.stderr.write(f"{title}: round {number} of {bench.rounds}\n")
    return [row(title, found, _CALLED, _VCR)]


type Group = Callable[[Bench], list[str]]
GROUPS: dict[str, Group] = {
    "json": json_through,
    "sse": sse_through,
    "replay": replayed,
    "vcr": in_process,
}


def _compared(
    bench: Bench, title: str, ours: Target, modes: dict[str, Mode], options: Sequence[str]
) -> list[str]:
    """One row for each peer; one that is missing, or fails when it is tried, says so in its own."""
    rows: list[str] = []
    with contextlib.ExitStack() as stack:
        targets, pids = {ours.name: ours}, {ours.name: stack.enter_context(started(ours, 0))}
        case = Case(title, ours.name, (), ("-k", "16", *options), JSON)
        for name, mode in modes.items():
            if gone := bench.missing(title, name):
                rows.append(gone)
                continue
            called = {"record": f"{name}, recording", "replay": name, "pass": f"{name}, passing on"}
            try:
                one = PEERS[name].start(bench.at(name, mode))._replace(name=called[mode])
                pid = stack.enter_context(started(one, 0))
                _woken(bench, one)
                _warmed(bench, case._replace(options=("-k", "1", *options)), one, pid)
            except SystemExit as problem:
                rows.append(f"| {title} | | {name} | {problem} | | | |")
                continue
            targets[one.name], pids[one.name] = one, pid
        while True:
            others = tuple(name for name in targets if name != ours.name)
            case = case._replace(others=others)
            try:
                found = measured(bench.load, case, targets, pids, bench.rounds)
            except Failed as problem:
                if problem.name == ours.name:
                    raise
                rows.append(f"| {title} | | {problem.name} | {problem.why} | | | |")
                del targets[problem.name]  # the others once more, without it
                continue
            return [row(title, found, ours.name, name) for name in others] + rows


def _woken(bench: Bench, target: Target) -> None:
    """Its first answer: some load most of themselves by then, longer than the load tool waits."""
    told = [one for flag, one in pairwise(target.options) if flag == "-H"]
    headers = dict(one.split(": ", 1) for one in told)
    sent = {"Content-Type": "application/json", **headers}
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=_PATIENCE)
    try:
        connection.request("POST", target.prefix + JSON, bench.load.body.read_bytes(), sent)
        connection.getresponse().read()
    except OSError as error:
        raise SystemExit(f"its first answer did not come in {_PATIENCE} s: {error!r}") from error
    finally:
        connection.close()


def _warmed(bench: Bench, case: Case, target: Target, pid: int) -> None:
    """Asked until it answers in time, but not for ever: some load most of themselves by then."""
    for last in (False, False, True):
        try:
            asked(bench.load, case, target, pid)
        except Failed:
            if last:
                raise
        else:
            return


def _our_replay(bench: Bench) -> Target:
    place = bench.place
    if not (place.folder / REPLAY).is_dir():
        _recorded(bench, place.dashcam("recording", store=REPLAY, gateway=True))
    told = ("--replay", "last", "--reuse", "--match", "exact")
    return place.dashcam(_CALLED, *told, store=REPLAY, gateway=True)


def _recorded(
    bench: Bench,
    target: Target,
    saved: Callable[[At], None] | None = None,
    at: At | None = None,
) -> None:
    """Lets a target record the exchanges that it is to replay."""
    with started(target, 0):
        command = [str(bench.load.program), *target.options, "-u", _RECORDED, "-n", _RECORDED]
        command += ["-k", "1", "-b", str(bench.load.body), "-p", target.prefix + JSON]
        said = subprocess.run([*command, "-d", "120"], check=True, capture_output=True, text=True)
        if json.loads(said.stdout)["ok"] != int(_RECORDED):
            raise SystemExit(f"{target.name} recorded less than it should: {said.stdout}")
        if saved and at:
            saved(at)


def _client(bench: Bench, mode: str, url: str, tape: str, server: int = 0) -> dict[str, Any]:
    """The calls of one client, in the words of the load generator; CPU with that of `server`."""
    before = cpu_of(server) if server else 0.0
    command = ["taskset", "-c", "1", str(python_of(_VCR, bench.peers))]
    command += [str(Path(__file__).with_name("_vcr_client.py")), mode, url]
    command += [str(bench.load.body), _IN_PROCESS, tape]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    cpu = said["cpu"] + (settled(server) - before if server else 0.0)
    middle = statistics.median(said["took"]) * 1e6
    calls = len(said["took"])
    return {
        "rps": calls / sum(said["took"]),
        "cpu_us": cpu / calls * 1e6,
        "lat_p50": middle,
        "ttfb_p50": middle,
    }


def _install(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        problem = install(name, folder)
        sys.stdout.write(f"{name}: {problem or version_of(name, folder)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--install", choices=("all", *PEERS), nargs="?", const="all")
    parser.add_argument("--tools", type=Path)
    parser.add_argument("--only", choices=GROUPS, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    peers = options.peers.absolute()
    if options.install:
        _install(peers, list(PEERS) if options.install == "all" else [options.install])
        return
    if not options.tools:
        parser.error("--tools: the folder of `lg` and `up`")
    rows: list[str] = []
    with upstream(options.tools) as place:
        load = Load(place.folder / "lg", options.seconds, place.folder / "body.json")
        for name in options.only or GROUPS:
            rows += GROUPS[name](Bench(place, load, peers, options.rounds))
    there = ", ".join(f"{name} {version_of(name, peers) or 'not installed'}" for name in PEERS)
    said = (
        f"{there}; Python {platform.python_version()}. Dashcam records in SQLite in `fast` mode. "
        f"Median [least-greatest] of {options.rounds} interleaved rounds of {options.seconds:g} s."
    )
    text = "\n".join([said, "", HEAD, *rows, ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "peers", text)


if __name__ == "__main__":
    main()
