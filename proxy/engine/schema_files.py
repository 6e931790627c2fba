"""The files that declare schemas: a folder of them, and OpenAPI documents elsewhere."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proxy.core.schemas import Book, Declared, Rule, reading
from proxy.errors import ConfigError

_ENDINGS = (".json", ".yaml", ".yml")
_LARGEST = 32 * 1024 * 1024  # bytes


class Loaded(NamedTuple):
    """What the files declare, and what is wrong with those that could not be used."""

    declared: tuple[Declared, ...]
    problems: tuple[str, ...]


def load(folder: Path, documents: Sequence[str] = ()) -> Loaded:
    """Everything that is declared; a folder that is not there declares nothing.

    Args:
        folder: Holds JSON and YAML files, in folders of their own or not.
        documents: OpenAPI documents, each FILE or HOST=FILE.
    """
    declared: list[Declared] = []
    problems: list[str] = []
    for path, name, host in (*_in(folder), *_named(documents)):
        try:
            declared += reading.read(parsed(path), name, path.as_posix(), host)
        except ValueError as error:
            problems.append(f"{path.as_posix()}: {error}")
        except RecursionError:
            problems.append(f"{path.as_posix()}: it is nested too deep")
    return Loaded(tuple(declared), tuple(problems))


def book(
    folder: Path, documents: Sequence[str], rules: Sequence[Rule], *, strict: bool
) -> tuple[Book, tuple[str, ...]]:
    """The book of what is declared, and the problems.

    Raises:
        ConfigError: `strict`, and a file cannot be used.
    """
    loaded = load(folder, documents)
    if strict and loaded.problems:
        raise ConfigError(loaded.problems[0], hint="`dashcam schemas list` shows all schemas")
    return Book(loaded.declared, rules), loaded.problems


def parsed(path: Path) -> Any:
    """What a JSON or YAML file holds. Raises ValueError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is not JSON: {error}") from error
    return _yaml(text)


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - most folders hold none
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - likewise

    try:
        # What YAML knows besides JSON (dates) is as JSON would have it.
        return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))
    except (YAMLError, TypeError) as error:
        raise ValueError(f"it is not YAML: {str(error).splitlines()[0]}") from error


def _in(folder: Path) -> Iterator[tuple[Path, str, str | None]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _ENDINGS and not hidden and path.is_file():
            yield path, path.name.removesuffix(path.suffix), None


def _named(documents: Sequence[str]) -> Iterator[tuple[Path, str, str | None]]:
    for text in documents:
        host, equals, file = text.partition("=")
        path = Path(file if equals else host).expanduser()
        yield path, path.stem, host.lower() if equals else None
