import pytest

from proxy.core.model import RequestHead
from proxy.core.telemetry import has_mark, reports
from tests.core.recorded import JSON

PROTOBUF = ((b"Content-Type", b"application/x-protobuf"),)
SPANS = b'{"resourceSpans":[]}'
RUN = "0b6b8f2e-93f1-4c43-9d2f-2a51c2a7f6aa"

REPORTS = [
    ("POST", "api.openai.com", "/v1/traces/ingest", b'{"data":[]}', True),
    ("GET", "api.openai.com", "/v1/traces/ingest", b"", False),
    ("POST", "api.openai.com", "/v1/responses", b"{}", False),
    ("POST", "o1.ingest.sentry.io", "/api/1/envelope/", b"{}", True),
    ("POST", "notsentry.io", "/api/1/envelope/", b"{}", False),
    ("POST", "eu.api.smith.langchain.com", "/runs/multipart", b"", True),
    ("PATCH", "api.smith.langchain.com", f"/runs/{RUN}", b"{}", True),
    ("POST", "api.smith.langchain.com", "/runs/query", b"{}", False),
    ("POST", "cloud.langfuse.com", "/api/public/ingestion", b"{}", True),
    ("POST", "api.anthropic.com", "/api/event_logging/batch", b"{}", True),
    ("POST", "collector.acme.test", "/v1/traces", SPANS, True),
    ("POST", "collector.acme.test", "/v1/metrics", b' {"resourceMetrics": []}', True),
    ("POST", "crm.acme.test", "/v1/logs", b'{"customer":"cus_1"}', False),
    ("POST", "crm.acme.test", "/v1/traces", b'{"query":"cus_1"}', False),
]


@pytest.mark.parametrize(("method", "host", "path", "body", "expected"), REPORTS)
def test_what_surely_only_reports(
    method: str, host: str, path: str, body: bytes, expected: bool
) -> None:
    head = RequestHead(method, "https", host, 443, path, headers=JSON)
    assert reports(head, body) is expected


def test_opentelemetry_in_protobuf() -> None:
    head = RequestHead("POST", "http", "localhost", 4318, "/v1/traces", headers=PROTOBUF)
    assert reports(head, b"\n\x00")


def test_marks() -> None:
    assert has_mark("https://o1.ingest.sentry.io/api/1/envelope/")
    assert not has_mark("https://crm.acme.test/customers/1")
