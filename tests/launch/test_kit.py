import os
import stat
from pathlib import Path

import pytest

from proxy.launch.authority import Authority
from proxy.launch.kit import temporary_kit, write_kit


def test_a_temporary_kit_is_private_and_removed(authority: Authority) -> None:
    with temporary_kit(authority.cert_pem, {}, java=True) as kit:
        assert stat.S_IMODE(kit.folder.stat().st_mode) == 0o700
        assert {path.name for path in kit.folder.iterdir()} == {
            "ca-bundle.pem",
            "ca-bundle.p12",
            "ca-extra.pem",
            "node_preload.cjs",
            "python",
            "wgetrc",
        }
        assert {path.name for path in kit.python.iterdir()} == {
            "sitecustomize.py",
            "dashcam_preload.py",
            "dashcam_clock.py",
        }
    assert not kit.folder.exists()


def test_a_kit_is_removed_after_a_failure_too(authority: Authority) -> None:
    with pytest.raises(KeyError), temporary_kit(authority.cert_pem, {}, java=False) as kit:
        raise KeyError
    assert not kit.folder.exists()


def test_bundle_and_extra_trust_our_ca(tmp_path: Path, authority: Authority) -> None:
    kit = write_kit(tmp_path / "kit", authority.cert_pem, {}, java=False)
    assert kit.bundle.read_bytes().startswith(authority.cert_pem)
    assert kit.extra.read_bytes() == authority.cert_pem


@pytest.mark.parametrize("variable", ["HOME", "WGETRC"])
def test_the_users_wgetrc_is_kept_and_ours_comes_last(
    tmp_path: Path, authority: Authority, variable: str
) -> None:
    own = tmp_path / ".wgetrc"
    own.write_bytes(b"tries = 3\nca_certificate = /mine")
    env = {variable: str(tmp_path if variable == "HOME" else own)}
    kit = write_kit(tmp_path / "kit", authority.cert_pem, env, java=False)
    assert kit.wgetrc.read_text() == (
        f"tries = 3\nca_certificate = /mine\nca_certificate = {kit.bundle}\n"
    )


def test_without_a_wgetrc_there_is_one_line(tmp_path: Path, authority: Authority) -> None:
    kit = write_kit(tmp_path / "kit", authority.cert_pem, {"HOME": str(tmp_path)}, java=False)
    assert kit.wgetrc.read_text() == f"ca_certificate = {kit.bundle}\n"


@pytest.mark.parametrize("there", ["JAVA_HOME", "PATH", None])
def test_a_java_trust_store_where_there_is_a_java(
    tmp_path: Path, authority: Authority, there: str | None
) -> None:
    java = tmp_path / "java"
    java.touch(0o755)
    env = {"PATH": "/nowhere"} | ({there: str(tmp_path)} if there else {})
    kit = write_kit(tmp_path / "kit", authority.cert_pem, env)
    assert (kit.java is not None) == (there is not None)


def test_files_are_private_whatever_the_umask(tmp_path: Path, authority: Authority) -> None:
    before = os.umask(0)
    try:
        kit = write_kit(tmp_path / "kit", authority.cert_pem, {}, java=False)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (kit.folder, kit.python)}
    assert modes == {0o700}
