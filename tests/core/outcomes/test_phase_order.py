from dataclasses import replace
from typing import Any

import pytest

from proxy.core.outcomes import judge
from tests.core.outcomes.facts import facts, llm

PHASES = {"phases": ["plan", "retrieve", "execute"]}


def group(name: str) -> dict[str, Any]:
    return {"kind": "group", "name": name, "status": "ok", "data": {}}


@pytest.mark.parametrize(
    ("names", "reason", "evidence"),
    [
        (["execute"], "the phase execute began before plan and retrieve", (1,)),
        (["plan", "execute"], "the phase execute began before retrieve", (2,)),
        (["plan", "other", "retrieve", "execute"], None, ()),
        (["plan", "retrieve", "plan", "execute"], None, ()),
        ([], None, ()),
    ],
)
def test_judge(names: list[str], reason: str | None, evidence: tuple[int, ...]) -> None:
    given = facts(*map(group, names), llm())
    found = judge(replace(given, expected=PHASES), created_at=1.0)
    assert (found.reason, found.evidence) == (reason, evidence)
    assert judge(given, created_at=1.0).status == "Completed"
