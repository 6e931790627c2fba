"""Health and metrics: is it alive, may it be sent traffic, is everything recorded, and the numbers.

/livez and /readyz are for whoever restarts and routes, and say nothing of what is recorded.
/metrics is the Prometheus text format (prometheus.io/docs/instrumenting/exposition_formats).
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from proxy.engine.engine import Engine
from proxy.stores._api import Store

PATHS: Final = ("/livez", "/readyz", "/recordingz", "/metrics")
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True, frozen=True)
class Health:
    """Answers of one engine and its store."""

    engine: Engine
    store: Store

    def routes(self) -> list[web.RouteDef]:
        """What is asked for without /api."""
        answers = (self.live, self.ready, self.recording, self.metrics)
        return [web.get(path, answer) for path, answer in zip(PATHS, answers, strict=True)]

    async def live(self, _request: web.Request) -> web.Response:
        """The process answers: all that this says."""
        return web.Response(text="ok\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Whether calls are taken: always, but in strict mode only while they can be recorded."""
        wrong = self._trouble() if self.engine.writer.strict else None
        return _said(wrong)

    async def recording(self, _request: web.Request) -> web.Response:
        """Whether what passes is recorded just now."""
        return _said(self._trouble())

    async def metrics(self, _request: web.Request) -> web.Response:
        """The numbers."""
        size = await asyncio.to_thread(self.store.size)
        numbers = dict(self._numbers()) | {
            ("store_bytes", "gauge", "Size of the store's file."): size.file,
            ("store_log_bytes", "gauge", "Size of the write-ahead log beside it."): size.log,
        }
        lines: list[str] = []
        for (name, kind, about), value in numbers.items():
            lines += [f"# HELP dashcam_{name} {about}", f"# TYPE dashcam_{name} {kind}"]
            lines.append(f"dashcam_{name} {value:.12g}")
        text = "\n".join([*lines, *self._waits(), ""])
        return web.Response(body=text.encode(), headers={"Content-Type": _TEXT})

    def _trouble(self) -> str | None:
        writer = self.engine.writer
        if not writer.alive:
            return "the writer has ended"
        return writer.counters.trouble

    def _numbers(self) -> Iterator[tuple[tuple[str, str, str], float]]:
        counters = self.engine.writer.counters
        idle = time.time() - counters.last_commit if counters.last_commit else 0.0
        yield ("calls_total", "counter", "Calls that are stored."), counters.stored
        yield ("gaps_total", "counter", "Calls that were answered and not stored."), counters.gaps
        yield (
            ("bytes_total", "counter", "Bytes of the calls that came to the writer."),
            counters.bytes,
        )
        yield ("commits_total", "counter", "Commits of the store."), counters.commits
        yield ("queue_bytes", "gauge", "Bytes that wait to be stored."), counters.queued_bytes
        yield ("commit_age_seconds", "gauge", "Seconds since the last commit, 0 before it."), idle
        yield ("open_runs", "gauge", "Runs that are going on."), len(self.engine.runs.live)
        yield ("recording", "gauge", "1 while calls are recorded."), self._trouble() is None

    def _waits(self) -> Iterator[str]:
        """How long the ends of answers waited for their records: a histogram."""
        waits = self.engine.patience.waits
        yield "# HELP dashcam_added_latency_seconds What answers waited for their records."
        yield "# TYPE dashcam_added_latency_seconds histogram"
        for bound, count in waits.cumulative():
            yield f'dashcam_added_latency_seconds_bucket{{le="{bound}"}} {count}'
        yield f"dashcam_added_latency_seconds_sum {waits.total:.9g}"
        yield f"dashcam_added_latency_seconds_count {waits.count}"


def _said(wrong: str | None) -> web.Response:
    if wrong is None:
        return web.Response(text="ok\n")
    return web.Response(status=503, text=f"{wrong}\n", headers={"Retry-After": "5"})
