"""What a schema's errors say: one plain sentence each, with the place in the payload."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError, relevance

from proxy.core import diff
from proxy.core.validators._api import Violation
from proxy.core.validators._drift import lookalike
from proxy.core.validators._schema import Findings

# What breaks a reader that relies on the schema; the rest is what a tolerant one can live with.
_BREAKING = frozenset(
    (
        *("required", "type", "enum", "const", "anyOf", "oneOf", "not", "dependentRequired"),
        *("dependencies", "dependentSchemas", "contains", "minContains", "unevaluatedProperties"),
    )
)
_TYPES = {
    "object": "an object",
    "array": "an array",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_FORMS = 5  # levels of anyOf in anyOf that are looked into for what comes closest


def violations(
    found: Findings, *, side: str, subject: str | None, at: str = "$"
) -> list[Violation]:
    """The findings of a check as violations; `at` is the path of the payload itself."""
    told = {  # an error may be found by several ways through a schema
        (violation.path, violation.message): violation._replace(side=side, subject=subject)
        for error in found.errors
        for violation in _told(error, at)
    }
    if found.unchecked is not None:
        note = unchecked(found.unchecked, side=side, subject=subject, at=at)
        told[at, note.message] = note
    return list(told.values())


def unchecked(why: str, *, side: str, subject: str | None, at: str = "$") -> Violation:
    """That something could not be checked, and why; not a fault of the payload's."""
    return Violation(at, f"not checked: {why}", "unchecked", side, subject, breaking=False)


def path_of(error: ValidationError, at: str = "$") -> str:
    """The JSON path of the value that an error is about."""
    path = at
    for step in error.absolute_path:
        path = f"{path}[{step}]" if isinstance(step, int) else diff.member(path, step)
    return path


def _told(error: ValidationError, at: str) -> Iterator[Violation]:
    keyword = str(error.validator)
    schema_path = "/".join(["#", *map(str, error.absolute_schema_path)])[:500]
    path = path_of(error, at)
    for where, message in _SPECIAL.get(keyword, _plain)(error, path):
        yield Violation(
            where, message, keyword, schema_path=schema_path, breaking=keyword in _BREAKING
        )


type _Told = Iterator[tuple[str, str]]


def _required(error: ValidationError, path: str) -> _Told:
    """One error for each name, in 2020-12; what it is called instead, if anything."""
    names = error.validator_value if isinstance(error.validator_value, list) else []
    instance = error.instance if isinstance(error.instance, dict) else {}
    # jsonschema gives one error a name and says which only in its message
    name = next((n for n in names if error.message.startswith(repr(n))), None)
    if name is None:
        yield path, "a required field is missing"
        return
    message = f"{_name(name)} is missing"
    known = _properties(error)
    other = lookalike(name, (key for key in instance if key not in known))
    if other is not None:
        message += f"; there is {_name(other)} instead, which looks like the same field renamed"
    yield diff.member(path, name), message


def _extra(error: ValidationError, path: str) -> _Told:
    known = _properties(error)
    for name in error.instance if isinstance(error.instance, list) else []:
        meant = lookalike(name, known)
        hint = f"; {_name(meant)} is" if meant is not None else ""
        yield diff.member(path, name), f"{_name(name)} is not a field of the schema{hint}"


def _dependent(error: ValidationError, path: str) -> _Told:
    yield path, f"a field is missing that another one needs: {error.message[:200]}"


def _forms(error: ValidationError, path: str) -> _Told:
    """None of several forms fits, or too many do: what the closest one lacks."""
    forms = error.validator_value if isinstance(error.validator_value, list) else []
    if error.validator == "oneOf" and not error.context:
        yield path, f"it fits more than one of the {len(forms)} forms of which it must fit one"
        return
    leaf, levels = error, 0
    while leaf.context and levels < _FORMS:
        leaf, levels = min(_closest(leaf.context), key=relevance), levels + 1
    told = list(_SPECIAL.get(str(leaf.validator), _plain)(leaf, "")) if leaf is not error else []
    closest = f"; closest: {told[0][1]}" if told else ""
    yield path, f"it fits none of the {len(forms)} allowed forms{closest}"


def _closest(context: Sequence[ValidationError]) -> list[ValidationError]:
    """The errors of the form that has the fewest of them and is of the right type."""
    forms: dict[Any, list[ValidationError]] = {}
    for error in context:
        forms.setdefault(error.relative_schema_path[0], []).append(error)

    def distance(errors: list[ValidationError]) -> tuple[bool, int]:
        wrong = any(e.validator in ("type", "const", "enum") and len(e.path) == 0 for e in errors)
        return wrong, len(errors)

    return min(forms.values(), key=distance)


def _plain(error: ValidationError, path: str) -> _Told:
    say = _SENTENCES.get(str(error.validator))
    wanted, given = error.validator_value, error.instance
    message = say(wanted, given) if say else f"it breaks the rule {error.validator!s}"
    yield path, message


def _type(wanted: Any, given: Any) -> str:
    names = wanted if isinstance(wanted, list) else [wanted]
    said = " or ".join(_TYPES.get(str(name), "something else") for name in names)
    return f"it should be {said}, and is {_given(given)}"


def _given(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {_short(value)}"
    if isinstance(value, int | float):
        return f"the number {_short(value)}"
    return "an array" if isinstance(value, list) else "an object"


def _enum(wanted: Any, given: Any) -> str:
    options = wanted if isinstance(wanted, list) else []
    shown = ", ".join(_short(option) for option in options[:8])
    more = f" or {len(options) - 8} others" if len(options) > 8 else ""  # noqa: PLR2004 - shown
    return f"it should be one of {shown}{more}, and is {_short(given)}"


def _properties(error: ValidationError) -> Mapping[str, Any]:
    schema = error.schema if isinstance(error.schema, dict) else {}
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _short(value: Any) -> str:
    try:
        return diff.excerpt(value, 80)
    except (TypeError, ValueError):
        return "something"


def _name(name: Any) -> str:
    text = str(name)
    return f"`{text if len(text) <= 80 else text[:79] + '…'}`"  # noqa: PLR2004 - shown


_SENTENCES: dict[str, Callable[[Any, Any], str]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda wanted, given: f"it should be {_short(wanted)}, and is {_short(given)}",
    "minimum": lambda wanted, given: f"{given} is less than {wanted}",
    "maximum": lambda wanted, given: f"{given} is more than {wanted}",
    "exclusiveMinimum": lambda wanted, given: f"{given} is not more than {wanted}",
    "exclusiveMaximum": lambda wanted, given: f"{given} is not less than {wanted}",
    "multipleOf": lambda wanted, given: f"{given} is not a multiple of {wanted}",
    "minLength": lambda wanted, given: f"{_short(given)} is shorter than {wanted} characters",
    "maxLength": lambda wanted, given: f"it has {len(given)} characters, more than {wanted}",
    "pattern": lambda wanted, given: f"{_short(given)} does not match the pattern {_short(wanted)}",
    "minItems": lambda wanted, given: f"it has {len(given)} items, fewer than {wanted}",
    "maxItems": lambda wanted, given: f"it has {len(given)} items, more than {wanted}",
    "uniqueItems": lambda _, __: "an item is in it twice",
    "minProperties": lambda wanted, given: f"it has {len(given)} fields, fewer than {wanted}",
    "maxProperties": lambda wanted, given: f"it has {len(given)} fields, more than {wanted}",
    "items": lambda _, __: "it has more items than the schema knows of",
    "additionalItems": lambda _, __: "it has more items than the schema knows of",
    "unevaluatedItems": lambda _, __: "it has items that the schema does not know of",
    "unevaluatedProperties": lambda _, __: "it has fields that the schema does not allow",
    "contains": lambda _, __: "none of its items is of the kind that must be in it",
    "minContains": lambda _, __: "too few of its items are of the kind that must be in it",
    "maxContains": lambda _, __: "too many of its items are of the kind that may be in it",
    "not": lambda _, __: "it is of the form that is ruled out",
    "None": lambda _, __: "nothing is allowed here",
}
_SPECIAL: dict[str, Callable[[ValidationError, str], _Told]] = {
    "required": _required,
    "additionalProperties": _extra,
    "anyOf": _forms,
    "oneOf": _forms,
    "dependentRequired": _dependent,
    "dependencies": _dependent,
}
