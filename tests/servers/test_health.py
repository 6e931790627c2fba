import pytest

from proxy.servers.health import PATHS
from tests.servers.conftest import Served


async def get(served: Served, path: str, **headers: str) -> tuple[int, str]:
    async with served.http.get(f"{served.url}{path}", headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("path", PATHS[:3])
async def test_all_is_well(served: Served, path: str) -> None:
    assert await get(served, path) == (200, "ok\n")


@pytest.mark.parametrize(
    ("durability", "ready"), [("durable", 200), ("fast", 200), ("strict", 503)]
)
async def test_a_store_in_trouble_is_told_and_strict_takes_no_calls(
    served: Served, monkeypatch: pytest.MonkeyPatch, durability: str, ready: int
) -> None:
    writer = served.site.api.engine.writer
    monkeypatch.setattr(writer, "_durability", durability)
    monkeypatch.setattr(writer.counters, "trouble", "no space left on the device")
    assert (await get(served, "/livez"))[0] == 200
    assert (await get(served, "/readyz"))[0] == ready
    assert await get(served, "/recordingz") == (503, "no space left on the device\n")
    assert "\ndashcam_recording 0\n" in (await get(served, "/metrics"))[1]


async def test_the_numbers_are_in_the_text_format(served: Served) -> None:
    engine = served.site.api.engine
    engine.patience.waits.add(0.02)
    engine.writer.counters.gaps = 3
    _, text = await get(served, "/metrics")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    numbers = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    assert numbers["dashcam_gaps_total"] == 3
    assert numbers["dashcam_recording"] == 1
    assert numbers['dashcam_added_latency_seconds_bucket{le="0.01"}'] == 0
    assert numbers['dashcam_added_latency_seconds_bucket{le="0.025"}'] == 1
    assert numbers["dashcam_added_latency_seconds_count"] == 1
    helped = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert helped == {name.partition("{")[0].removesuffix("_bucket") for name in numbers} - {
        "dashcam_added_latency_seconds_sum",
        "dashcam_added_latency_seconds_count",
    }


async def test_others_than_this_machine_need_the_token_for_numbers(served: Served) -> None:
    del served.http.headers["Authorization"]
    assert [(await get(served, path))[0] for path in PATHS] == [200, 200, 200, 200]
    served.site.wide = True
    assert [(await get(served, path))[0] for path in PATHS] == [200, 200, 401, 401]
