import pytest

from proxy.core.model import Run
from proxy.stores import merging


@pytest.mark.parametrize(
    ("path", "paths"),
    [
        ("plan", ["plan"]),
        ("plan/retrieve", ["plan", "plan/retrieve"]),
        ("/plan//retrieve/", ["plan", "plan/retrieve"]),
        ("///", []),
        ("", []),
    ],
)
def test_a_path_names_its_groups(path: str, paths: list[str]) -> None:
    assert merging.group_paths(path) == paths


def test_a_path_without_end_is_no_deep_tree() -> None:
    paths = merging.group_paths("/".join("abcdefghijklmnopqrstuvwxyz"))
    assert len(paths) == 16
    assert paths[-1] == "/".join("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("source", "earlier", "counts"),
    [
        ("rules", [], True),
        ("rules", ["rules"], True),
        ("rules", ["caller", "rules"], False),
        ("caller", ["caller"], True),
        ("judge", ["rules"], True),
        ("judge", ["rules", "caller"], False),
        ("rules", ["rules", "judge"], True),
    ],
)
def test_who_has_the_last_word(source: str, earlier: list[str], counts: bool) -> None:
    assert merging.outranks(source, earlier) is counts


@pytest.mark.parametrize(
    ("metadata", "made_of"),
    [({}, None), ({"parent": "a"}, "a"), ({"judgeOf": "b"}, "b"), ({"parent": 1}, None)],
)
def test_what_a_run_was_made_of(metadata: dict[str, object], made_of: str | None) -> None:
    assert merging.made_of(Run("r", "", "", 1.0, metadata=metadata)) == made_of
