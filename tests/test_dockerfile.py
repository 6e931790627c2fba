"""The Dockerfile, without a container engine: linted, and its steps run in a folder.

What COPY takes is copied as .dockerignore leaves it, each RUN that makes the environment is run
with its ENV, and the image's command is started from the result, with its health check.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.upstream.dashcam import free_ports

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "Dockerfile"
TIMEOUT = 240
NOT_FOR_HERE = ("pip install", "useradd")  # what this machine has already, or must not get


@dataclass(slots=True)
class Stage:
    """What one FROM begins."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        (only,) = self.all(instruction)
        return only

    def env(self) -> dict[str, str]:
        pairs = (part for arguments in self.all("ENV") for part in shlex.split(arguments))
        return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def stages() -> list[Stage]:
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", " ")
    found: list[Stage] = []
    for line in text.splitlines():
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            found.append(Stage(arguments.rpartition(" AS ")[2] if " AS " in arguments else ""))
        elif instruction and not instruction.startswith("#"):
            found[-1].steps.append((instruction, arguments.strip()))
    return found


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    linted = subprocess.run(
        [hadolint, DOCKERFILE], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def test_two_stages_and_no_root() -> None:
    build, final = stages()
    assert build.name == "build"
    assert final.one("USER").isdigit()
    assert final.one("USER") != "0"
    assert final.one("COPY").startswith("--from=build ")
    assert {"8080", "8081"} == set(final.one("EXPOSE").split())


def test_the_python_is_the_projects() -> None:
    wanted = (ROOT / ".python-version").read_text("utf-8").strip()
    images = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if "FROM" in line]
    assert all(f"python:{wanted}-slim" in image for image in images)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the build stage makes."""
    folder = tmp_path_factory.mktemp("image")
    source, made = folder / "src", folder / "opt"
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    build = stages()[0]
    # Nothing may come over the network here, and byte code would only cost time.
    env = {**build.env(), "UV_PROJECT_ENVIRONMENT": str(made)}
    env |= {"UV_OFFLINE": "1", "UV_COMPILE_BYTECODE": "0", "UV_PYTHON": sys.executable}
    for instruction, arguments in build.steps:
        if instruction == "COPY":
            *names, target = arguments.split()
            for name in names:
                copy_in(name, source / target)
        elif instruction == "RUN" and not arguments.startswith(NOT_FOR_HERE):
            command = shlex.split(arguments)
            assert command[0] == "uv"
            run([uv, *command[1:]], source, env)
    return made


def copy_in(name: str, target: Path) -> None:
    """A COPY, which gets only what .dockerignore lets through."""
    allowed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert allowed[0] == "*"
    assert f"!{name}" in allowed
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL_ENV")}
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def ports() -> dict[str, str]:
    proxy, api = free_ports(2)
    return {"8080": str(proxy), "8081": str(api)}


def moved(text: str, ports: Mapping[str, str]) -> str:
    for port, free in ports.items():
        text = text.replace(port, free)
    return text


def test_it_starts_serves_and_is_healthy(
    image: Path, tmp_path: Path, ports: dict[str, str]
) -> None:
    final = stages()[1]
    path = f"{image / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {name: text.replace("/data", str(tmp_path)) for name, text in final.env().items()}
    env |= {"PATH": path, "DASHCAM_TOKEN": "asked-for", "HOME": str(tmp_path)}
    command = [*json.loads(final.one("ENTRYPOINT")), *json.loads(moved(final.one("CMD"), ports))]
    check = json.loads(moved(final.one("HEALTHCHECK").partition(" CMD ")[2], ports))
    python = str(image / "bin" / "python")

    def healthy() -> bool:
        asked = subprocess.run(
            [python, *check[1:]], env=env, capture_output=True, timeout=TIMEOUT, check=False
        )
        return asked.returncode == 0

    assert check[0] == "python"
    assert not healthy()
    with subprocess.Popen(
        [image / "bin" / command[0], *command[1:]],
        cwd=tmp_path,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stderr is not None
            said = ""
            while "API" not in said:
                line = service.stderr.readline()
                assert line, said
                said += line
            assert healthy()
            status = f"http://127.0.0.1:{ports['8081']}/api/v1/status"
            with httpx.Client(trust_env=False, timeout=TIMEOUT) as http:
                assert http.get(status).status_code == 401
                asking = {"Authorization": "Bearer asked-for"}
                assert http.get(status, headers=asking).status_code == 200
        finally:
            service.terminate()
    assert service.returncode == 0
    assert (tmp_path / "recordings" / "dashcam.db").is_file()
