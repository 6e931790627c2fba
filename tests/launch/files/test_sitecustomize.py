import sys
from pathlib import Path

import pytest

from tests.launch.conftest import Launch


def python(launch: Launch, code: str, *path: Path) -> tuple[str, str]:
    done = launch([sys.executable, "-c", code], PYTHONPATH=":".join(map(str, path)))
    return done.stdout, done.stderr


def test_the_sites_own_is_loaded_in_its_own_name(launch: Launch, tmp_path: Path) -> None:
    own = tmp_path / "sitecustomize.py"
    own.write_text("import sys\nprint('own', __name__)\nsys.path.append('/added/by/own')\n")
    shown = "s.__file__, sys.path[-1], 'dashcam_preload' in sys.modules"
    code = f"import sys, sitecustomize as s; print({shown})"
    out, err = python(launch, code, tmp_path)
    assert err == ""
    assert out == f"own sitecustomize\n{own} /added/by/own True\n"


def test_without_another_one_ours_stands_in(launch: Launch, tmp_path: Path) -> None:
    out, err = python(launch, "import sitecustomize; print(sitecustomize.__file__)", tmp_path)
    assert err == ""
    assert out.endswith("/python/sitecustomize.py\n")


def test_sys_path_is_as_the_variable_says(launch: Launch, tmp_path: Path) -> None:
    out, _ = python(launch, "import sys; print(*sys.path[1:3], sep='\\n')", tmp_path)
    kit, own = out.splitlines()
    assert kit.endswith("/python")
    assert own == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module_anywhere\n", "no_such_module_anywhere"),
        ("raise ValueError('mine')\n", "ValueError: mine"),
    ],
)
def test_the_sites_own_errors_are_reported_as_ever(
    launch: Launch, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(text)
    out, err = python(launch, "print('program ran')", tmp_path)
    assert out == "program ran\n"
    assert "Error in sitecustomize" in err
    assert said in err


def test_runs_within_runs(launch: Launch, tmp_path: Path, kit_copy: Path) -> None:
    """An inner run's kit stands before the outer one's; both chain on to the site's own."""
    own = tmp_path / "sitecustomize.py"
    own.write_text("print('own')\n")
    code = "import sys; print(len([f for f in sys.meta_path if hasattr(f, '__dashcam__')]))"
    out, err = python(launch, code, kit_copy, tmp_path)
    assert err == ""
    assert out == "own\n1\n"


def test_a_failure_of_ours_is_swallowed(launch: Launch, kit_copy: Path) -> None:
    (kit_copy / "dashcam_preload.py").write_text("raise KeyError('ours')\n")
    argv = [f"PYTHONPATH={kit_copy}", sys.executable, "-c", "print('program ran')"]
    done = launch(["env", *argv])
    said = "dashcam: python preload: KeyError('ours')\n"
    assert (done.stdout, done.stderr) == ("program ran\n", said)
    quiet = launch(["env", "-u", "DASHCAM_DEBUG", *argv])
    assert (quiet.stdout, quiet.stderr) == ("program ran\n", "")
