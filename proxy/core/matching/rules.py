"""Ignore rules as a line of text: `json $.user.id`, `[GET crm.*] query t`."""

import re
from typing import Final

from proxy.core.matching import ignore
from proxy.core.matching._api import IgnoreRule
from proxy.errors import ConfigError

_LINE: Final = re.compile(r"(?:\[(?P<step>.+?)\] +)?(?P<target>[a-z]+) +(?P<pattern>.+)", re.DOTALL)
_TARGETS: Final = ", ".join(ignore.TARGETS)


def read(line: str) -> IgnoreRule:
    """The rule that a line says. Raises ConfigError."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ConfigError(
            f"not an ignore rule: {line!r}",
            hint=f"write TARGET PATTERN or [STEP] TARGET PATTERN; TARGET is one of {_TARGETS}",
        )
    (rule,) = ignore.check([IgnoreRule(found["target"], found["pattern"], found["step"] or "*")])
    return rule


def write(rule: IgnoreRule) -> str:
    """The line that says a rule."""
    step = "" if rule.step == "*" else f"[{rule.step}] "
    return f"{step}{rule.target} {rule.pattern}"
