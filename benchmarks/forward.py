"""The forward path against mitmdump: HTTPS interception, JSON and streams, recording on.

    python benchmarks/forward.py --tools DIR [--rounds 5] [--seconds 4] [--write docs/benchmarks.md]

DIR holds `lg` and `up`, a load generator and an upstream that are no bottleneck (or their C sources,
which are built into a temporary folder: gcc and libssl-dev). Each proxy runs alone on one core, load
and upstream on the other. Every round asks all proxies in a random order; what is printed is the
median of the rounds' ratios to bare `mitmdump`, with the least and the greatest.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import trustme

BIN = Path(sys.executable).parent
TICKS = os.sysconf("SC_CLK_TCK")
BASE = "mitmdump"


class Case(NamedTuple):
    """What the load generator asks for."""

    title: str
    base: str  # the proxy that the others are compared with
    options: tuple[str, ...]
    path: str = "/v1/chat/completions"


class Target(NamedTuple):
    """A proxy: its command, and whose certificates its clients trust."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    port: int
    ca: Path


CASES = (
    Case("HTTPS, JSON, keep-alive, 16 connections", BASE, ("-k", "16")),
    Case("HTTPS, JSON, keep-alive, 64 connections", BASE, ("-k", "64")),
    Case(
        "HTTPS, SSE of 100 chunks, 16 connections",
        "mitmdump streaming",
        ("-k", "16"),
        "/v1?stream=1",
    ),
    Case("HTTPS, a new TLS connection for each request, 8 at once", BASE, ("-k", "8", "-F")),
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def build(tools: Path, folder: Path) -> None:
    """`lg` and `up` in `folder`, built if need be."""
    for name in ("lg", "up"):
        if (tools / name).is_file():
            shutil.copy(tools / name, folder / name)
        else:
            command = ["gcc", "-O2", "-w", "-o", str(folder / name), str(tools / f"{name}.c")]
            subprocess.run([*command, "-lssl", "-lcrypto", "-lpthread"], check=True)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def cpu(pid: int) -> float:
    """Seconds that a process and those below it have computed."""
    total = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


@contextlib.contextmanager
def started(command: Sequence[str], core: int, env: Mapping[str, str], port: int) -> Iterator[int]:
    """A process on one core, once its port is open; yields its id."""
    with subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


def targets(folder: Path, upstream_ca: Path) -> list[Target]:
    made = []
    confdir = folder / "mitmproxy"
    for name, more in (
        (BASE, ()),
        ("mitmdump streaming", ("--set", "stream_large_bodies=1")),
    ):
        port = free_port()
        trust = ("--set", f"ssl_verify_upstream_trusted_ca={upstream_ca}")
        command = [str(BIN / "mitmdump"), "-q", "--set", f"confdir={confdir}", *trust, *more]
        command += ["--listen-host", "127.0.0.1", "-p", str(port)]
        made.append(Target(name, command, {}, port, confdir / "mitmproxy-ca-cert.pem"))
    home = folder / "home"
    for durability in ("fast", "durable"):
        port = free_port()
        command = [str(BIN / "dashcam"), "up", "--durability", durability]
        command += ["--listen", f"127.0.0.1:{port}", "--api", f"127.0.0.1:{free_port()}"]
        env = {
            "DASHCAM_HOME": str(home),
            "DASHCAM_UPSTREAM_CA": str(upstream_ca),
            "DASHCAM_STORE": f"sqlite:///{folder / durability / 'dashcam.db'}",
        }
        made.append(
            Target(f"dashcam {durability}", command, env, port, home / "ca" / "ca-cert.pem")
        )
    return made


class Load(NamedTuple):
    """What drives the load: the program, the upstream's host:port, seconds, the request's body."""

    program: Path
    where: str
    seconds: float
    body: Path


def measured(load: Load, case: Case, target: Target, pid: int) -> dict[str, Any]:
    """One round of one proxy: requests a second, CPU a request, latency."""
    before = cpu(pid)
    command = ["taskset", "-c", "1", str(load.program), "-a", load.where, "-s"]
    command += ["-x", f"127.0.0.1:{target.port}", "-C", str(target.ca), "-N", "localhost"]
    command += ["-d", str(load.seconds), "-b", str(load.body), "-p", case.path]
    said = subprocess.run([*command, *case.options], capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(said.stdout)
    if not found.get("ok") or found.get("err"):
        raise SystemExit(f"{target.name}: {said.stdout} {said.stderr}")
    return {**found, "cpu_us": (cpu(pid) - before) / found["ok"] * 1e6}


def ratios(rounds: Sequence[Mapping[str, dict[str, Any]]], name: str, base: str, field: str) -> str:
    found = sorted(one[name][field] / one[base][field] for one in rounds)
    return f"{statistics.median(found):.2f} [{found[0]:.2f}-{found[-1]:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dashcam-bench-"))
    try:
        text = run(folder, options.tools, options.rounds, options.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(text)
    if options.write:
        options.write.write_text(text, "utf-8")


def run(folder: Path, tools: Path, rounds: int, seconds: float) -> str:
    build(tools, folder)
    authority = trustme.CA()
    upstream_ca, cert, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(upstream_ca)
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(cert)
    body = folder / "body.json"
    messages = [{"role": "user", "content": "words of a prompt @@@@@@@@ " * 85}]
    body.write_text(json.dumps({"model": "gpt-5-mini", "messages": messages}), "utf-8")
    plain, secure = free_port(), free_port()
    proxies = targets(folder, upstream_ca)
    upstream = [str(folder / "up"), str(plain), str(secure), str(cert), str(key)]
    lines = [
        "# Benchmarks",
        "",
        (
            f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, "
            f"{platform.machine()}, one core for the proxy; median [least-greatest] of {rounds} "
            f"interleaved rounds of {seconds:g} s."
        ),
        (
            f"A request of {body.stat().st_size / 1000:.1f} kB, recorded in SQLite by Dashcam, "
            "by mitmdump not at all."
        ),
        "",
        "| | compared with | requests/s | CPU a request | median latency |",
        "|---|---|---|---|---|",
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(started(upstream, 1, {}, secure))
        pids = {
            one.name: stack.enter_context(started(one.command, 0, one.env, one.port))
            for one in proxies
        }
        load = Load(folder / "lg", f"127.0.0.1:{secure}", seconds, body)
        for case in CASES:
            names = [one for one in proxies if one.name == case.base or one.name.startswith("dash")]
            found: list[dict[str, dict[str, Any]]] = []
            for number in range(rounds + 1):  # the first one warms up
                done = {}
                for one in random.sample(names, len(names)):
                    done[one.name] = measured(load, case, one, pids[one.name])
                if number:
                    found.append(done)
                sys.stderr.write(f"{case.title}: round {number} of {rounds}\n")
            for one in names:
                if one.name != case.base:
                    rate = ratios(found, one.name, case.base, "rps")
                    work = ratios(found, one.name, case.base, "cpu_us")
                    late = ratios(found, one.name, case.base, "lat_p50")
                    lines.append(
                        f"| {case.title}, `{one.name}` | {case.base} | {rate} | {work} | {late} |"
                    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
