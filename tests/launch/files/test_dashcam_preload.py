"""In real child processes, as the file is used; the parsing of variables in this one."""

import ast
import subprocess
import sys
import textwrap
from importlib import resources
from pathlib import Path

import pytest

from proxy.launch.files import dashcam_preload
from tests.launch.conftest import RUN, Launch
from tests.launch.connect_proxy import ConnectProxy

LIBRARIES = """
import asyncio, http.client, urllib3, aiohttp, requests

for kind, port in ((http.client.HTTPSConnection, 443), (http.client.HTTPConnection, 80)):
    connection = kind("stdlib.test", port)
    for path in ("/one", "/two"):  # the second on the same connection, then on a fresh one
        connection.request("GET", path)
        print(connection.getresponse().read())
    connection.close()
    connection.request("GET", "/three")
    print(connection.getresponse().read())
    connection.close()

with urllib3.PoolManager() as pool:
    for scheme in ("https", "http"):
        print(pool.request("GET", scheme + "://urllib3.test/").data)

with requests.Session() as session:
    session.trust_env = False  # then requests asks no variable
    session.verify = CA
    print(session.get("https://requests.test/").content)

async def main():
    base = aiohttp.ClientSession("http://base.test")
    async with aiohttp.ClientSession() as session, base:
        for client, url in ((session, "https://aiohttp.test/"), (base, "/relative")):
            async with client.get(url) as response:
                print(await response.read())
        async with session.ws_connect("wss://aiohttp.test/ws") as socket:
            await socket.send_str("hello")
            print((await socket.receive()).data)

asyncio.run(main())
"""


def test_libraries_that_ignore_the_variables(launch: Launch, connect_proxy: ConnectProxy) -> None:
    script = LIBRARIES.replace("CA", "__import__('os').environ['SSL_CERT_FILE']")
    done = launch([sys.executable, "-c", script])
    assert done.stderr == ""
    expected = [
        *[("stdlib.test:443", path) for path in ("/one", "/two", "/three")],
        *[("stdlib.test:80", path) for path in ("/one", "/two", "/three")],
        ("urllib3.test:443", "/"),
        ("urllib3.test:80", "/"),
        ("requests.test:443", "/"),
        ("aiohttp.test:443", "/"),
        ("base.test", "/relative"),
        ("aiohttp.test:443", "/ws"),
    ]
    assert [(seen.target, seen.path) for seen in connect_proxy.seen] == expected
    assert {seen.user for seen in connect_proxy.seen} == {RUN}
    assert done.stdout.count("hello") == len(expected)
    # the first two of each pair on one connection: no more tunnels than the program's connections
    assert connect_proxy.tunnels.count("stdlib.test:443") == 2


SERVER = """
import http.client, http.server, os, sys, threading, urllib3
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"direct")
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
"""
DIRECT = """
connection = http.client.HTTPConnection(HOST, port)
connection.request("GET", "/")
print(connection.getresponse().read())
with urllib3.PoolManager() as pool:
    print(pool.request("GET", "http://%s:%d/" % (HOST, port)).data)
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.get("http://%s:%d/" % (HOST, port)) as response:
            print(await response.read())
asyncio.run(main())
"""


@pytest.mark.parametrize("past", ["api", "no_proxy"])
def test_what_goes_past(
    launch: Launch, connect_proxy: ConnectProxy, free_port: int, past: str
) -> None:
    script = SERVER + DIRECT.replace("HOST", "'127.0.0.1'")
    api = f"http://127.0.0.1:{free_port}" if past == "api" else None
    if past == "no_proxy":
        script = "import os; os.environ['X'] = '1'\n" + script
        argv = [sys.executable, "-c", textwrap.dedent(script), "0"]
        done = launch(["env", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", *argv])
    else:
        done = launch([sys.executable, "-c", script, str(free_port)], api=api)
    assert done.stderr == ""
    assert done.stdout.count("direct") == 3
    assert connect_proxy.seen == []


WITH_SDK = """
import dashcam
with dashcam.run("refund"):
    import aiohttp, asyncio, requests
    requests.get("https://requests.test/")
    async def main():
        async with aiohttp.ClientSession() as session:
            await (await session.get("https://aiohttp.test/")).read()
    asyncio.run(main())
"""


def test_it_gets_along_with_the_sdk(launch: Launch, connect_proxy: ConnectProxy) -> None:
    done = launch([sys.executable, "-c", WITH_SDK])
    assert done.stderr == ""
    told = [(seen.user, seen.target, seen.headers["dashcam-label"]) for seen in connect_proxy.seen]
    assert told == [(RUN, "requests.test:443", "refund"), (RUN, "aiohttp.test:443", "refund")]


PROGRAMS_OWN = """
import http.client, urllib3, os
place = os.environ["HTTPS_PROXY"].rpartition("@")[2]
host, port = place.split(":")
connection = http.client.HTTPSConnection(host, int(port))
connection.set_tunnel("own.test", 443)  # no credentials: so it shows that it was not ours
connection.request("GET", "/")
print(connection.getresponse().read())
with urllib3.ProxyManager("http://" + place) as pool:
    print(pool.request("GET", "https://own.test/").data)
"""


def test_a_proxy_of_the_programs_own_is_respected(
    launch: Launch, connect_proxy: ConnectProxy
) -> None:
    done = launch([sys.executable, "-c", PROGRAMS_OWN])
    assert done.stdout.count("hello") == 2, done.stderr
    assert [(seen.user, seen.target) for seen in connect_proxy.seen] == [(None, "own.test:443")] * 2


REFUSED = """
import http.client, urllib3
for attempt in (
    lambda: http.client.HTTPSConnection("a.test").request("GET", "/"),
    lambda: urllib3.PoolManager(retries=False).request("GET", "https://a.test/"),
):
    try:
        attempt()
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_refused_tunnel_is_an_error_of_the_connection(
    launch: Launch, connect_proxy: ConnectProxy
) -> None:
    connect_proxy.status = "502 Bad Gateway"
    done = launch([sys.executable, "-W", "ignore", "-c", REFUSED])
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "OSError the recording proxy refused a.test:443: 502 Bad Gateway"
    assert "refused a.test:443: 502 Bad Gateway" in second


def test_modules_are_changed_when_imported_and_the_rest_is_left_alone(launch: Launch) -> None:
    script = """
import sys
before = {"http.client", "urllib3", "aiohttp", "typing", "urllib.parse"} & set(sys.modules)
import http.client
connect, loader = http.client.HTTPConnection.connect, http.client.__loader__
print(before, connect.__name__, type(loader).__name__)
print(hasattr(connect, "__dashcam__"), "exec_module" in vars(loader))
"""
    done = launch([sys.executable, "-S", "-c", "import sitecustomize\n" + script])
    assert done.stderr == ""
    assert done.stdout == "set() connect SourceFileLoader\nTrue False\n"


def test_a_broken_library_stays_as_it_was(launch: Launch, tmp_path: Path) -> None:
    """A module of the name, without what we look for: imported all the same, the reason is said."""
    (tmp_path / "aiohttp").mkdir()
    (tmp_path / "aiohttp" / "__init__.py").write_text("")
    (tmp_path / "aiohttp" / "client.py").write_text("answer = 42\n")
    script = "import aiohttp.client; print(aiohttp.client.answer)"
    argv = [sys.executable, "-S", "-c", "import sitecustomize\n" + script]
    done = launch(argv, PYTHONPATH=str(tmp_path))
    assert done.stdout == "42\n"
    assert done.stderr.startswith("dashcam: python preload: aiohttp.client: ")
    quiet = launch(["env", "-u", "DASHCAM_DEBUG", *argv], PYTHONPATH=str(tmp_path))
    assert (quiet.stdout, quiet.stderr) == ("42\n", "")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://r:x@127.0.0.1:1"}, None),
        ({"DASHCAM_RUN": "r"}, None),
        ({"DASHCAM_RUN": "r", "HTTPS_PROXY": "socks5://127.0.0.1:1"}, None),
        ({"DASHCAM_RUN": "r", "HTTPS_PROXY": "http://127.0.0.1:1/"}, ("127.0.0.1", 1, None)),
        ({"DASHCAM_RUN": "r", "https_proxy": "http://h"}, ("h", 80, None)),
        (
            {"DASHCAM_RUN": "r", "HTTPS_PROXY": "http://a%40b:x@[::1]:8"},
            ("::1", 8, "Basic YUBiOng="),
        ),
    ],
)
def test_reading_the_proxy(
    env: dict[str, str], expected: tuple[str, int, str | None] | None
) -> None:
    proxy = dashcam_preload.read_proxy(env)
    found = proxy and (proxy.host, proxy.port, proxy.authorization)
    assert found == expected


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "taken"),
    [
        ("", "localhost", 80, True),
        ("", "127.0.0.1", 4711, False),  # the proxy itself
        ("", "127.0.0.1", 8081, False),  # the API
        ("", "127.0.0.1", 8082, True),
        ("example.com", "example.com", 443, False),
        ("example.com", "api.example.com", 443, False),
        ("example.com", "notexample.com", 443, True),
        (" .example.com , x", "api.Example.com.", 443, False),
        ("*.example.com", "api.example.com", 443, False),
        ("*", "anything", 443, False),
        ("a.test:8000", "a.test", 8000, False),
        ("a.test:8000", "a.test", 443, True),
        ("::1", "[::1]", 80, False),
        ("[::1]:81", "::1", 80, True),
    ],
)
def test_what_the_proxy_takes(no_proxy: str, host: str, port: int, taken: bool) -> None:
    env = {
        "DASHCAM_RUN": "r",
        "HTTPS_PROXY": "http://r:x@127.0.0.1:4711",
        "DASHCAM_API": "http://127.0.0.1:8081/",
        "NO_PROXY": no_proxy,
    }
    proxy = dashcam_preload.read_proxy(env)
    assert proxy is not None
    assert proxy.takes(host, port) is taken


@pytest.mark.parametrize("api", ["http://127.0.0.1:8081", "http://dashcam:t0k_n-@127.0.0.1:8081/x"])
def test_the_api_is_past_the_proxy(api: str) -> None:
    env = {"DASHCAM_RUN": "r", "HTTPS_PROXY": "http://127.0.0.1:4711", "DASHCAM_API": api}
    proxy = dashcam_preload.read_proxy(env)
    assert proxy is not None
    assert not proxy.takes("127.0.0.1", 8081)
    assert proxy.takes("127.0.0.1", 8082)


@pytest.mark.parametrize("name", ["sitecustomize.py", "dashcam_preload.py", "dashcam_clock.py"])
def test_files_parse_under_python_3_8(name: str) -> None:
    text = resources.files("proxy.launch").joinpath("files", name).read_text()
    ast.parse(text, feature_version=(3, 8))


def test_nothing_happens_outside_of_a_run(tmp_path: Path) -> None:
    folder = Path(dashcam_preload.__file__).parent
    script = "import sys; print([f for f in sys.meta_path if hasattr(f, '__dashcam__')])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(folder), "HTTPS_PROXY": "http://p:1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
