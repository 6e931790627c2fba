"""A client in Python that asks one after the other, through VCR.py or not; prints JSON.

    python _vcr_client.py plain|record|replay URL BODY COUNT CASSETTE

It runs in the environment of VCR.py, and imports nothing of this project.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import httpx


def main() -> None:
    mode, url, template, count, cassette = sys.argv[1:]
    around: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if mode != "plain":
        import vcr  # type: ignore[import-not-found]  # noqa: PLC0415 - only there, and only then

        once = {"record": "new_episodes", "replay": "none"}[mode]
        around = vcr.use_cassette(cassette, record_mode=once, match_on=["method", "uri", "body"])
    text = Path(template).read_text("utf-8")
    headers = {"content-type": "application/json", "authorization": "Bearer sk-test"}
    took: list[float] = []
    with around, httpx.Client(trust_env=False, timeout=60) as client:
        cpu = time.process_time()
        for number in range(int(count)):
            body = text.replace("@@@@@@@@", f"{number:08x}")
            began = time.perf_counter()
            answer = client.post(url, content=body, headers=headers)
            answer.raise_for_status()
            took.append(time.perf_counter() - began)
        cpu = time.process_time() - cpu
    print(json.dumps({"took": took, "cpu": cpu}))


if __name__ == "__main__":
    main()
