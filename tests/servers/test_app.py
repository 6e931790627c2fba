import base64

import pytest

from proxy.errors import StoreUnavailable
from proxy.servers.app import Site
from tests.servers.conftest import Served


async def status(served: Served, path: str, **headers: str) -> int:
    async with served.http.get(f"{served.url}{path}", headers=headers) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost:8081"}, 200),
        ({"Host": "evil.test"}, 403),
        ({"Host": "127.evil.test:8081"}, 403),
        ({"Host": "127.0.0.1.nip.io"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:8081"}, 200),
    ],
)
async def test_pages_of_other_sites_are_refused(
    served: Served, headers: dict[str, str], expected: int
) -> None:
    assert await status(served, "/api/v1/runs", **headers) == expected


async def test_the_token_is_asked_for_when_there_is_one(served: Served) -> None:
    served.site.token = "s3cret-token"
    basic = base64.b64encode(b"dashcam:s3cret-token").decode()
    wrong = base64.b64encode(b"dashcam:no").decode()
    bearer = "Bearer s3cret-token"
    assert await status(served, "/api/v1/runs", Host="dashcam:8081", Authorization=bearer) == 200
    assert await status(served, "/api/v1/runs", Host="dashcam:8081") == 401
    assert await status(served, "/api/v1/runs") == 401
    assert await status(served, "/api/v1/runs", Authorization="Bearer no") == 401
    assert await status(served, "/api/v1/runs", Authorization=f"Basic {wrong}") == 401
    assert await status(served, "/api/v1/runs", Authorization="Basic !") == 401
    assert await status(served, "/api/v1/runs", Authorization="Bearer s3cret-token") == 200
    assert await status(served, "/api/v1/runs", Authorization=f"Basic {basic}") == 200
    assert await status(served, "/livez") == 200


async def test_a_name_that_is_no_upstream_says_which_are(served: Served) -> None:
    async with served.http.get(f"{served.url}/opanai/v1/models") as answer:
        assert answer.status == 404
        said = (await answer.json())["error"]["message"]
    assert "'opanai'" in said
    assert "openai" in said


async def test_a_store_that_is_busy_is_503_and_a_bug_repeats_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_query: object) -> None:
        raise StoreUnavailable("the store is locked")

    def bug(_query: object) -> None:
        raise ValueError("sk-proj-secret")

    monkeypatch.setattr(served.store, "runs", busy)
    assert await status(served, "/api/v1/runs") == 503
    monkeypatch.setattr(served.store, "runs", bug)
    async with served.http.get(f"{served.url}/api/v1/runs") as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()


async def test_a_taken_port_is_one_clear_line(served: Served) -> None:
    from proxy.errors import ListenError

    port = int(served.url.rpartition(":")[2])
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
        await Site(served.site.api, served.site.gateway).open("127.0.0.1", port)
