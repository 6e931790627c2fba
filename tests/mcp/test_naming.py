import pytest

from proxy.mcp.naming import clean, server_name

NAMES = [
    (["npx", "-y", "@modelcontextprotocol/server-everything"], "server-everything"),
    (["npx", "-y", "@playwright/mcp@latest", "--headless"], "mcp"),
    (["/usr/bin/npx", "figma-mcp@1.2.3"], "figma-mcp"),
    (["uvx", "mcp-server-git", "--repository", "x"], "mcp-server-git"),
    (["uvx", "--from", "git+https://x/y", "weather"], "weather"),
    (["uv", "run", "--directory", "/srv", "server.py"], "server"),
    (["python3.13", "-m", "crm.server"], "crm.server"),
    (["python", "-u", "tools/shop.py", "stdio"], "shop"),
    (["docker", "run", "-i", "--rm", "-e", "TOKEN", "ghcr.io/github/github-mcp-server:1"],
     "github-mcp-server"),
    (["env", "A=b", "./bin/kb"], "kb"),
    (["node", "dist/index.js"], "index"),
    (["sh", "-c"], "sh"),
    ([], "server"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "name"), NAMES)
def test_names(command: list[str], name: str) -> None:
    assert server_name(command) == name


def test_names_can_stand_in_a_url() -> None:
    assert clean("my server/ü?") == "my-server"
    assert clean("???") == "server"
    assert len(clean("x" * 500)) == 64
