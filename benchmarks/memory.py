"""What Dashcam holds in memory: for each open stream, after many calls, under load.

    python -m benchmarks.memory --tools DIR [--streams 500] [--calls 20000] [--load 2000]
                                [--write FILE]

DIR holds `lg` and `up`, as for `benchmarks.forward`. RSS is that of the process at rest.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._load import Target, settled, started
from benchmarks.forward import JSON, Place, insert, upstream

_PATIENCE = 600.0  # seconds until streams are open
_EACH = 5  # looks at the memory while calls are made
_SLOW = "/v1/chat/completions?stream=1&chunks=1000&pace=10000000"  # says little, for long
_FEW = 50  # streams that are open before it is measured: what the first of them take, all share


def rss(pid: int) -> int:
    """Bytes, once they have stopped changing."""
    last = -1
    while True:
        now = status(pid, "VmRSS")
        if abs(now - last) < 256 * 1024:
            return now
        last = now
        time.sleep(1.0)


def ask(place: Place, target: Target, path: str, *options: str) -> subprocess.Popen[bytes]:
    """The load generator at work."""
    command = ["taskset", "-c", "1", str(place.folder / "lg"), *target.options, "-u", "1000000"]
    command += ["-b", str(place.folder / "body.json"), "-p", target.prefix + path, *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def streams(place: Place, target: Target, count: int) -> str:
    """How much the memory grows with open streams, beyond what the first few of them take."""
    with started(target, 0) as pid, contextlib.ExitStack() as asking:
        ask(place, target, JSON, "-k", "8", "-n", "200", "-d", "120").wait()
        taken: list[int] = []
        for more in (_FEW, count):
            process = ask(place, target, _SLOW, "-k", str(more), "-d", "3600")
            asking.callback(process.wait)
            asking.callback(process.kill)
            deadline = time.monotonic() + _PATIENCE
            while _connections(pid) < 2 * (_FEW + (count if taken else 0)):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit(f"{target.name}: {more} streams did not open")
                time.sleep(0.5)
            settled(pid)
            taken.append(rss(pid))
    each = (taken[1] - taken[0]) / count
    return f"| {target.name} | {count} open streams | {each / 1000:.0f} kB for each |"


def calls(place: Place, target: Target, count: int) -> str:
    """How much the memory grows from the first tenth of the calls to the last."""
    seen: list[int] = []
    with started(target, 0) as pid:
        ask(place, target, JSON, "-k", "8", "-n", str(count // 10), "-d", "3600").wait()
        seen.append(rss(pid))
        for number in range(_EACH):
            some = str(count * 9 // 10 // _EACH)
            ask(place, target, JSON, "-k", "8", "-n", some, "-d", "3600").wait()
            seen.append(rss(pid))
            sys.stderr.write(f"{target.name}: {number + 1} of {_EACH}\n")
    shown = ", ".join(f"{one / 1e6:.0f}" for one in seen)
    return f"| {target.name} | {count} calls | RSS in MB on the way: {shown} |"


def under_load(place: Place, targets: Sequence[Target], count: int) -> list[str]:
    """The most that each had while it worked, and how that is to the first one's."""
    most: dict[str, int] = {}
    for target in targets:
        with started(target, 0) as pid:
            ask(place, target, JSON, "-k", "16", "-n", str(count), "-d", "3600").wait()
            most[target.name] = status(pid, "VmHWM")
    base = most[targets[0].name]
    return [
        f"| {name} | {count} calls, 16 at once | {peak / 1e6:.0f} MB at most, "
        f"{peak / base:.2f} of {targets[0].name}'s |"
        for name, peak in most.items()
    ]


def status(pid: int, field: str) -> int:
    """Bytes, of one of the kernel's counts: VmRSS, or VmHWM for the most so far."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(text.partition(f"{field}:")[2].split()[0]) * 1024


def _connections(pid: int) -> int:
    links = Path(f"/proc/{pid}/fd").iterdir()
    found = 0
    for link in links:
        try:
            found += str(link.readlink()).startswith("socket:")
        except OSError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--load", type=int, default=2_000, help="calls, beside mitmdump")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    with upstream(options.tools) as place:
        fast = ("--durability", "fast")
        https = place.dashcam("HTTPS", *fast)
        gateway = place.dashcam("gateway", *fast, gateway=True)
        rows = [streams(place, target, options.streams) for target in (https, gateway)]
        rows += [calls(place, target, options.calls) for target in (https, gateway)]
        rows += under_load(place, (place.mitmdump("mitmdump"), https, gateway), options.load)
    text = "\n".join(["| what | with | memory |", "|---|---|---|", *rows, ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "memory", text)


if __name__ == "__main__":
    main()
