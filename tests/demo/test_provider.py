"""The provider: its ports, its routes, the headers and refusals that real providers send."""

import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from proxy.demo.provider import HOSTS, Provider

BUSY = 2


def trust(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


async def test_both_ports_answer_and_the_certificate_is_for_every_host(provider: Provider) -> None:
    async with httpx.AsyncClient(verify=trust(provider.ca)) as client:
        for host in HOSTS:
            answer = await client.post(
                f"https://127.0.0.1:{provider.ports.https}/search",
                json={"query": "refund"},
                headers={"host": host},
                extensions={"sni_hostname": host},
            )
            assert answer.json()["results"]
        plain = f"http://127.0.0.1:{provider.ports.http}/search"
        assert (await client.post(plain, json={"query": "refund"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/nothing", b"", 404),
        ("DELETE", "/search", b"", 405),
        ("POST", "/search", b"not JSON", 400),
        ("POST", "/search", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"messages": [1]}', 400),
        ("POST", "/v1/messages", b'{"max_tokens": 1}', 400),
        ("POST", "/v1/embeddings", b"{}", 400),
    ],
)
async def test_wrong_requests_are_answered(
    provider: Provider, method: str, target: str, body: bytes, status: int
) -> None:
    url = f"http://127.0.0.1:{provider.ports.http}{target}"
    async with httpx.AsyncClient() as client:
        answer = await client.request(
            method, url, content=body, headers={"authorization": "Bearer k"}
        )
        assert answer.status_code == status
        assert answer.json()["error"]


@pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
async def test_keys_are_asked_for_in_each_format(provider: Provider) -> None:
    import anthropic
    import openai

    base = f"http://127.0.0.1:{provider.ports.http}"
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="sk-revoked") as client:
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            await client.models.list()
    async with anthropic.AsyncAnthropic(base_url=base, api_key="sk-revoked") as other:
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await other.messages.create(model="m", max_tokens=1, messages=[])


@pytest.mark.xdist_group("the providers' SDKs")
async def test_a_busy_provider_turns_the_first_calls_away(tmp_path: Path) -> None:
    import anthropic
    import openai

    async with Provider(tmp_path, busy=BUSY, pace=0) as busy:
        base = f"http://127.0.0.1:{busy.ports.http}"
        async with openai.AsyncOpenAI(
            base_url=f"{base}/v1", api_key="sk-demo", max_retries=0
        ) as client:
            await client.models.list()  # reading is always possible
            with pytest.raises(openai.RateLimitError) as caught:
                await client.embeddings.create(model="e", input="a")
            assert caught.value.response.headers["retry-after-ms"] == "40"
        async with anthropic.AsyncAnthropic(base_url=base, api_key="key", max_retries=1) as other:
            message = await other.messages.create(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
            assert message.usage.output_tokens > 0


async def test_request_ids_differ(provider: Provider) -> None:
    url = f"http://127.0.0.1:{provider.ports.http}/v1/models"
    async with httpx.AsyncClient(headers={"authorization": "Bearer k"}) as client:
        ids = [(await client.get(url)).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3


def test_as_a_program_it_tells_where_it_is_and_stops_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "proxy.demo.provider", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        url = f"https://127.0.0.1:{ready['https']}/search"
        answer = httpx.post(url, json={"query": "refund"}, verify=trust(Path(ready["ca"])))
        assert answer.status_code == 200
        assert ready["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
