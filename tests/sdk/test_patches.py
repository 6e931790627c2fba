"""Each library against a server that answers with the headers it got."""

import asyncio
import http.client
import json
import ssl
import subprocess
import sys
import urllib.request  # noqa: TID251 - one of the libraries under test
from collections.abc import Callable

import aiohttp
import dashcam
import httpx
import httpx2
import pytest
import requests
import urllib3
from dashcam import patches

from tests.sdk.echo_server import EchoServer

EXPECTED = {
    "Dashcam-Run": "r-1",
    "Dashcam-Label": "R%C3%BCckgabe",
    "Dashcam-Group": "plan",
    "Dashcam-Step": "search",
    "Dashcam-Meta": '{"plan":"pro"}',
}

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without roots, which take long to load

Headers = dict[str, str]
Get = Callable[[str, Headers], Headers]


def with_urllib(url: str, headers: Headers) -> Headers:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310, TID251 - as above
    with urllib.request.urlopen(request) as answer:  # noqa: S310, TID251 - as above
        return json.load(answer)  # type: ignore[no-any-return]  # as sent


def with_http_client(url: str, headers: Headers) -> Headers:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    try:
        connection.request("POST", "/", b"body", headers)
        return json.load(connection.getresponse())  # type: ignore[no-any-return]  # as sent
    finally:
        connection.close()


def with_urllib3(url: str, headers: Headers) -> Headers:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, headers=headers).json()  # type: ignore[no-any-return]  # as sent


def with_requests(url: str, headers: Headers) -> Headers:
    with requests.Session() as session:
        return session.get(url, headers=headers).json()  # type: ignore[no-any-return]  # as sent


def with_httpx(url: str, headers: Headers) -> Headers:
    return httpx.get(url, headers=headers, verify=PLAIN).json()  # type: ignore[no-any-return]  # as sent


def with_httpx_stream(url: str, headers: Headers) -> Headers:
    with (
        httpx.Client(verify=PLAIN) as client,
        client.stream("POST", url, headers=headers) as response,
    ):
        return json.loads(response.read())  # type: ignore[no-any-return]  # as sent


def with_httpx_async(url: str, headers: Headers) -> Headers:
    async def get() -> Headers:
        async with httpx.AsyncClient(verify=PLAIN) as client:
            return (await client.get(url, headers=headers)).json()  # type: ignore[no-any-return]  # as sent

    return asyncio.run(get())


def with_httpx2(url: str, headers: Headers) -> Headers:
    return httpx2.get(url, headers=headers, verify=PLAIN).json()  # type: ignore[no-any-return]  # as sent


def with_httpx2_async(url: str, headers: Headers) -> Headers:
    async def get() -> Headers:
        async with httpx2.AsyncClient(verify=PLAIN) as client:
            return (await client.get(url, headers=headers)).json()  # type: ignore[no-any-return]  # as sent

    return asyncio.run(get())


def with_aiohttp(url: str, headers: Headers) -> Headers:
    async def get() -> Headers:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return await answer.json(content_type=None)  # type: ignore[no-any-return]  # as sent

    return asyncio.run(get())


LIBRARIES: list[Get] = [
    with_urllib,
    with_http_client,
    with_urllib3,
    with_requests,
    with_httpx,
    with_httpx_stream,
    with_httpx_async,
    with_httpx2,
    with_httpx2_async,
    with_aiohttp,
]
every_library = pytest.mark.parametrize("get", LIBRARIES)


@every_library
def test_calls_inside_carry_the_headers_and_calls_outside_do_not(
    server: EchoServer, get: Get
) -> None:
    dashcam.configure(api=server.url)
    with (
        dashcam.run("Rückgabe", id="r-1", plan="pro"),
        dashcam.group("plan"),
        dashcam.step("search"),
    ):
        assert get(server.url, {"X-Mine": "1"}) == EXPECTED
    assert get(server.url, {}) == {}


@every_library
def test_without_a_dashcam_in_the_way_nothing_leaks(server: EchoServer, get: Get) -> None:
    with dashcam.run("secret-label", id="r-1"):
        assert get(server.url, {}) == {}


@every_library
def test_the_environment_of_dashcam_run_is_enough(
    server: EchoServer, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "r-1")
    with dashcam.run("x"):
        assert get(server.url, {}) == {"Dashcam-Run": "r-1", "Dashcam-Label": "x"}


@every_library
def test_a_request_that_names_its_run_itself_is_left_alone(server: EchoServer, get: Get) -> None:
    dashcam.configure(api=server.url)
    with dashcam.run("x", id="r-1"), dashcam.step("s"):
        answer = get(server.url, {"Dashcam-Run": "mine"})
    assert {name.lower(): value for name, value in answer.items()} == {"dashcam-run": "mine"}


def test_a_session_that_names_its_run_itself_is_left_alone(server: EchoServer) -> None:
    dashcam.configure(api=server.url)

    async def get() -> Headers:
        own = {"Dashcam-Run": "mine"}
        async with aiohttp.ClientSession(headers=own) as session, session.get(server.url) as answer:
            return await answer.json(content_type=None)  # type: ignore[no-any-return]  # as sent

    with dashcam.run("x", id="r-1"):
        assert asyncio.run(get()) == {"Dashcam-Run": "mine"}


def test_headers_given_as_pairs_are_kept(server: EchoServer) -> None:
    dashcam.configure(api=server.url)

    async def get() -> Headers:
        pairs = [("Dashcam-Extra", "1"), ("Dashcam-More", "2")]
        session = aiohttp.ClientSession()
        async with session, session.get(server.url, headers=pairs) as answer:
            return await answer.json(content_type=None)  # type: ignore[no-any-return]  # as sent

    with dashcam.run("x", id="r-1"):
        assert asyncio.run(get()) == {
            "Dashcam-Run": "r-1",
            "Dashcam-Label": "x",
            "Dashcam-Extra": "1",
            "Dashcam-More": "2",
        }


def test_a_connection_that_is_kept_alive_is_asked_for_each_request(server: EchoServer) -> None:
    dashcam.configure(api=server.url)
    with httpx.Client(verify=PLAIN) as client, requests.Session() as session:
        for run in ("a", "b"):
            with dashcam.run("x", id=run):
                assert client.get(server.url).json()["Dashcam-Run"] == run
                assert session.get(server.url).json()["Dashcam-Run"] == run


def test_a_library_is_changed_once() -> None:
    for name, module in (("httpx", httpx), ("http.client", http.client)):
        patches.LIBRARIES[name](tuple, module)
        before = (httpx.Client.send, http.client.HTTPConnection.endheaders)
        patches.LIBRARIES[name](tuple, module)
        assert (httpx.Client.send, http.client.HTTPConnection.endheaders) == before


LATER = """
import sys
sys.modules.pop("http.client", None)
import dashcam
assert not {"httpx", "httpx2", "aiohttp", "urllib3"} & set(sys.modules)
URL = sys.argv[1]
with dashcam.run("x", id="r-1"):
    import asyncio, aiohttp, httpx, httpx2, requests
    print(requests.get(URL).json())
    print(httpx.get(URL).json())
    print(httpx2.get(URL).json())
    async def main():
        async with aiohttp.ClientSession() as session, session.get(URL) as answer:
            print(await answer.json(content_type=None))
    asyncio.run(main())
"""


def test_libraries_that_are_imported_later(server: EchoServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATER, server.url],
        env={"DASHCAM_RUN": "p", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    told = {"Dashcam-Run": "r-1", "Dashcam-Label": "x", "Dashcam-Parent": "p"}
    assert done.stdout.splitlines() == [str(told)] * 4
