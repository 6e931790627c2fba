"""HTTP/2 and WebSocket, which take the slow lane, against `mitmdump -w`; and what memory they take.

    python -m benchmarks.slow [--calls 400] [--rounds 5] [--memory] [--write FILE]

One connection, 16 calls or messages of 2.5 kB at once, which come back as they are. Client and
upstream are Python, and do not count: the proxy has a core of its own, and CPU is the proxy's. With
`--memory` it is Dashcam alone, and RSS at each fifth of the calls, while they go on.
"""

import argparse
import contextlib
import json
import random
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import wsproto
import wsproto.events

from benchmarks._load import HEAD, Target, cpu_of, row, settled, started
from benchmarks.forward import Place, insert
from benchmarks.memory import status
from tests.upstream.certificates import Certificates
from tests.upstream.server import Upstream

_AT_ONCE = 16
_FIFTHS = 5
_BODY = json.dumps({"prompt": "and these are words of a prompt " * 78}).encode()
_MITM, _OURS = "mitmdump -w", "dashcam fast"
_MINIMUM = 20  # bytes of window left over for frames


def connected(proxy: int, port: int, ca: str, alpn: str) -> ssl.SSLSocket:
    """A tunnel, and TLS in it."""
    plain = socket.create_connection(("127.0.0.1", proxy), 60)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = f"localhost:{port}"
    plain.sendall(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        if not (data := plain.recv(1)):
            raise SystemExit(f"no tunnel: {answer!r}")
        answer += data
    if b" 200 " not in answer:
        raise SystemExit(f"no tunnel: {answer!r}")
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols([alpn])
    secure = context.wrap_socket(plain, server_hostname="localhost")
    if alpn == "h2" and secure.selected_alpn_protocol() != "h2":
        raise SystemExit("HTTP/2 was not agreed on")
    return secure


def by_http2(proxy: int, port: int, ca: str, count: int) -> Iterator[float]:
    """The seconds of each call; anew on another connection where the server says goodbye."""
    left = count
    while left:
        for took in _connection(connected(proxy, port, ca, "h2"), port, left):
            left -= 1
            yield took


def _connection(sock: ssl.SSLSocket, port: int, count: int) -> Iterator[float]:
    config = h2.config.H2Configuration(client_side=True)
    connection = h2.connection.H2Connection(config=config)
    connection.initiate_connection()
    connection.increment_flow_control_window(1 << 24)
    names = ((":method", "POST"), (":path", "/echo"), (":authority", f"localhost:{port}"))
    headers = [*names, (":scheme", "https"), ("content-length", str(len(_BODY)))]
    began: dict[int, float] = {}
    asked, leaving = 0, False
    with sock:
        while began or (asked < count and not leaving):
            while asked < count and len(began) < _AT_ONCE and not leaving and _room(connection):
                stream = connection.get_next_available_stream_id()
                connection.send_headers(stream, headers)
                connection.send_data(stream, _BODY, end_stream=True)
                began[stream] = time.perf_counter()
                asked += 1
            sock.sendall(connection.data_to_send())
            if not (data := sock.recv(65536)):
                return
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    size = event.flow_controlled_length
                    connection.acknowledge_received_data(size, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    yield time.perf_counter() - began.pop(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    raise SystemExit(f"a stream was reset: {event}")
                elif isinstance(event, h2.events.ConnectionTerminated):
                    leaving = True
                    for stream in [one for one in began if one > (event.last_stream_id or 0)]:
                        del began[stream]  # was not begun there: it is asked again


def _room(connection: h2.connection.H2Connection) -> bool:
    return bool(connection.outbound_flow_control_window > len(_BODY) + _MINIMUM)


def by_websocket(proxy: int, port: int, ca: str, count: int) -> Iterator[float]:
    """The seconds until each message has come back."""
    ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    text = _BODY.decode()
    began: list[float] = []
    sent = done = 0
    with connected(proxy, port, ca, "http/1.1") as sock:
        sock.sendall(ws.send(wsproto.events.Request(host=f"localhost:{port}", target="/ws/echo")))
        ready = False
        while done < count:
            while ready and sent < count and sent - done < _AT_ONCE:
                began.append(time.perf_counter())
                sock.sendall(ws.send(wsproto.events.TextMessage(text)))
                sent += 1
            if not (data := sock.recv(65536)):
                raise SystemExit("the server left")
            ws.receive_data(data)
            for event in ws.events():
                if isinstance(event, wsproto.events.AcceptConnection):
                    ready = True
                elif isinstance(event, wsproto.events.TextMessage) and event.message_finished:
                    yield time.perf_counter() - began.pop(0)
                    done += 1
        sock.sendall(ws.send(wsproto.events.CloseConnection(1000)))


WAYS: dict[str, Callable[[int, int, str, int], Iterator[float]]] = {
    "HTTP/2": by_http2,
    "WebSocket": by_websocket,
}


def _ask(way: str, proxy: str, port: str, ca: str, count: str) -> None:
    """The client, in a process of its own: a line at each fifth, and what it took."""
    took: list[float] = []
    began = time.perf_counter()
    for one in WAYS[way](int(proxy), int(port), ca, int(count)):
        took.append(one)
        if len(took) % max(1, int(count) // _FIFTHS) == 0:
            print(len(took), flush=True)
    whole = time.perf_counter() - began
    middle = statistics.median(took) * 1e6
    print(json.dumps({"rps": len(took) / whole, "lat_p50": middle, "ttfb_p50": middle}))


def _serve(folder: str) -> None:
    """The upstream, in a process of its own; says its port, and ends with its input."""
    with Upstream(Certificates(Path(folder))) as there:
        print(there.ports["https"], flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def _client(way: str, target: Target, place: Place, count: int) -> Iterator[subprocess.Popen[str]]:
    ca = target.options[target.options.index("-C") + 1]
    told = ["ask", way, str(target.port), str(place.secure), ca, str(count)]
    command = ["taskset", "-c", "1", sys.executable, "-m", "benchmarks.slow", *told]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        if process.wait():
            raise SystemExit(f"{way} through {target.name} failed")


def _round(way: str, target: Target, place: Place, count: int, pid: int) -> dict[str, Any]:
    before = cpu_of(pid)
    with _client(way, target, place, count) as process:
        said = list(process.stdout or ())
    found: dict[str, Any] = json.loads(said[-1])
    return {**found, "cpu_us": (settled(pid) - before) / count * 1e6}


def against(place: Place, count: int, number: int) -> list[str]:
    """Rows of both ways."""
    targets = [
        place.mitmdump(_MITM, "-w", str(place.folder / "flows")),
        place.dashcam(_OURS, "--durability", "fast"),
    ]
    rows: list[str] = []
    with contextlib.ExitStack() as stack:
        pids = {one.name: stack.enter_context(started(one, 0)) for one in targets}
        for way in WAYS:
            found: list[dict[str, dict[str, Any]]] = []
            for turn in range(number + 1):
                done = {
                    one.name: _round(way, one, place, count, pids[one.name])
                    for one in random.sample(targets, len(targets))
                }
                found += [done] if turn else []
                sys.stderr.write(f"{way}: round {turn} of {number}\n")
            rows.append(row(f"{way}, {count} of 2.5 kB", found, _OURS, _MITM))
    return [HEAD, *rows]


def memory(place: Place, count: int) -> list[str]:
    """RSS on the way, after a tenth that fills what is filled once."""
    rows = ["| what | with | memory |", "|---|---|---|"]
    for way in WAYS:
        target = place.dashcam(way, "--durability", "fast")
        with started(target, 0) as pid:
            _round(way, target, place, max(1, count // 10), pid)
            seen = [status(pid, "VmRSS")]
            with _client(way, target, place, count) as process:
                seen += [
                    status(pid, "VmRSS") for line in process.stdout or () if line.strip().isdigit()
                ]
        shown = ", ".join(f"{one / 1e6:.0f}" for one in seen)
        rows.append(f"| {way}, one client | {count} calls | RSS in MB on the way: {shown} |")
    return rows


@contextlib.contextmanager
def _upstream() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="dashcam-bench-"))
    command = ["taskset", "-c", "1", sys.executable, "-m", "benchmarks.slow", "serve"]
    try:
        with subprocess.Popen(
            [*command, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            port = int(process.stdout.readline())
            place = Place(folder, 0, port)
            shutil.copy(folder / "upstream-ca.pem", place.trust)
            yield place
            assert process.stdin
            process.stdin.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    if sys.argv[1:2] == ["ask"]:
        _ask(*sys.argv[2:])
        return
    if sys.argv[1:2] == ["serve"]:
        _serve(sys.argv[2])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    with _upstream() as place:
        rows = (
            memory(place, options.calls)
            if options.memory
            else against(place, options.calls, options.rounds)
        )
    text = "\n".join([*rows, ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "slow-memory" if options.memory else "slow", text)


if __name__ == "__main__":
    main()
