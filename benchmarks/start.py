"""How long it takes to start: until the first answer, and a command that calls nobody.

python -m benchmarks.start

Wall time and CPU of `dashcam`, beside those of `mitmdump`, which answers the same request of the
same upstream; in interleaved rounds, so that a machine that others use does not decide.
"""

import argparse
import http.client
import http.server
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, override
from urllib.parse import urlsplit

from benchmarks._load import BIN, cpu_of, free_port

_LIMIT = 120.0  # seconds
_RUN = "recorded"


class Start(NamedTuple):
    """A command; `url` answers when it has started, by way of `proxy` if that is given.

    Without a URL it is over when it has ended.
    """

    name: str
    command: Sequence[str]
    url: str = ""
    proxy: str = ""


class Took(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


class _Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answers whatever is asked."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def took(start: Start, folder: Path) -> Took:
    """One start, in a folder of its own."""
    before, begun = os.times(), time.monotonic()
    with subprocess.Popen(
        start.command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        if not start.url:
            process.wait(_LIMIT)
            after = os.times()
            cpu = after.children_user + after.children_system
            return Took(
                time.monotonic() - begun, cpu - before.children_user - before.children_system
            )
        try:
            while not _answers(start):
                if process.poll() is not None or time.monotonic() - begun > _LIMIT:
                    raise SystemExit(f"{start.name} did not start")
                time.sleep(0.01)
            return Took(time.monotonic() - begun, cpu_of(process.pid))
        finally:
            process.terminate()


def _answers(start: Start) -> bool:
    to = urlsplit(start.proxy or start.url)
    link = http.client.HTTPConnection(to.hostname or "", to.port, timeout=_LIMIT)
    try:
        link.request("GET", start.url if start.proxy else to.path)
        answer = link.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{start.name}: {answer.status} {answer.read()!r}")
    except OSError:
        return False
    finally:
        link.close()
    return True


def starts(upstream: str, folder: Path) -> list[Start]:
    """All that are compared; the first is the measure."""
    dashcam, mitmdump = str(BIN / "dashcam"), str(BIN / "mitmdump")
    ports = [free_port() for _ in range(5)]
    ours = [dashcam, "up", "--upstream", f"x={upstream}"]
    record = [dashcam, "run", "--id", _RUN, "--", "python3", "-c", _ASK, f"{upstream}/y"]
    subprocess.run(record, cwd=folder, check=True, capture_output=True)
    return [
        Start(
            "mitmdump",
            [mitmdump, "-q", "--listen-port", str(ports[0])],
            f"{upstream}/y",
            f"http://127.0.0.1:{ports[0]}",
        ),
        Start(
            "dashcam up, by base URL",
            [*ours, "--listen", str(ports[1]), "--api", str(ports[2])],
            f"http://127.0.0.1:{ports[2]}/x/y",
        ),
        Start(
            "dashcam up --replay, by base URL",
            [
                *ours,
                "--listen",
                str(ports[3]),
                "--api",
                str(ports[4]),
                "--replay",
                _RUN,
                "--reuse",
            ],
            f"http://127.0.0.1:{ports[4]}/x/y",
        ),
        Start("dashcam run -- true", [dashcam, "run", "--", "true"]),
        Start("dashcam replay RUN -- true", [dashcam, "replay", _RUN, "--", "true"]),
        Start("dashcam runs", [dashcam, "runs"]),
        Start("dashcam --help", [dashcam, "--help"]),
        Start("python -c pass", [str(BIN / "python"), "-c", "pass"]),
    ]


_ASK = "import sys, urllib.request as r; r.urlopen(sys.argv[1]).read()"


def table(found: Mapping[str, Sequence[Took]]) -> str:
    """The medians, and the ratios to the first of each round."""
    base = next(iter(found.values()))
    lines = [
        "| what | wall | CPU | wall, of the first | CPU, of the first |",
        "|---|---|---|---|---|",
    ]
    for name, each in found.items():
        wall, cpu = (statistics.median(getattr(one, part) for one in each) for part in Took._fields)
        walls = statistics.median(
            one.wall / first.wall for one, first in zip(each, base, strict=True)
        )
        cpus = statistics.median(one.cpu / first.cpu for one, first in zip(each, base, strict=True))
        lines.append(f"| `{name}` | {wall:.2f} s | {cpu:.2f} s | {walls:.2f} | {cpus:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = starts(f"http://127.0.0.1:{server.server_port}", folder)
        found: dict[str, list[Took]] = {one.name: [] for one in every}
        for _ in range(options.rounds):
            for one in random.sample(every, len(every)):
                found[one.name].append(took(one, folder))
    print(table(found))


if __name__ == "__main__":
    main()
