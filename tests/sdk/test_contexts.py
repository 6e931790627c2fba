import asyncio
import contextvars
import http.client
import json
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import dashcam
import pytest
from dashcam import scopes

from tests.sdk.echo_server import EchoServer


@pytest.fixture(autouse=True)
def in_the_way() -> None:
    dashcam.configure(api="http://127.0.0.1:1")  # nothing listens there: reports are lost


def fields() -> dict[str, str]:
    return {name.removeprefix("Dashcam-"): value for name, value in scopes.current_fields()}


def test_outside_of_everything_there_is_nothing_to_say() -> None:
    assert fields() == {}


def test_run_group_step_and_meta() -> None:
    with dashcam.run("refund", id="r-1", plan="pro", age=3) as run:
        assert (run.id, run.label, run.parent) == ("r-1", "refund", None)
        about = {"Run": "r-1", "Label": "refund", "Meta": '{"plan":"pro","age":3}'}
        assert fields() == about
        with dashcam.group("plan"):
            assert fields() == {**about, "Group": "plan"}
            with dashcam.group("retrieve"), dashcam.step("search"):
                assert fields() == {**about, "Group": "plan/retrieve", "Step": "search"}
                with dashcam.step("again"):
                    assert fields()["Step"] == "again"
                assert fields()["Step"] == "search"
            assert fields() == {**about, "Group": "plan"}
        assert fields() == about
    assert fields() == {}


async def test_the_same_with_async_with() -> None:
    async with dashcam.run("refund", id="r-1"), dashcam.group("plan"), dashcam.step("s"):
        assert fields() == {"Run": "r-1", "Label": "refund", "Group": "plan", "Step": "s"}
    assert fields() == {}


def test_an_exception_leaves_the_blocks_and_goes_on() -> None:
    with pytest.raises(KeyError), dashcam.run("a"), dashcam.group("g"), dashcam.step("s"):
        raise KeyError
    assert fields() == {}


def test_ids_are_made_up_and_differ() -> None:
    first, second = dashcam.run("a"), dashcam.run("a")
    assert first.id != second.id
    assert len(first.id) == 32


def test_an_inner_run_is_a_child_and_its_phases_are_its_own() -> None:
    with dashcam.run("outer", id="o"), dashcam.group("plan"):
        with dashcam.run("inner", id="i"):
            assert fields() == {"Run": "i", "Label": "inner", "Parent": "o"}
        assert fields() == {"Run": "o", "Label": "outer", "Group": "plan"}


def test_the_first_outermost_run_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "process")
    with dashcam.run("first") as first:
        assert fields() == {"Run": "process", "Label": "first"}
        with dashcam.run("inner", id="i"):
            assert fields() == {"Run": "i", "Label": "inner", "Parent": "process"}
    with dashcam.run("second", id="s"):
        assert fields() == {"Run": "s", "Label": "second", "Parent": "process"}
    with dashcam.run("third") as third:
        assert third.id != "process"
        assert third.parent == "process"
    assert first.id == "process"


def test_a_run_with_an_id_of_its_own_takes_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "process")
    assert dashcam.run("own", id="x").parent == "process"
    assert dashcam.run("first").id == "process"


def test_one_takes_the_run_of_the_process_over_however_many_threads_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "process")
    ready = threading.Barrier(8)

    def ask(_: int) -> str:
        ready.wait()
        return dashcam.run("x").id

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert found.count("process") == 1


def test_runs_are_reported_once_and_closed_unless_they_are_the_process_own(
    api: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashcam.configure()
    monkeypatch.setenv("DASHCAM_RUN", "process/1")
    with dashcam.run("first", plan="pro"), dashcam.run("inner", id="in/ner") as inner:
        inner.outcome("Completed", "done")
    assert dashcam.flush()
    assert [(posted.path, posted.body) for posted in api.posted] == [
        (
            "/api/v1/runs",
            {"id": "process/1", "label": "first", "metadata": {"plan": "pro"}, "parent": None},
        ),
        (
            "/api/v1/runs",
            {"id": "in/ner", "label": "inner", "metadata": {}, "parent": "process/1"},
        ),
        (
            "/api/v1/runs/in%2Fner/outcome",
            {
                "status": "Completed",
                "failureMode": None,
                "reason": "done",
                "retryable": None,
                "userImpact": None,
            },
        ),
        ("/api/v1/runs/in%2Fner/close", {}),
    ]


def test_a_block_may_be_entered_again_and_by_many_at_once() -> None:
    phase = dashcam.group("plan")
    with phase:
        with phase:
            assert fields()["Group"] == "plan/plan"
        assert fields()["Group"] == "plan"
    assert fields() == {}


def test_threads_do_not_see_each_others(server: EchoServer) -> None:
    rounds, threads = 10, 8
    ready = threading.Barrier(threads)

    def work(number: int) -> list[tuple[str, str]]:
        seen = []
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        for turn in range(rounds):
            name = f"{number}-{turn}"
            with dashcam.run("x", id=name), dashcam.group(f"g{number}"):
                ready.wait()
                connection.request("GET", "/")
                echoed = json.load(connection.getresponse())
                seen.append((echoed["Dashcam-Run"], echoed["Dashcam-Group"]))
        connection.close()
        return seen

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(work, range(threads)))
    for number, seen in enumerate(found):
        assert seen == [(f"{number}-{turn}", f"g{number}") for turn in range(rounds)]


async def test_tasks_do_not_see_each_others() -> None:
    async def work(number: int) -> None:
        async with dashcam.run("x", id=str(number)):
            for turn in range(5):
                async with dashcam.step(f"{turn}"):
                    await asyncio.sleep(0)
                    assert (fields()["Run"], fields()["Step"]) == (str(number), str(turn))

    async with dashcam.run("outer", id="o"):
        await asyncio.gather(*(work(number) for number in range(20)))
        assert fields() == {"Run": "o", "Label": "outer"}


async def test_a_task_starts_where_its_parent_was() -> None:
    async def inside() -> dict[str, str]:
        return fields()

    async with dashcam.run("x", id="r"):
        task = asyncio.ensure_future(inside())
        in_thread = await asyncio.to_thread(fields)
    assert await task == in_thread == {"Run": "r", "Label": "x"}


def test_a_plain_thread_starts_with_nothing_unless_given_the_context() -> None:
    found: list[dict[str, str]] = []
    with dashcam.run("x", id="r"):
        copied = contextvars.copy_context()
        for target in (fields, lambda: copied.run(fields)):
            context = contextvars.Context()  # what a thread starts with before Python 3.14
            thread = threading.Thread(target=lambda: found.append(context.run(target)))  # noqa: B023 - joined below
            thread.start()
            thread.join()
    assert found == [{}, {"Run": "r", "Label": "x"}]


def test_a_generator_that_is_closed_elsewhere_does_no_harm() -> None:
    def generator() -> Generator[None]:
        with dashcam.run("x", id="r"):
            yield

    running = generator()
    contextvars.copy_context().run(next, running)
    with dashcam.run("mine", id="m"):
        running.close()
        assert fields()["Run"] == "m"
