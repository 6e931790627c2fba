"""The files that a recorded child's environment points to: CA bundle, preloads, settings.

They hold nothing secret, yet sit in a folder of mode 0700: whoever could write there would be
trusted by the child for any site, and run code in it.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from proxy.launch.bundle import write_bundle, write_extra, write_trust_store

_PYTHON_FILES = ("sitecustomize.py", "dashcam_preload.py", "dashcam_clock.py")
_NODE_FILE = "node_preload.cjs"


@dataclass(slots=True, frozen=True)
class Kit:
    """Where the files are.

    `bundle` holds the public roots and our CA, `extra` our CA for clients that add it to their own
    roots; `python` is a folder for PYTHONPATH; `java` is None without Java.
    """

    folder: Path
    bundle: Path
    extra: Path
    wgetrc: Path
    python: Path
    node: Path
    java: Path | None = None


@contextlib.contextmanager
def temporary_kit(
    ca_pem: bytes,
    env: Mapping[str, str],
    *,
    java: bool | None = None,
    kept: Path | None = None,
) -> Iterator[Kit]:
    """A kit in a private temporary folder, removed at the end; arguments as in `write_kit`."""
    folder = Path(tempfile.mkdtemp(prefix="dashcam-kit-"))  # made with mode 0700
    try:
        yield write_kit(folder, ca_pem, env, java=java, kept=kept)
    finally:
        # a daemon that the child left behind may still be writing byte code there
        shutil.rmtree(folder, ignore_errors=True)


def write_kit(
    folder: Path,
    ca_pem: bytes,
    env: Mapping[str, str],
    *,
    java: bool | None = None,
    kept: Path | None = None,
) -> Kit:
    """Write the files of a kit into `folder`.

    Args:
        folder: Created with mode 0700 when missing.
        ca_pem: The CA's certificate.
        env: The environment that the child would have had: tells the roots and the user's wgetrc.
        java: Whether to make a Java trust store; None: when `env` leads to a Java.
        kept: A private folder for what need not be made anew for every kit.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bundle = write_bundle(folder, ca_pem, env)
    python = folder / "python"
    python.mkdir(mode=0o700, exist_ok=True)
    for name in _PYTHON_FILES:
        _copy(name, python)
    wanted = _has_java(env) if java is None else java
    return Kit(
        folder=folder,
        bundle=bundle,
        extra=write_extra(folder, ca_pem, env),
        wgetrc=_write_wgetrc(folder, bundle, env),
        python=python,
        node=_copy(_NODE_FILE, folder),
        java=write_trust_store(folder, bundle, kept) if wanted else None,
    )


def _copy(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(resources.files("proxy.launch").joinpath("files", name).read_bytes())
    return path


def _write_wgetrc(folder: Path, bundle: Path, env: Mapping[str, str]) -> Path:
    """The user's own settings, then our CA: wget lets the last line win."""
    own = env.get("WGETRC") or (f"{env['HOME']}/.wgetrc" if env.get("HOME") else "")
    kept = b""
    if own:
        with contextlib.suppress(OSError):
            kept = Path(own).read_bytes().rstrip() + b"\n"
    path = folder / "wgetrc"
    path.write_bytes(kept + b"ca_certificate = " + os.fsencode(bundle) + b"\n")
    return path


def _has_java(env: Mapping[str, str]) -> bool:
    return bool(env.get("JAVA_HOME")) or shutil.which("java", path=env.get("PATH")) is not None
