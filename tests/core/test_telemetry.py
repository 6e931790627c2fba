import pytest

from proxy.core.model import RequestHead
from proxy.core.telemetry import reports, watches
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


WATCHED = [
    ("POST", "https://o1.ingest.us.sentry.io/api/1/envelope/", True),
    ("POST", "https://sentry.acme.test/api/4/envelope/", True),
    ("CONNECT", "https://o1.ingest.sentry.io:443", True),  # nothing else is known of a failed one
    ("POST", "https://api.anthropic.com/api/event_logging", True),
    ("POST", "https://api.anthropic.com/api/event_logging/v2/batch", True),
    ("POST", "https://api.anthropic.com/api/claude_code/metrics", True),
    ("POST", "https://ab.chatgpt.com/otlp/v1/metrics", True),
    ("POST", "https://chatgpt.com/backend-api/codex/analytics-events/events", True),
    ("POST", "https://play.googleapis.com/log?format=json", True),
    ("POST", "https://http-intake.logs.us5.datadoghq.com/api/v2/logs", True),
    ("POST", "https://browser-intake-us5-datadoghq.com/api/v2/rum", True),
    ("POST", "https://statsig.anthropic.com/v1/rgstr", True),
    ("GET", "https://api.statsig.com/v1/initialize", True),
    ("POST", "https://prodregistryv2.org/v1/rgstr", True),
    ("POST", "https://api.smith.langchain.com/runs/multipart", True),
    ("POST", "https://cloud.langfuse.com/api/public/ingestion", True),
    ("POST", "https://telemetry.acme.test/events", True),
    ("POST", "http://localhost:4318/v1/traces", True),
    (
        "POST",
        "https://c.acme.test/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        True,
    ),
    ("POST", "https://api.anthropic.com/v1/messages", False),
    ("POST", "https://api.smith.langchain.com/runs/query", False),
    ("GET", "https://telemetry.acme.test/devices/1", False),
    ("GET", "https://crm.acme.test/v1/logs", False),
    ("POST", "https://crm.acme.test/v1/logs/search", False),
    ("GET", "https://crm.acme.test/customers/1?back=/v1/traces", False),
    ("POST", "https://notsentry.io/api/pay", False),
]


@pytest.mark.parametrize(("method", "url", "expected"), WATCHED)
def test_who_watches(method: str, url: str, expected: bool) -> None:
    assert watches(url, method) is expected
