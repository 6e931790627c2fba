"""For how long the writer keeps the interpreter to itself while it works on a body of 2 MB.

    python -m benchmarks.holds [--rounds 3] [--write FILE]

A thread that wants the interpreter once a millisecond measures how much CPU the writer's thread
has had until it gets it: what other programs do on the machine does not count. `json.loads` of the
same body, which is one such step, is the measure. Everything is in this process.
"""

import argparse
import asyncio
import base64
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from benchmarks.forward import insert
from benchmarks.store import source_texts, tools
from proxy import config, runtime
from proxy.cli._serving import SWITCH
from proxy.core.correlation import Peer
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.engine import loaded
from proxy.engine.engine import Engine

_SIZE = 2_000_000  # bytes
_PIECE = 64 * 1024
_TICK = 0.001  # seconds
_LONG = 0.005  # seconds: what nobody should have to wait
_ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes, all of it."}}]}
).encode()
_MODEL = "gpt-5-mini"
_HEAD = (
    "| a request of 2 MB | `json.loads` of it | the longest wait | of `json.loads`"
    " | waits above 5 ms |\n|---|---|---|---|---|"
)


def one_text(_rng: random.Random) -> dict[str, object]:
    """A prompt that is one text."""
    return _asked([{"role": "user", "content": "words of a prompt " * (_SIZE // 18)}])


def conversation(rng: random.Random) -> dict[str, object]:
    """Many turns: a tool is asked for a part of a file, and answers."""
    texts = source_texts()
    messages: list[object] = []
    for number in range(_SIZE // 5000):
        text = rng.choice(texts)
        told = {"name": "read_file", "arguments": json.dumps({"path": f"file{number}.py"})}
        use = {"id": f"call_{number}", "type": "function", "function": told}
        messages.append({"role": "assistant", "tool_calls": [use]})
        messages.append({"role": "tool", "tool_call_id": use["id"], "content": text[:5000]})
    return {**_asked(messages), "tools": tools()}


def image(rng: random.Random) -> dict[str, object]:
    """A picture in base64."""
    data = base64.b64encode(rng.randbytes(_SIZE * 3 // 4)).decode()
    url = {"url": f"data:image/png;base64,{data}"}
    return _asked([{"role": "user", "content": [{"type": "image_url", "image_url": url}]}])


def rows(rng: random.Random) -> dict[str, object]:
    """A table, as one message."""
    table = [{"id": n, "city": "Berlin", "amount": rng.random()} for n in range(_SIZE // 56)]
    return _asked([{"role": "user", "content": json.dumps(table)}])


KINDS: Mapping[str, Callable[[random.Random], dict[str, object]]] = {
    "one text": one_text,
    "a conversation": conversation,
    "an image": image,
    "rows in a text": rows,
}


class Watch:
    """Wants the interpreter again and again; `waits` are the CPU seconds that the writer had."""

    def __init__(self, writer: threading.Thread) -> None:
        assert writer.ident is not None
        self.waits: list[float] = []
        self._clock = time.pthread_getcpuclockid(writer.ident)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            before = time.clock_gettime(self._clock)
            time.sleep(_TICK)
            self.waits.append(time.clock_gettime(self._clock) - before)


async def measured(rounds: int) -> list[str]:
    """The table's rows."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/dashcam.db"
        started = await runtime.start(config.load({"store": store}, env={}))
        sys.setswitchinterval(SWITCH)
        await _called(started.engine, b"{}", "first")
        loaded.load()
        out: list[str] = []
        for name, make in KINDS.items():
            longest, long, parsed = [], [], []
            for number in range(rounds):
                body = json.dumps({"user": f"{number}", **make(rng)}).encode()
                before = time.thread_time()
                json.loads(body)
                parsed.append(time.thread_time() - before)
                with Watch(started.engine.writer.thread) as watch:
                    await _called(started.engine, body, name)
                longest.append(max(watch.waits))
                long.append(sum(wait > _LONG for wait in watch.waits))
            most, unit = statistics.median(longest), statistics.median(parsed)
            cells = f"{most * 1e3:.1f} ms | {most / unit:.2f} | {statistics.median(long):.0f}"
            out.append(f"| {name} | {unit * 1e3:.1f} ms | {cells} |")
        await started.stop()
    return out


async def _called(engine: Engine, body: bytes, run: str) -> None:
    """One call, stored."""
    headers = ((b"host", b"api.test"), (b"content-type", b"application/json"))
    head = RequestHead(
        "POST", "https", "api.test", 443, "/v1/chat/completions", "HTTP/1.1", headers
    )
    tx = engine.begin(head, Peer(run=run.replace(" ", "-")), via="forward", lane="fast")
    for at in range(0, len(body), _PIECE):
        tx.request_data(body[at : at + _PIECE])
    tx.request_end()
    tx.response_head(ResponseHead(200, "OK", "HTTP/1.1", headers[1:]))
    tx.response_data(_ANSWER)
    waiter = tx.finish(End.COMPLETE)
    assert waiter is not None
    await waiter


def _asked(messages: list[object]) -> dict[str, object]:
    return {"model": _MODEL, "messages": messages}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    text = "\n".join([_HEAD, *asyncio.run(measured(options.rounds)), ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "holds", text)


if __name__ == "__main__":
    main()
