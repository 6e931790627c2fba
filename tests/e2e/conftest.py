"""An upstream for all tests of a session, and a Dashcam in a folder of its own for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upstream.certificates import Certificates
from tests.upstream.dashcam import Dashcam
from tests.upstream.server import Upstream


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def upstream(certificates: Certificates) -> Iterator[Upstream]:
    with Upstream(certificates) as running:
        yield running


@pytest.fixture
def dashcam(tmp_path: Path, home: Path, upstream: Upstream) -> Dashcam:
    """Its traffic to the usual hosts goes to `upstream`, whose certificates it accepts."""
    hosts = ("api.openai.com", "api.anthropic.com", "upstream.test")
    env = {
        "DASHCAM_UPSTREAM": ",".join(
            [
                upstream.mapping(*hosts),
                upstream.mapping("plain.upstream.test", port="http"),
            ]
        ),
        "DASHCAM_UPSTREAM_CA": str(upstream.certificates.file),
        "OPENAI_API_KEY": "sk-e2e-0123456789abcdef",
        "ANTHROPIC_API_KEY": "sk-ant-e2e-0123456789abcdef",
    }
    return Dashcam(tmp_path, home, env)
