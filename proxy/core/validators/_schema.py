"""A payload against a JSON Schema: every error at once, in bounded time, nothing fetched.

jsonschema-rs says yes to what fits, in a fraction of the time; what it does not say yes to is gone
through by jsonschema, whose errors are the ones that are told. 2020-12 where a schema names no
draft. `format` and content keywords are notes to readers in that draft, and are not checked.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
import orjson
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # has no types

from proxy.core.validators import _patterns
from proxy.core.validators._cost import Weights, expansion
from proxy.core.validators._keywords import BUDGET, DRAFTS, Budget, Exhausted, bounded

_LATEST = "https://json-schema.org/draft/2020-12/schema"
_MAX_SCHEMA = 1 << 20  # bytes
_MAX_NODES = 200_000  # of a payload
_MAX_WORK = 20_000_000  # nodes of an expanded schema times nodes of a payload
_MAX_ERRORS = 100
_MAX_SUSPECTS = 1000
_MAX_NARROWED = 5_000  # nodes of a payload whose errors are looked for where the fast engine is
_MAX_COPIED = 10_000_000  # bytes that its errors may hold, at the very worst
_FAST: dict[str, type[jsonschema_rs.Validator]] = {
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    _LATEST: jsonschema_rs.Draft202012Validator,
}


class Findings(NamedTuple):
    """The errors, and why there may be more of them, or none at all, that nobody looked for."""

    errors: tuple[ValidationError, ...] = ()
    unchecked: str | None = None


class Compiled(NamedTuple):
    """A schema ready for use; `problem` says why it cannot be used."""

    schema: Any = None
    draft: str = _LATEST
    fast: jsonschema_rs.Validator | None = None
    work: float = 0
    size: int = 0
    problem: str | None = None


def check(schema: Mapping[str, Any], payload: Any, size: int | None = None) -> Findings:
    """What of a payload does not fit a schema. Never raises.

    `size` is the length of the JSON that the payload came in, where that is known: then what fits
    need not be measured.
    """
    try:
        compiled = _compile(orjson.dumps(schema))
        if compiled.problem is not None:
            return Findings(unchecked=compiled.problem)
        if size is not None and size <= _MAX_NODES and _fits(compiled, payload, size):
            return Findings()
        return _measured(compiled, payload)
    except (RecursionError, TypeError, ValueError) as error:  # too deep, or no JSON at all
        return Findings(unchecked=f"the schema cannot be used: {_first_line(error)}")


def _measured(compiled: Compiled, payload: Any) -> Findings:
    weights = Weights(payload)
    if weights.nodes > _MAX_NODES:
        return Findings(unchecked=f"the payload has more than {_MAX_NODES} values")
    verdict = _fits(compiled, payload, weights.nodes)
    if verdict:
        return Findings()
    if _blends(compiled.schema):
        return _as_a_whole(verdict)
    return _errors(compiled, payload, weights)


def _fits(compiled: Compiled, payload: Any, nodes: int) -> bool | None:
    """What the fast engine says; None when it may not be asked."""
    if compiled.fast is None or compiled.work * nodes > _MAX_WORK:
        return None
    return compiled.fast.is_valid(payload)


@lru_cache(maxsize=256)
def _compile(text: bytes) -> Compiled:
    if len(text) > _MAX_SCHEMA:
        return Compiled(problem=f"the schema is larger than {_MAX_SCHEMA >> 20} MiB")
    schema = orjson.loads(text)
    named = schema.pop("$schema", None)
    draft = named.rstrip("#") if isinstance(named, str) else _LATEST
    draft = draft if draft in DRAFTS else _LATEST
    if _names_a_draft(schema):
        return Compiled(problem="the schema names another draft inside itself")
    fast = None
    if draft in _FAST:
        if not _FAST_META[draft].is_valid(schema):
            return Compiled(problem="the schema is not valid JSON Schema")
        try:
            fast = _FAST[draft](
                schema, validate_formats=False, pattern_options=_patterns.OPTIONS, offline=True
            )
        except (ValueError, jsonschema_rs.ReferencingError):
            fast = None  # a reference or a pattern that it cannot use: the other may get further
    return Compiled(schema, draft, fast, expansion(schema), len(text))


def _meta(draft: str) -> jsonschema_rs.Validator:
    return _FAST[draft]({"$ref": draft}, offline=True)


_FAST_META = {draft: _meta(draft) for draft in _FAST}


def _names_a_draft(node: Any) -> bool:
    if isinstance(node, dict):
        found = isinstance(node.get("$schema"), str)
        return found or any(map(_names_a_draft, node.values()))
    return isinstance(node, list) and any(map(_names_a_draft, node))


def _errors(compiled: Compiled, payload: Any, weights: Weights) -> Findings:
    """All errors, as far as the budget goes."""
    budget = Budget(weights, _suspects(compiled, payload, weights))
    token = BUDGET.set(budget)
    found: list[ValidationError] = []
    unchecked = None
    try:
        validator = bounded(compiled.draft)(compiled.schema, registry=REGISTRY)
        for error in validator.iter_errors(payload):
            if len(found) == _MAX_ERRORS:
                unchecked = f"only the first {_MAX_ERRORS} errors are told"
                break
            found.append(error)
    except Exhausted:
        unchecked = "the rest was not checked: it takes too much work"
    except RecursionError:
        unchecked = "the rest was not checked: the schema goes too deep"
    except Exception as error:  # noqa: BLE001 - a schema's fault, of any kind; references mostly
        unchecked = f"the rest was not checked: {_first_line(error)}"
    finally:
        BUDGET.reset(token)
    if unchecked is None and budget.undecided is not None:
        unchecked = f"the pattern {budget.undecided!r} was not checked: it takes too much work"
    return Findings(tuple(found), unchecked)


def _suspects(compiled: Compiled, payload: Any, weights: Weights) -> frozenset[int] | None:
    """The containers in which the fast engine finds an error; None when it may not be asked.

    It makes all its errors at once, with copies of what they are about and of what was wanted, so
    it is asked about small payloads only.
    """
    copied = max(compiled.work * weights.total, compiled.size * weights.nodes)
    small = weights.nodes <= _MAX_NARROWED and copied <= _MAX_COPIED
    if compiled.fast is None or not small:
        return None
    found = {id(payload)}
    errors = list(islice(compiled.fast.iter_errors(payload), _MAX_SUSPECTS))
    if not errors or len(errors) == _MAX_SUSPECTS:
        return None
    for error in errors:
        at = payload
        for step in error.instance_path:
            at = at[step]
            found.add(id(at))
    return frozenset(found)


def _blends(node: Any) -> bool:
    """Whether jsonschema would match a stranger's patterns with `re`."""
    return _holds(node, "unevaluatedProperties") and _holds(node, "patternProperties")


def _holds(node: Any, keyword: str) -> bool:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (isinstance(node, dict) and keyword in node) or any(
        _holds(one, keyword) for one in inner
    )


def _as_a_whole(verdict: bool | None) -> Findings:
    """The fast engine's word alone, for a payload that did not pass."""
    if verdict is None:
        return Findings(unchecked="the schema takes too much work")
    return Findings((ValidationError("no fit", validator="unevaluatedProperties"),))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
