"""200 streams at the same time, of 20 runs: each in its own run, none lost, none swapped."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.upstream.dashcam import TIMEOUT, Dashcam, Service

RUNS = 20
CALLS = 10
EVENTS = 5
TOTAL = RUNS * CALLS


class Lane(NamedTuple):
    """How the calls of a run go: what names the run, and the protocol."""

    by_header: bool
    http2: bool


LANES = (Lane(False, False), Lane(True, False), Lane(False, True), Lane(True, True))


def expected(seed: str) -> str:
    lines = [f"{seed} begins", *[f"{seed} {index}" for index in range(EVENTS)], f"{seed} ends"]
    return "".join(f"data: {line}\n\n" for line in lines)


def seeds(run: int) -> list[str]:
    return [f"run-{run:02}.{call}" for call in range(CALLS)]


async def one_run(service: Service, trust: ssl.SSLContext, run: int, lane: Lane) -> dict[str, str]:
    """All calls of a run at once; what each was answered."""
    name = f"run-{run:02}"
    user = "" if lane.by_header else f"{name}:x@"
    headers = {"Dashcam-Run": name} if lane.by_header else {}
    async with httpx.AsyncClient(
        proxy=service.proxy.replace("://", f"://{user}"),
        headers=headers,
        verify=trust,
        trust_env=False,
        http1=not lane.http2,
        http2=lane.http2,
        timeout=TIMEOUT,
        limits=httpx.Limits(),
    ) as client:

        async def call(seed: str) -> tuple[str, str]:
            query = f"name=all&count={TOTAL}&events={EVENTS}&seed={seed}"
            async with client.stream("GET", f"https://upstream.test/barrier?{query}") as answer:
                return seed, "".join([text async for text in answer.aiter_text()])

        return dict(await asyncio.gather(*[call(seed) for seed in seeds(run)]))


async def everything(service: Service, trust: ssl.SSLContext) -> list[dict[str, str]]:
    runs = [one_run(service, trust, run, LANES[run % len(LANES)]) for run in range(RUNS)]
    return await asyncio.gather(*runs)


def stored(service: Service, run: int) -> Iterator[tuple[str, str]]:
    """What the store has of a run: the seed that was asked for and the stored answer."""
    for event in service.get(f"/runs/run-{run:02}/events").json():
        query = parse_qs(urlsplit(event["data"]["url"]).query)
        body = service.get(f"/exchanges/{event['data']['exchangeId']}/response").text
        yield query["seed"][0], body


def test_calls_of_many_runs_at_once_are_neither_lost_nor_swapped(dashcam: Dashcam) -> None:
    trust = ssl.create_default_context(cafile=dashcam("ca", "path").out.strip())
    with dashcam.up() as service:
        answers = asyncio.run(everything(service, trust))
        for run in range(RUNS):
            wanted = {seed: expected(seed) for seed in seeds(run)}
            assert answers[run] == wanted
            assert sorted(stored(service, run)) == sorted(wanted.items())
        counts = service.get("/status").json()
        assert counts["gaps"] == 0
        assert service.stop() == 0
    assert len(dashcam.json("runs", "--limit", "100")) == RUNS
    dashcam("verify")
