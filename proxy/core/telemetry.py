"""Where agents and SDKs report to those who watch them; what is answered there changes nothing."""

import re
from typing import Final

from proxy.core.model import RequestHead, header

# Where a URL has one of these, a failure says nothing about the run.
MARKS: Final = (
    "sentry.io/",
    "statsig.com/",
    "statsigapi.net/",
    "segment.io/",
    "posthog.com/",
    "datadoghq.com/",
    "datadoghq.eu/",
    "/api/v2/logs",
    "/v1/traces",
    "/v1/metrics",
    "/v1/logs",
    "/api/event_logging/",
)
# Surer signs, with a host or a path that nothing else has.
_REPORTS: Final = re.compile(
    r"//(?:[^/]*\.)?(?:sentry\.io|statsigapi\.net|segment\.io|i\.posthog\.com)(?::\d+)?/"
    r"|//api\.openai\.com(?::\d+)?/v1/traces/ingest$"
    r"|//[^/]*smith\.langchain\.com(?::\d+)?/(?:api/v1/)?runs(?:/batch|/multipart|/[0-9a-f-]{36})?$"
    r"|/api/public/(?:ingestion|otel/v1/traces)$"
    r"|/api/event_logging/(?:v\d+/)?batch$"
)
_OTLP: Final = re.compile(
    r"/v1/(?:traces|metrics|logs)$"
)  # of https://opentelemetry.io/docs/specs/otlp/
_OTLP_JSON: Final = re.compile(rb'\s*\{\s*"resource(?:Spans|Metrics|Logs)"')
_SENDING: Final = ("POST", "PUT", "PATCH")


def has_mark(url: str) -> bool:
    """Whether a URL looks like that of a telemetry service."""
    return any(mark in url for mark in MARKS)


def reports(head: RequestHead, body: bytes) -> bool:
    """Whether a request surely does nothing but report. `body` is decoded."""
    if head.method.upper() not in _SENDING:
        return False
    url = f"//{head.authority.lower()}{head.path}"
    if _REPORTS.search(url):
        return True
    if not _OTLP.search(head.path):
        return False
    content_type = header(head.headers, b"content-type") or b""
    return b"protobuf" in content_type or _OTLP_JSON.match(body) is not None
