"""The forward path, the gateway and replay against mitmdump, recording on.

    python -m benchmarks.forward --tools DIR [--only https] [--rounds 5] [--seconds 4] [--write FILE]

DIR holds `lg` and `up`, a load generator and an upstream that are no bottleneck, or their sources.
What is printed is the median of the rounds' ratios, with the least and the greatest.
"""

import contextlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import trustme

from benchmarks._load import (
    BIN,
    HEAD,
    Case,
    Load,
    Target,
    build,
    free_port,
    options_of,
    rounds,
    started,
    write_body,
)

JSON, SSE = "/v1/chat/completions", "/v1/chat/completions?stream=1"
MITM, STREAMING = "mitmdump", "mitmdump, streaming"
REVERSE, REVERSE_STREAMING = "mitmdump reverse", "mitmdump reverse, streaming"
MITM_REPLAY, REVERSE_REPLAY = "mitmdump --server-replay", "mitmdump reverse --server-replay"
FAST, DURABLE, GATEWAY, REPLAY = (
    "dashcam fast",
    "dashcam durable",
    "dashcam gateway",
    "dashcam replay",
)
_RECORDED = "200"  # exchanges that are replayed
_STREAM = ("--set", "stream_large_bodies=1")


class Place(NamedTuple):
    """Where a run of the benchmark has its files, and where its upstream listens."""

    folder: Path
    plain: int
    secure: int

    @property
    def trust(self) -> Path:
        """The certificate authority of the upstream."""
        return self.folder / "ca.pem"

    def through(self, port: int, ca: Path) -> list[str]:
        """The load generator's options for HTTPS through a proxy."""
        upstream = ["-a", f"127.0.0.1:{self.secure}", "-s", "-N", "localhost"]
        return [*upstream, "-x", f"127.0.0.1:{port}", "-C", str(ca)]

    def mitmdump(self, name: str, *options: str, mode: str = "") -> Target:
        port, confdir = free_port(), self.folder / "mitmproxy"
        command = [str(BIN / "mitmdump"), "-q", "--set", f"confdir={confdir}"]
        command += ["--set", f"ssl_verify_upstream_trusted_ca={self.trust}"]
        command += ["--listen-host", "127.0.0.1", "-p", str(port), *options]
        if mode:
            return Target(name, [*command, "--mode", mode], port, ["-a", f"127.0.0.1:{port}"])
        ca = confdir / "mitmproxy-ca-cert.pem"
        return Target(name, command, port, self.through(port, ca))

    def dashcam(self, name: str, *options: str, store: str = "", gateway: bool = False) -> Target:
        port, api, home = free_port(), free_port(), self.folder / "home"
        command = [str(BIN / "dashcam"), "up", *options, "--listen", f"127.0.0.1:{port}"]
        command += [
            "--api",
            f"127.0.0.1:{api}",
            "--upstream",
            f"bench=http://127.0.0.1:{self.plain}",
        ]
        env = {
            "DASHCAM_HOME": str(home),
            "DASHCAM_UPSTREAM_CA": str(self.trust),
            "DASHCAM_STORE": f"sqlite:///{self.folder / (store or name) / 'dashcam.db'}",
        }
        if gateway:
            return Target(name, command, api, ["-a", f"127.0.0.1:{api}"], env, "/bench")
        return Target(name, command, port, self.through(port, home / "ca" / "ca-cert.pem"), env)


def https(place: Place) -> tuple[list[Target], tuple[Case, ...]]:
    """HTTPS that is opened, recorded and passed on."""
    targets = [
        place.mitmdump(MITM),
        place.mitmdump(STREAMING, *_STREAM),
        place.dashcam(FAST, "--durability", "fast"),
        place.dashcam(DURABLE, "--durability", "durable"),
    ]
    ours = (FAST, DURABLE)
    return targets, (
        Case("HTTPS, JSON, keep-alive, 16 connections", MITM, ours, ("-k", "16"), JSON),
        Case("HTTPS, JSON, keep-alive, 64 connections", MITM, ours, ("-k", "64"), JSON),
        Case("HTTPS, JSON, 1 connection", MITM, ours, ("-k", "1"), JSON),
        Case("HTTPS, SSE of 100 chunks, 16 connections", STREAMING, ours, ("-k", "16"), SSE),
        Case("HTTPS, a new TLS connection each, 8 at once", MITM, ours, ("-k", "8", "-F"), JSON),
    )


def gateway(place: Place) -> tuple[list[Target], tuple[Case, ...]]:
    """By base URL."""
    mode = f"reverse:http://127.0.0.1:{place.plain}"
    targets = [
        place.mitmdump(REVERSE, mode=mode),
        place.mitmdump(REVERSE_STREAMING, *_STREAM, mode=mode),
        place.dashcam(GATEWAY, "--durability", "fast", gateway=True),
    ]
    return targets, (
        Case("gateway, JSON, 16 connections", REVERSE, (GATEWAY,), ("-k", "16"), JSON),
        Case("gateway, SSE of 100 chunks", REVERSE_STREAMING, (GATEWAY,), ("-k", "16"), SSE),
    )


def replay(place: Place) -> tuple[list[Target], tuple[Case, ...]]:
    """Answers from a recording of 200 exchanges, made here through both proxies."""
    flows, mode = place.folder / "flows", f"reverse:http://127.0.0.1:{place.plain}"
    reverse_flows = place.folder / "reverse-flows"
    by_url = f"{REPLAY}, gateway"
    for recorder in (
        place.mitmdump("recording", "-w", str(flows)),
        place.mitmdump("recording", "-w", str(reverse_flows), mode=mode),
        place.dashcam("recording", store=REPLAY),
        place.dashcam("recording", store=by_url, gateway=True),
    ):
        with started(recorder, 0):
            command = [str(place.folder / "lg"), *recorder.options, "-u", _RECORDED, "-k", "1"]
            command += ["-b", str(place.folder / "body.json"), "-p", recorder.prefix + JSON]
            subprocess.run(
                [*command, "-n", _RECORDED, "-d", "60"], check=True, stdout=subprocess.DEVNULL
            )
    again = ("--set", "server_replay_reuse=true", "--set", "server_replay_extra=kill")
    ours = ("--replay", "last", "--reuse", "--match", "exact")
    targets = [
        place.mitmdump(MITM_REPLAY, "--server-replay", str(flows), *again),
        place.mitmdump(REVERSE_REPLAY, "--server-replay", str(reverse_flows), *again, mode=mode),
        place.dashcam(REPLAY, *ours),
        place.dashcam(by_url, *ours, gateway=True),
    ]
    asked = ("-k", "16", "-u", _RECORDED)
    return targets, (
        Case("replay through HTTPS, 16 connections", MITM_REPLAY, (REPLAY,), asked, JSON),
        Case("replay by base URL, 16 connections", REVERSE_REPLAY, (by_url,), asked, JSON),
    )


type Group = Callable[[Place], tuple[list[Target], tuple[Case, ...]]]
GROUPS: dict[str, Group] = {"https": https, "gateway": gateway, "replay": replay}


@contextlib.contextmanager
def upstream(tools: Path) -> Iterator[Place]:
    """A folder with an upstream at work."""
    folder = Path(tempfile.mkdtemp(prefix="dashcam-bench-"))
    try:
        build(tools, folder)
        place = Place(folder, free_port(), free_port())
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(place.trust)
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        write_body(folder / "body.json")
        command = [str(folder / "up"), str(place.plain), str(place.secure)]
        command += [str(folder / "cert.pem"), str(folder / "key.pem")]
        with started(Target("upstream", command, place.secure, ()), 1):
            yield place
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    options = options_of(__doc__, GROUPS)
    rows: list[str] = []
    with upstream(options.tools) as place:
        load = Load(place.folder / "lg", options.seconds, place.folder / "body.json")
        for name in options.only or GROUPS:
            targets, cases = GROUPS[name](place)
            with contextlib.ExitStack() as stack:
                pids = {one.name: stack.enter_context(started(one, 0)) for one in targets}
                by_name = {one.name: one for one in targets}
                for case in cases:
                    rows += rounds(load, case, by_name, pids, options.rounds)
    said = (
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, aiohttp "
        f"{version('aiohttp')}, {platform.machine()}; one core for the proxy. A request of 2.5 kB, "
        "each with a word of its own, an answer of 2 kB or 100 events; recorded in SQLite by "
        f"Dashcam, by mitmdump not at all. Median [least-greatest] of {options.rounds} interleaved "
        f"rounds of {options.seconds:g} s. CPU counts until the process rests: what it puts off is "
        "in it."
    )
    text = "\n".join([said, "", HEAD, *rows, ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "table", text)


def insert(path: Path, name: str, text: str) -> None:
    """Puts a table between its marks in a page that says what it means."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    page = path.read_text("utf-8")
    before, _, rest = page.partition(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", "utf-8")


if __name__ == "__main__":
    main()
