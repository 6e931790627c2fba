import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashcam.hooks import Hooks

NAMES = ("hooked_early", "hooked_late", "hooked_broken")


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in NAMES:
        sys.modules.pop(name, None)


def double(module: Any) -> None:
    module.value *= 2


def fail(module: Any) -> None:
    raise AttributeError


def test_modules_that_are_there_and_modules_to_come() -> None:
    early = importlib.import_module("hooked_early")
    hooks = Hooks({"hooked_early": double, "hooked_late": double})
    hooks.install()
    assert early.value == 2
    late = importlib.import_module("hooked_late")
    assert late.value == 2
    assert type(late.__loader__).__name__ == "SourceFileLoader"
    assert "exec_module" not in vars(late.__loader__)


def test_each_is_patched_once() -> None:
    hooks = Hooks({"hooked_early": double})
    hooks.install()
    early = importlib.import_module("hooked_early")
    hooks.install()
    hooks.install()
    assert early.value == 2
    assert sys.meta_path.count(hooks) == 1


def test_once_all_are_patched_nothing_is_left_to_watch() -> None:
    importlib.import_module("hooked_early")
    hooks = Hooks({"hooked_early": double})
    hooks.install()
    assert hooks not in sys.meta_path


def test_a_patch_that_fails_leaves_the_module_usable() -> None:
    Hooks({"hooked_broken": fail}).install()
    assert importlib.import_module("hooked_broken").value == 1


def test_a_module_that_does_not_exist_is_not_found_as_ever() -> None:
    Hooks({"hooked_nowhere": double}).install()
    with pytest.raises(ModuleNotFoundError, match="hooked_nowhere"):
        importlib.import_module("hooked_nowhere")


def test_two_of_a_kind_get_along() -> None:
    """As with the preload of a recorded child, which watches imports too."""
    Hooks({"hooked_late": double}).install()
    Hooks({"hooked_late": double}).install()
    assert importlib.import_module("hooked_late").value == 4


def test_a_module_whose_import_is_under_way_is_patched_when_it_is_done(tmp_path: Path) -> None:
    hooks = Hooks({"hooked_late": double})
    sys.modules["hooks_of_the_test"] = type(sys)("hooks_of_the_test")
    sys.modules["hooks_of_the_test"].hooks = hooks  # type: ignore[attr-defined]  # made for this test
    (tmp_path / "hooked_late.py").write_text(
        "from hooks_of_the_test import hooks\nhooks.install()\nvalue = 1\n"
    )
    late = importlib.import_module("hooked_late")
    assert late.value == 1  # its import had begun before there was a hook
    hooks.install()
    assert late.value == 2
    del sys.modules["hooks_of_the_test"]
