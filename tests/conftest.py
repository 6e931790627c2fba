"""For all tests: how hypothesis searches, what runs where, what the collector leaves alone.

With `-n`, a file's tests run in one process, which makes what they share once; folders whose tests
take seconds come first, so that all workers end together, with tests of milliseconds.

A fresh checkout has no byte code. Workers collect from opposite ends, so that each compiles a half.
"""

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

# DASHCAM_EXAMPLES=1000 for a longer search; a deadline would be a timed assertion.
settings.register_profile(
    "dashcam", deadline=None, max_examples=int(os.environ.get("DASHCAM_EXAMPLES", "30"))
)
settings.load_profile("dashcam")

SLOW = tuple(
    f"tests/{name}"
    for name in (
        "demo/",
        "e2e/",
        "test_dockerfile",
        "launch/",
        "cli/",
        "sdk/",
        "addons/",
        "stores/",
    )
)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Every second worker begins at the end."""
    report = yield
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if isinstance(collector, pytest.Dir) and int(worker) % 2:
        report.result = list(reversed(report.result))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first; in one order, wherever collecting began."""
    items.sort(key=lambda item: (not item.nodeid.startswith(SLOW), str(item.path)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files, or what an xdist_group holds together, are given out whole and in that order."""
    from xdist.scheduler import (  # type: ignore[import-untyped]  # it has no types
        LoadGroupScheduling,
    )

    if config.option.dist != "loadgroup":
        return None
    config.option.loadscopereorder = False
    scheduler = LoadGroupScheduling(config, log)
    group_of = scheduler._split_scope

    def unit_of(nodeid: str) -> str:
        group: str = group_of(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group

    scheduler._split_scope = unit_of
    return scheduler


@pytest.hookimpl(tryfirst=True)
def pytest_report_to_serializable(report: pytest.CollectReport | pytest.TestReport) -> Any:
    """A worker's report of what passed, without what nobody asks about a test that passed."""
    if not isinstance(report, pytest.TestReport) or not report.passed:
        return None
    kept = ("nodeid", "location", "outcome", "when", "duration", "start", "stop", "sections")
    told = {name: getattr(report, name) for name in (*kept, "longrepr", "user_properties")}
    return {"$report_type": "TestReport", "keywords": {}, **told}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Of the six messages about a test that passes, a worker sends the three that are read.

    To write and to read them takes longer than most of the tests do.
    """
    option = session.config.option
    if not hasattr(session.config, "workerinput") or option.xmlpath or option.durations:
        return
    interactor = next(
        plugin
        for plugin in session.config.pluginmanager.get_plugins()
        if type(plugin).__name__ == "WorkerInteractor"
    )
    send = interactor.sendevent

    def send_what_is_read(name: str, **values: Any) -> None:
        if name == "logstart":
            return
        if name == "testreport":
            report = values["data"]
            if (
                report["outcome"] == "passed"
                and report["when"] != "call"
                and not report["sections"]
            ):
                return
        send(name, **values)

    interactor.sendevent = send_what_is_read


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests and the providers' SDKs stay to the end: not to be looked at each time."""
    gc.collect()
    gc.freeze()
