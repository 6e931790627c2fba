import asyncio
from pathlib import Path
from typing import Any

import pytest

from proxy import config
from proxy.core.model import Exchange, RequestHead, ResponseHead, Run
from proxy.mcp.sinks import ToApi, ToStore
from proxy.stores import open_store
from proxy.stores._api import CloseRun, OpenRun


def exchange(number: int, run: str = "run_1") -> Exchange:
    head = RequestHead("POST", "mcp+stdio", "shop", 0, "/", "stdio")
    return Exchange(f"ex_{number}", run, 0, "mcp", 5.0, head, response=ResponseHead(200))


class Api:
    """What was posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []

    def post(self, path: str, body: Any) -> dict[str, Any]:
        self.posted.append((path, body))
        return {}


@pytest.mark.parametrize("own", [None, "mcp shop"])
async def test_to_a_dashcam_that_is_running(own: str | None) -> None:
    api: Any = Api()
    sink = ToApi(api, "run_1", own)
    await sink.open()
    await sink.add([exchange(1), exchange(2)])
    await sink.close()
    paths = [path for path, _ in api.posted]
    around = [["/runs"], ["/runs/run_1/close"]] if own else [[], []]
    assert paths == [*around[0], "/exchanges", "/exchanges", *around[1]]
    assert [body["id"] for path, body in api.posted if path == "/exchanges"] == ["ex_1", "ex_2"]
    if own:
        assert api.posted[0][1] == {"id": "run_1", "label": "mcp shop"}


@pytest.mark.parametrize(
    ("own", "before", "closed"),
    [("mcp shop", "none", True), (None, "open", False), (None, "closed", True)],
)
async def test_into_the_store(own: str | None, before: str, closed: bool, tmp_path: Path) -> None:
    settings = config.load({"store": f"sqlite:///{tmp_path}/d.db"}, {})
    if before != "none":
        store = open_store(settings.store)
        writes: list[Any] = [OpenRun(Run("run_1", "Support", "run_1", 1.0))]
        store.write([*writes, *([CloseRun("run_1", 2.0)] if before == "closed" else [])])
        store.close()
    sink = ToStore(settings, "run_1", own)
    await sink.open()
    await sink.add([exchange(1)])
    await sink.add([exchange(2)])
    await sink.close()
    store = open_store(settings.store)
    run = store.find_run("run_1")
    assert run.label == (own or "Support")
    assert (run.ended_at is not None) is closed
    assert [one.seq for one in store.exchanges("run_1")] == [1, 2]
    assert bool(store.outcomes("run_1")) is closed
    store.close()


def test_what_was_never_opened_is_closed(tmp_path: Path) -> None:
    settings = config.load({"store": f"sqlite:///{tmp_path}/d.db"}, {})
    asyncio.run(ToStore(settings, "run_1", None).close())
    assert not list(tmp_path.iterdir())
