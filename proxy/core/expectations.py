"""What the user expects of the runs with a label; `dashcam.toml` says it under `[labels.LABEL]`.

[labels.SupportAgent]
max_length = 900
banned = ["as an AI language model"]
phases = ["plan", "retrieve", "execute"]
before = { refund = ["verify_identity"] }
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from proxy.core import loose

EVERY: Final = "*"  # the label whose expectations hold for all
# Those of the answer, which are checked as tests check theirs.
OUTPUT: Final = ("schema", "sections", "max_length", "banned", "citations")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _order(value: Any) -> bool:
    return isinstance(value, dict) and all(_texts(one) for one in value.values())


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and loose.amount(value) is not None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _judge(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"model", "asks"}:
        return False
    return _texts([*value.values()]) and all(value["model"].partition("/"))


# name -> (what is allowed, in words)
KNOWN: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "schema": (lambda value: isinstance(value, dict), "a JSON Schema, or the path of one"),
    "sections": (_texts, "a list of texts"),
    "max_length": (_whole, "a number of characters"),
    "banned": (_texts, "a list of texts"),
    "citations": (lambda value: isinstance(value, bool) or _whole(value), "true or a number"),
    "phases": (_texts, "a list of phases in their order"),
    "forbidden_tools": (_texts, "a list of tools, * stands for any part"),
    "required_tools": (_texts, "a list of tools, * stands for any part"),
    "before": (_order, "a table of a tool and the list of those that must come before it"),
    "documents": (_texts, "a list of document ids, * stands for any part"),
    "freshness_days": (_amount, "a number above 0"),
    "budget_usd": (_amount, "a number above 0"),
    "budget_tokens": (_amount, "a number above 0"),
    "budget_ms": (_amount, "a number above 0"),
    "judge": (_judge, "a table of model (PROVIDER/MODEL) and asks, a question"),
}


def problem(tables: Any) -> str | None:
    """What is wrong with the tables of `[labels]`; None when nothing is."""
    if not isinstance(tables, Mapping):
        return "labels takes tables"
    for label, table in tables.items():
        if not isinstance(table, Mapping):
            return f"labels.{label} takes a table"
        for name, value in table.items():
            known = KNOWN.get(name)
            if known is None:
                return f"labels.{label}.{name} is not known; there are {', '.join(KNOWN)}"
            if not known[0](value):
                return f"labels.{label}.{name} takes {known[1]}"
    return None


def of(tables: Mapping[str, Mapping[str, Any]], label: str) -> dict[str, Any]:
    """What is expected of a run with this label; a table's name may be a glob."""
    found = dict(tables.get(EVERY, {}))
    for name, table in tables.items():
        if name not in (EVERY, label) and fnmatchcase(label, name):
            found |= table
    return found | dict(tables.get(label, {}))
