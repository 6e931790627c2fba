"""The files that declare schemas."""

import json
from pathlib import Path

import pytest

from proxy.core.schemas import Rule
from proxy.engine.schema_files import book, load
from proxy.errors import ConfigError

OPENAPI = """
openapi: 3.1.0
servers: [{url: "https://crm.example.com"}]
info: {title: CRM, version: 2026-01-01}
paths:
  /a: {get: {responses: {200: {content: {application/json: {schema: {type: object}}}}}}}
"""


def test_a_folder_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    (folder / "crm").mkdir(parents=True)
    (folder / "crm" / "find.request.json").write_text('\ufeff{"type": "object"}')
    (folder / "api.yaml").write_text(OPENAPI)
    (folder / ".hidden.json").write_text("{")
    (folder / "readme.md").write_text("not a schema")
    loaded = load(folder)
    assert loaded.problems == ()
    assert [(one.name, one.tool) for one in loaded.declared] == [
        ("GET crm.example.com/a", None),
        ("find.request", "find"),
    ]
    assert loaded.declared[0].source.endswith("schemas/api.yaml")


def test_documents_elsewhere_may_be_for_another_host(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yml"
    file.write_text(OPENAPI)
    (declared,) = load(tmp_path / "none", [f"LocalHost:9000={file}"]).declared
    assert declared.name == "GET localhost:9000/a"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", "{", "it is not JSON: Expecting property name"),
        ("a.yaml", "a: [", "it is not YAML: while parsing"),
        ("a.json", "[]", "it holds no object"),
        ("a.json", "[" * 100_000 + "]" * 100_000, "nested too deep"),
        ("a.yaml", "a: &a [*a]", "Circular reference"),
        ("a.json", json.dumps({"request": {}, "mode": "x"}), "its mode is 'x'"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_file(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / name).write_text(text)
    (problem,) = load(tmp_path).problems
    assert problem.startswith(f"{(tmp_path / name).as_posix()}: ")
    assert why in problem


def test_whoever_asks_for_strictness_hears_of_it(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"none\.yaml: it cannot be read: No such file"):
        book(tmp_path, [missing], (), strict=True)
    found, problems = book(tmp_path, [missing], [Rule("*", "warn")], strict=False)
    assert (found.declared, len(problems), found.mode("x")) == ((), 1, "warn")
