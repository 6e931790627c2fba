"""A fork changes what goes out, whatever way it came in: plain, chunked, HTTP/2, the gateway."""

import json
import sys
from urllib.parse import urlsplit

from tests.upstream.dashcam import Dashcam
from tests.upstream.server import Upstream

CLIENT = """
import json, os, httpx
from urllib.parse import urlsplit

body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
url = "https://api.openai.com/v1/chat/completions"
json_type = {"content-type": "application/json"}
for http2, content in ((False, body), (False, iter([body[:9], body[9:]])), (True, body)):
    with httpx.Client(http1=not http2, http2=http2) as client:
        answer = client.post(url, content=content, headers=json_type, timeout=60)
        print(answer.http_version, answer.json()["model"])
api = urlsplit(os.environ["DASHCAM_API"])
gateway = f"http://127.0.0.1:{api.port}/openai/v1/chat/completions"
with httpx.Client(trust_env=False) as client:
    print(client.post(gateway, content=body, headers=json_type, timeout=60).json()["model"])
"""


def test_every_way_in(dashcam: Dashcam, upstream: Upstream) -> None:
    command = (sys.executable, "-c", CLIENT)
    dashcam("run", "--id", "r1", "--", *command)
    before = len(upstream.world.seen)
    assert before == 4
    done = dashcam("fork", "r1", "--at", "1", "--model", "longer-name", "--", *command)
    assert done.out.splitlines() == [
        "HTTP/1.1 longer-name",
        "HTTP/1.1 longer-name",
        "HTTP/2 longer-name",
        "longer-name",
    ]
    later = upstream.world.seen[before:]
    assert [json.loads(seen.body.data)["model"] for seen in later] == ["longer-name"] * 4
    assert [seen.header("host") for seen in later[:2]] == ["api.openai.com"] * 2
    assert later[2].protocol == "h2"

    before = len(upstream.world.seen)
    dashcam("fork", "r1", "--at", "1", "--base-url", f"{upstream.http}/v1", "--", *command)
    later = upstream.world.seen[before:]
    assert [seen.header("host") for seen in later] == [urlsplit(upstream.http).netloc] * 4
