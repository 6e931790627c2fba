"""Payloads that mean harm, by the way that every exchange takes: each in a process with limits."""

import json
import os
import resource
import signal
import warnings
from collections.abc import Callable

import pytest

from proxy.core import pricing, validators
from proxy.core.model import Exchange
from proxy.core.schemas import Book, Declared
from proxy.engine.understand import events_of
from tests.conformance.hostile import HOSTILE

CPU = 60  # seconds; a slow machine takes three for the worst of them, without bounds it is for ever
MEMORY = 1 << 30  # bytes beyond what is there before
TOLD = 1_000_000  # bytes of JSON that an exchange's events may be
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
BOOK = Book([Declared("t", tool="t", request=TEXTS, responses={"2XX": TEXTS})])


def limited(work: Callable[[], None], cpu: int = CPU) -> int:
    """How a process ended that did `work`: 0, or what `waitpid` says of what stopped it."""
    with warnings.catch_warnings():  # a child that is alone needs no lock that others hold
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    code = 1
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - the child does no more than it must
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        work()
        code = 0
    finally:
        os._exit(code)


def understood(made: Exchange) -> None:
    events = events_of(made, None, None, BOOK)
    assert events
    size = len(json.dumps([event.data for event in events], default=str))
    assert size - len(made.request.target) * 3 < TOLD


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """What every process needs, once."""
    pricing.prepare()
    validators.prepare()


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_harm_costs_bounded_time_and_memory(make: Callable[[], Exchange]) -> None:
    made = make()
    assert limited(lambda: understood(made)) == 0


def test_the_limits_hold() -> None:
    def for_ever() -> None:
        while True:
            pass

    def too_much() -> None:
        bytearray(2 * MEMORY)

    ended = limited(for_ever, cpu=1)
    assert os.WIFSIGNALED(ended)
    assert os.WTERMSIG(ended) in {signal.SIGXCPU, signal.SIGKILL}
    assert os.WEXITSTATUS(limited(too_much)) == 1
