"""Real clients, unchanged, in the environment of a recorded child: through the proxy, with run id.

No name of these tests can be resolved, so a client that goes past the proxy fails. Clients that
need a preload are in `files/`; the providers' SDKs, which call by httpx and httpx2, in e2e.
"""

import shutil
import sys
from pathlib import Path

import pytest

from tests.launch.conftest import RUN, Launch
from tests.launch.connect_proxy import ConnectProxy

URLLIB = """
import urllib.request
print(urllib.request.urlopen("https://a.test/x").read().decode())
"""
HTTPX = """
import httpx
print(httpx.get("https://a.test/x").text)
"""
HTTPX2 = """
import httpx2
print(httpx2.get("https://a.test/x").text)
"""
HTTPX_ASYNC = """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient() as client:
        print((await client.get("https://a.test/x")).text)
asyncio.run(main())
"""
HTTPX2_ASYNC = """
import asyncio, httpx2
async def main():
    async with httpx2.AsyncClient() as client:
        print((await client.get("https://a.test/x")).text)
asyncio.run(main())
"""
REQUESTS = """
import requests
print(requests.get("https://a.test/x").text)
"""
WEBSOCKETS = """
import asyncio, websockets
async def main():
    async with websockets.connect("wss://a.test/x") as socket:
        await socket.send("hello")
        print(await socket.recv())
asyncio.run(main())
"""


def through(proxy: ConnectProxy) -> list[tuple[str | None, str]]:
    return [(seen.user, seen.target) for seen in proxy.seen]


LIBRARIES = (URLLIB, HTTPX, HTTPX_ASYNC, HTTPX2, HTTPX2_ASYNC, REQUESTS, WEBSOCKETS)


@pytest.mark.parametrize("switches", [[], ["-I"]], ids=["with-preload", "variables-alone"])
def test_python_libraries(launch: Launch, connect_proxy: ConnectProxy, switches: list[str]) -> None:
    """In one process, as it is the start of Python that takes the time; -I means no preload."""
    done = launch([sys.executable, *switches, "-c", "".join(LIBRARIES)])
    assert done.stderr == ""
    assert done.stdout.count("hello") == len(LIBRARIES)
    assert through(connect_proxy) == [(RUN, "a.test:443")] * len(LIBRARIES)


def test_curl(launch: Launch, connect_proxy: ConnectProxy) -> None:
    done = launch(
        ["curl", "-sS", "https://a.test/x", "http://b.test:8000/y", "http://127.0.0.1:1/"]
    )
    assert done.stderr == ""
    assert done.stdout.count("hello") == 3
    # plain http names the run with every request, https with the tunnel; loopback is no exception
    assert through(connect_proxy) == [
        (RUN, "a.test:443"),
        (RUN, "b.test:8000"),
        (RUN, "127.0.0.1:1"),
    ]


def test_node_itself(launch: Launch, connect_proxy: ConnectProxy) -> None:
    script = 'fetch("https://a.test/x").then((r) => r.text()).then(console.log)'
    done = launch(["node", "-e", script])
    assert done.stderr == ""
    assert through(connect_proxy) == [(RUN, "a.test:443")]


def wget(launch: Launch, proxy: ConnectProxy, folder: Path) -> None:
    (folder / ".wgetrc").write_text("tries = 1\n")
    assert "hello" in launch(["wget", "-q", "-O", "-", "https://a.test/x"]).stdout
    assert through(proxy) == [(RUN, "a.test:443")]


def git(launch: Launch, proxy: ConnectProxy, folder: Path) -> None:
    done = launch(["git", "-C", str(folder), "ls-remote", "https://a.test/repo.git"])
    assert done.stderr == ""
    assert proxy.seen[0].path == "/repo.git/info/refs?service=git-upload-pack"
    assert {(seen.user, seen.target) for seen in proxy.seen} == {(RUN, "a.test:443")}


def java(launch: Launch, proxy: ConnectProxy, folder: Path) -> None:
    source = folder / "Get.java"
    source.write_text(JAVA)
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it takes its time to compile
    done = launch(["java", *quick, str(source), "https://a.test/x", "http://127.0.0.1:1/y"])
    assert done.stdout.count("hello") == 2, done.stderr
    # Java names no user: such a run is known by its port alone
    assert through(proxy) == [(None, "a.test:443"), (None, "127.0.0.1:1")]


JAVA = """
import java.net.URI;
import java.net.http.*;
public class Get {
  public static void main(String[] args) throws Exception {
    for (String url : args) {
      var request = HttpRequest.newBuilder(URI.create(url)).version(HttpClient.Version.HTTP_1_1);
      var handler = HttpResponse.BodyHandlers.ofString();
      var answer = HttpClient.newHttpClient().send(request.build(), handler);
      System.out.println(answer.body());
    }
  }
}
"""
# What a machine may lack; python, curl and node it must have.
OPTIONAL = {test.__name__: test for test in (wget, git, java) if shutil.which(test.__name__)}


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_else_is_installed(
    launch: Launch, connect_proxy: ConnectProxy, tmp_path: Path, name: str
) -> None:
    OPTIONAL[name](launch, connect_proxy, tmp_path)
