"""`schema`: the output is JSON and satisfies this JSON Schema. Nothing is fetched for a `$ref`."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from proxy.core.checks._api import Trial
from proxy.errors import ConfigError

_SHOWN: Final = 5


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Where the output breaks the schema."""
    try:
        Draft202012Validator.check_schema(wanted)
    except SchemaError as error:
        raise ConfigError(f"schema is no JSON Schema: {error.message}") from error
    try:
        value = json.loads(trial.output)
    except ValueError as error:
        yield f"the output is not JSON: {error}"
        return
    validator = Draft202012Validator(wanted, registry=Registry())
    try:
        for wrong in islice(validator.iter_errors(value), _SHOWN):
            leaf = best_match([wrong]) or wrong
            yield f"{leaf.json_path}: {leaf.message}"
    except Unresolvable as error:
        raise ConfigError(f"schema refers to what is not in it: {error.ref}") from error
