"""jsonschema's validators, changed so that no schema can make them work for ever.

Every keyword draws on the budget of the check it is part of; patterns go to an engine that gives
up; uniqueness is found by hashing. References are looked up in the schema itself and among the
published drafts, never fetched.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
import jsonschema.validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from proxy.core import canonical
from proxy.core.validators import _patterns
from proxy.core.validators._cost import Weights

type _Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]

_STEPS = 30_000
_PER_STEP = 512  # bytes of payload that a keyword may look at, or print, for one step

DRAFTS: dict[str, type[Any]] = {
    "http://json-schema.org/draft-03/schema": jsonschema.Draft3Validator,
    "http://json-schema.org/draft-04/schema": jsonschema.Draft4Validator,
    "http://json-schema.org/draft-06/schema": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-07/schema": jsonschema.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
}


class Exhausted(Exception):  # noqa: N818 - the name says it
    """The check has done all the work it may."""


@dataclass(slots=True)
class Budget:
    """The work that one check may still do, and whether a pattern could not be decided.

    `suspects` are the ids of the containers with an error in them, where somebody knows.
    """

    weights: Weights
    suspects: frozenset[int] | None = None
    steps: int = _STEPS
    undecided: str | None = None

    def spend(self, instance: Any) -> None:
        """Raises Exhausted when nothing is left."""
        self.steps -= 1 + self.weights.of(instance) // _PER_STEP
        if self.steps < 0:
            raise Exhausted


BUDGET: ContextVar[Budget] = ContextVar("validation_budget")


@cache
def bounded(draft: str) -> Callable[..., Validator]:
    """The validator class of a draft, bounded."""
    base = DRAFTS[draft]
    own = {name: _OWN[name] for name in base.VALIDATORS if name in _OWN}
    counted = {
        name: _counted(function, asks=name in _ASKS)
        for name, function in {**base.VALIDATORS, **own}.items()
    }
    made: Callable[..., Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # theirs
        base, counted
    )
    return made


def _counted(function: _Keyword, *, asks: bool) -> _Keyword:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = BUDGET.get()
        suspects = budget.suspects
        if suspects is not None and isinstance(instance, dict | list):
            if id(instance) not in suspects:
                return
            if asks:  # within it an error is an answer, and no error of the payload's
                budget.suspects = None
                try:
                    budget.spend(instance)
                    found = list(function(validator, value, instance, schema) or ())
                finally:
                    budget.suspects = suspects
                yield from found
                return
        budget.spend(instance)
        yield from function(validator, value, instance, schema) or ()

    return run


def _found(pattern: Any, text: str) -> bool | None:
    found = _patterns.matches(pattern, text)
    if found is None:
        BUDGET.get().undecided = str(pattern)[:200]
    return found


def _pattern(_: Any, pattern: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and _found(pattern, instance) is False:
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for key, value in instance.items():
            if _found(pattern, key):
                yield from validator.descend(value, inner, path=key, schema_path=pattern)


def _additional(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [
        key
        for key in instance
        # a pattern that nobody can decide is given the benefit of the doubt
        if key not in known and all(_found(pattern, key) is False for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for extra in extras:
            yield from validator.descend(instance[extra], allowed, path=extra)
    elif not allowed and extras:
        yield ValidationError("extra", instance=extras)


def _unique(_: Any, wanted: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not (wanted is True and isinstance(instance, list)):
        return
    seen: set[bytes] = set()
    for item in instance:
        key = canonical.canonical(_plain(item))
        if key in seen:
            yield ValidationError("twice")
            return
        seen.add(key)


def _plain(value: Any) -> Any:
    """The value with 1.0 as 1: to JSON Schema they are the same number."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


# Keywords that ask whether something fits, and do not demand it.
_ASKS = frozenset(
    (
        *("anyOf", "oneOf", "not", "if", "contains", "disallow", "extends", "type"),
        *("unevaluatedProperties", "unevaluatedItems", "dependencies", "dependentSchemas"),
    )
)
_OWN: dict[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "uniqueItems": _unique,
}
