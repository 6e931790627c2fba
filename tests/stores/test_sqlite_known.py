from proxy.core.model import Run
from proxy.stores.sqlite_known import Memory, RunState


def test_what_is_known_can_be_forgotten() -> None:
    memory = Memory()
    memory.runs["r"] = RunState(Run("r", "Bot", "r", 1.0), 1)
    memory.groups["r", "plan"] = 1
    memory.texts.add(("r", "text"))
    memory.provisional.add("ex_1")
    memory.version = memory.epoch = 5
    memory.forget()
    assert (memory.runs, memory.groups) == ({}, {})
    assert (memory.texts, memory.provisional) == (set(), set())
    assert (memory.version, memory.epoch) == (-1, -1)
