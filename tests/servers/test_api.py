import json
import re
from pathlib import Path

import pytest

from proxy.core import records
from proxy.core.model import Body, Event, Exchange, Part, RequestHead, ResponseHead, Run
from proxy.core.replay import Fixtures
from proxy.core.replay.asks import Ask
from proxy.engine.replayer import Mode, Replayer
from proxy.errors import StoreError
from proxy.servers.api import ROUTES, openapi
from proxy.stores._api import AddEvent, AddExchange, OpenRun, RunQuery
from tests.servers.conftest import Served

API = "/api/v1"
PAGE = Path("docs/api.md").read_text()


def filled(served: Served) -> None:
    exchange = Exchange(
        id="ex_1",
        run_id="run_a",
        seq=1,
        via="forward",
        started_at=2.0,
        request=RequestHead("POST", "https", "a.test", 443, "/x"),
        request_body=Body(b"\x00\xff", (Part(0, 2),)),
        response=ResponseHead(200),
        response_body=Body(b'{"ok":1}', (Part(9, 8),)),
    )
    event = Event(
        "run_a", "tool_call", "POST a.test/x", 2.0, 2.5, data={"exchangeId": "ex_1", "seq": 1}
    )
    served.store.write([OpenRun(Run("run_a", "Support", "c1", 1.0)), AddExchange(exchange, event)])


async def test_runs_and_their_timeline(served: Served) -> None:
    filled(served)
    async with served.http.get(f"{served.url}{API}/runs?label=Support&limit=5") as answer:
        (row,) = await answer.json()
    async with served.http.get(f"{served.url}{API}/runs?search=nowhere") as answer:
        assert await answer.json() == []
    async with served.http.get(f"{served.url}{API}/runs?search=ok") as answer:
        assert [found["id"] for found in await answer.json()] == ["run_a"]
    assert (row["id"], row["calls"], row["correlationId"]) == ("run_a", 1, "c1")
    async with served.http.get(f"{served.url}{API}/runs/run_a") as answer:
        assert (await answer.json())["verdict"] is None
    async with served.http.get(f"{served.url}{API}/runs/last/events") as answer:
        (event,) = await answer.json()
    assert (event["kind"], event["name"]) == ("tool_call", "POST a.test/x")


async def test_bodies_come_back_byte_for_byte(served: Served) -> None:
    filled(served)
    async with served.http.get(f"{served.url}{API}/exchanges/ex_1/request") as answer:
        assert await answer.read() == b"\x00\xff"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == "attachment"
    async with served.http.get(f"{served.url}{API}/exchanges/ex_1/response") as answer:
        assert await answer.read() == b'{"ok":1}'
    async with served.http.get(f"{served.url}{API}/exchanges/ex_1") as answer:
        assert (await answer.json())["response"]["body"]["text"] == '{"ok":1}'


def over_stdio(number: int, run: str) -> dict[str, object]:
    head = RequestHead("POST", "mcp+stdio", "shop", 0, "/", "stdio")
    body = Body(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}\n')
    done = Body(b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n')
    return records.write(
        records.EXCHANGE,
        Exchange(
            f"ex_{number}",
            run,
            0,
            "mcp",
            1.0,
            head,
            body,
            ResponseHead(200, http_version="stdio"),
            done,
        ),
    )


async def test_exchanges_that_went_over_stdio(served: Served) -> None:
    served.engine.open_run(Run("run_m", "Support", "run_m", 1.0))
    url = f"{served.url}{API}/exchanges"
    async with served.http.post(url, json=over_stdio(1, "run_m")) as answer:
        assert (answer.status, await answer.json()) == (201, {"added": 1})
    async with served.http.post(url, json=[over_stdio(2, "run_m"), over_stdio(3, "new")]) as answer:
        assert answer.status == 201
    rows = served.store.events("run_m")
    assert [(row.kind, row.name, row.data["seq"]) for row in rows] == [
        ("tool_call", "mcp:shop/add", 1),
        ("tool_call", "mcp:shop/add", 2),
    ]
    assert served.store.exchange("ex_2").request.url == "mcp+stdio://shop/"
    assert len(served.store.events("new")) == 1
    assert served.engine.runs.live["run_m"].seq == 2


async def test_a_stdio_server_of_a_replay(served: Served) -> None:
    url = f"{served.url}{API}/answers"
    asked = {"runId": "new", "server": "shop", "message": '{"jsonrpc":"2.0","id":9,"method":"x"}'}
    async with served.http.post(url, json=asked) as answer:
        assert answer.status == 400
        assert "does not replay" in (await answer.json())["error"]["message"]
    recorded = records.read(records.EXCHANGE, over_stdio(1, "old"))
    fixtures = Fixtures.of([recorded], steps=lambda head, _body: head.host)
    fixtures.asks = {recorded.id: [Ask(0, b'{"id":0}\n')]}
    served.engine.replays = Replayer(served.engine.router, Mode(), {"old": fixtures})
    call = recorded.request_body.data.decode().replace('"id":1', '"id":9')
    async with served.http.post(url, json={**asked, "message": call}) as answer:
        said = await answer.json()
    assert json.loads(said["body"]) == {"jsonrpc": "2.0", "id": 9, "result": {"content": []}}
    assert (said["end"], said["asks"]) == ("complete", [[0, '{"id":0}\n']])
    async with served.http.post(url, json=asked) as answer:
        assert (await answer.json())["end"] == "missed"
    async with served.http.post(url, json={"runId": "new"}) as answer:
        assert answer.status == 400
    async with served.http.get(f"{served.url}{API}/status") as answer:
        assert (await answer.json())["replaying"] is True


async def test_an_exchange_that_is_none(served: Served) -> None:
    async with served.http.post(f"{served.url}{API}/exchanges", json={"id": "x"}) as answer:
        assert answer.status == 400
        assert "run_id is missing" in (await answer.json())["error"]["message"]


async def test_the_callers_outcome_is_kept_and_wins(served: Served) -> None:
    opened = {"id": "run_b", "label": "Support", "metadata": {"ticket": 7}, "parent": "run_a"}
    async with served.http.post(f"{served.url}{API}/runs", json=opened) as answer:
        assert answer.status == 201
    said = {
        "status": "Failed",
        "failureMode": "Tool Error",
        "reason": "CRM 401: token expired",
        "retryable": True,
        "userImpact": "No reply sent",
    }
    async with served.http.post(f"{served.url}{API}/runs/run_b/outcome", json=said) as answer:
        assert answer.status == 201
        made = await answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.pop("createdAt"))
    assert made == {"runId": "run_b", "label": "Support", **said}
    async with served.http.post(
        f"{served.url}{API}/runs/run_b/close", json={"exitCode": 0}
    ) as answer:
        closed = await answer.json()
    assert (closed["outcome"], closed["failureMode"]) == ("Failed", "Tool Error")
    assert closed["metadata"]["parent"] == "run_a"
    async with served.http.get(f"{served.url}{API}/runs/run_b/outcome") as answer:
        assert (await answer.json())["reason"] == "CRM 401: token expired"


async def test_an_open_run_has_no_outcome(served: Served) -> None:
    filled(served)
    async with served.http.get(f"{served.url}{API}/runs/run_a/outcome") as answer:
        assert answer.status == 404
        assert "open" in (await answer.json())["error"]["message"]


async def test_what_does_not_go_over_http_can_be_told(served: Served) -> None:
    event = {
        "runId": "run_c",
        "kind": "state",
        "name": "plan",
        "data": {"value": "pro"},
        "startedAt": "2026-02-12T09:41:22.114Z",
    }
    async with served.http.post(f"{served.url}{API}/events", json=[event, event]) as answer:
        assert (answer.status, await answer.json()) == (201, {"added": 2})
    assert [row.data["value"] for row in served.store.events("run_c")] == ["pro", "pro"]
    assert served.store.events("run_c")[0].started_at == pytest.approx(1770889282.114)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/runs", "[]", "JSON object"),
        ("/runs", "{", "not JSON"),
        ("/runs", '{"metadata": 3}', "metadata"),
        ("/runs", '{"listen": true}', "no forward proxy"),
        ("/runs/x/close", '{"exitCode": "0"}', "exitCode"),
        ("/runs/run_a/outcome", "{}", "status is"),
        ("/runs/run_a/outcome", '{"status": "Failed"}', "failureMode is one of"),
        ("/runs/run_a/outcome", '{"status": "Failed", "failureMode": "Sad"}', "failureMode"),
        ("/runs/run_a/outcome", '{"status":"Completed","failureMode":"Timeout"}', "no failureMode"),
        ("/runs/run_a/outcome", '{"status": "Completed", "retryable": 1}', "retryable"),
        ("/events", '{"kind": "state"}', "runId, kind and name"),
        ("/events", '{"runId": "r", "name": "n", "kind": "llm_call"}', "kind is one of"),
        ("/events", '{"runId":"r","name":"n","kind":"state","status":"bad"}', "status"),
        ("/events", '{"runId":"r","name":"n","kind":"state","data":1}', "data"),
        ("/events", '{"runId":"r","name":"n","kind":"state","startedAt":"noon"}', "startedAt"),
        ("/events", '{"runId":"r","name":"n","kind":"state","startedAt":1e300}', "startedAt"),
        ("/events", '{"runId":"r","name":"n","kind":"state","endedAt":-1e18}', "endedAt"),
        ("/events", '{"runId":"r","name":"n","kind":"state","startedAt":true}', "startedAt"),
        (
            "/events",
            '{"runId":"r","name":"n","kind":"state","endedAt":"9999-12-31T23:59:59-12:00"}',
            "endedAt",
        ),
        ("/events", '{"runId":"r","name":"n","kind":"state","status":{"a":1}}', "status"),
        ("/events", '{"runId":["r"],"name":"n","kind":"state"}', "runId is a text"),
        ("/events", '{"runId":"r","name":{"a":1},"kind":"state"}', "name is a text"),
        ("/events", '{"runId":"r","name":"n","kind":{}}', "kind is one of"),
        ("/events", "[[]]", "an event is an object"),
        ("/runs", '{"id": {"a": 1}}', "id is a text"),
        ("/runs", '{"id": "' + "x" * 1001 + '"}', "at most 1000 characters"),
        ("/runs", '{"metadata": ' + "[" * 500 + "]" * 500 + "}", "nested deeper than"),
        ("/runs", "[" * 100_000, "not JSON"),
        ("/runs/run_a/outcome", '{"status": {"a": 1}}', "status is"),
        ("/runs/run_a/close", '{"exitCode": 4294967296}', "exitCode"),
        ("/runs/run_a/close", '{"exitCode": 99999999999999999999999}', "exitCode"),
    ],
)
async def test_bad_input_gets_one_clear_error(
    served: Served, path: str, body: str, said: str
) -> None:
    filled(served)
    headers = {"Content-Type": "application/json"}
    async with served.http.post(f"{served.url}{API}{path}", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert said in (await answer.json())["error"]["message"]


async def test_only_json_is_taken(served: Served) -> None:
    headers = {"Content-Type": "text/plain"}
    url = f"{served.url}{API}/runs"
    async with served.http.post(url, data="{}", headers=headers) as answer:
        assert answer.status == 415


@pytest.mark.parametrize("path", ["/runs/none", "/runs/none/events", "/exchanges/none"])
async def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    filled(served)
    async with served.http.get(f"{served.url}{API}{path}") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["message"]


@pytest.mark.parametrize(
    "query",
    [
        *("since=monday", "since=nan", "since=inf", "until=-1e308", "since=1e18"),
        *("limit=nan", "limit=inf", "limit=-1", "limit=1e300"),
    ],
)
async def test_a_number_that_is_none_is_said(served: Served, query: str) -> None:
    async with served.http.get(f"{served.url}{API}/runs?{query}") as answer:
        assert answer.status == 400
        assert "is a number from" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/runs", rb'{"id": "half \ud800"}'),
        ("/runs", b'{"id": "raw \xed\xa0\x80"}'),
        ("/runs", rb'{"id": "r", "label": "\udfff"}'),
        ("/runs", rb'{"id": "r", "metadata": {"\ud800": NaN}}'),
        ("/runs/run_a/outcome", rb'{"status": "Completed", "reason": "\ud83d"}'),
        ("/events", rb'{"runId": "\udc80", "kind": "state", "name": "\ud83d"}'),
        ("/events", rb'{"runId": "r", "kind": "state", "name": "n", "data": {"a": "\ud83d"}}'),
        ("/events", b'{"runId": "r", "kind": "state", "name": "n", "data": {"a": -Infinity}}'),
    ],
)
async def test_what_no_column_holds_is_made_fit(served: Served, path: str, body: bytes) -> None:
    """A text that was cut within a character costs neither itself nor what is stored with it."""
    filled(served)
    headers = {"Content-Type": "application/json"}
    url = f"{served.url}{API}"
    async with served.http.post(f"{url}{path}", data=body, headers=headers) as answer:
        assert answer.status == 201
    for row in served.store.runs(RunQuery()):
        shown = json.dumps([str(row.run), *map(str, served.store.events(row.run.id))])
        assert "\\ud" not in shown
        assert "nan" not in shown


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/runs/run_a/outcome", {"status": "Completed"}),
        ("/events", {"runId": "run_a", "kind": "state", "name": "n"}),
    ],
)
async def test_what_is_not_stored_is_not_said_to_be(
    served: Served, path: str, body: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_batch: object) -> None:
        raise StoreError("the disk is full")

    filled(served)
    monkeypatch.setattr(served.store, "write", full)
    async with served.http.post(f"{served.url}{API}{path}", json=body) as answer:
        assert (answer.status, (await answer.json())["error"]["message"]) == (
            503,
            "it was not stored",
        )


async def test_half_a_character_that_is_stored_can_be_asked_for(served: Served) -> None:
    filled(served)
    served.store.write([AddEvent(Event("run_a", "state", "cut \ud83d", 3.0))])
    async with served.http.get(f"{served.url}{API}/runs/run_a/events") as answer:
        assert (await answer.json())[-1]["name"] == "cut \ud83d"
    async with served.http.get(f"{served.url}{API}/stream") as live:
        served.store.write([AddEvent(Event("run_a", "state", "more \ud83d", 4.0))])
        while b"more" not in (line := await live.content.readline()):
            assert line
        assert json.loads(line.removeprefix(b"data: "))["name"] == "more \ud83d"


async def test_the_live_stream_tells_what_is_stored(served: Served) -> None:
    async with served.http.get(f"{served.url}{API}/stream") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        filled(served)
        assert await answer.content.readline() == b"event: tool_call\n"
        data = json.loads((await answer.content.readline()).removeprefix(b"data: "))
    assert data["data"]["exchangeId"] == "ex_1"


async def test_status_and_replays(served: Served) -> None:
    async with served.http.get(f"{served.url}{API}/status") as answer:
        assert (await answer.json())["gaps"] == 0
    async with served.http.get(f"{served.url}{API}/replays") as answer:
        assert await answer.json() == []


async def test_the_openapi_document_and_the_page_describe_every_route(served: Served) -> None:
    async with served.http.get(f"{served.url}{API}/openapi.json") as answer:
        document = await answer.json()
    assert document == openapi()
    described = {
        (method.upper(), path) for path, verbs in document["paths"].items() for method in verbs
    }
    app = served.site.application()
    routed = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource and route.resource.canonical.startswith(f"{API}/")
        if route.method != "HEAD" and "openapi" not in route.resource.canonical
    }
    assert described == routed
    for route in ROUTES:
        assert f"`{route.method} {route.path}`" in PAGE, route
