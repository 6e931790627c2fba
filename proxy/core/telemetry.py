"""Where agents and SDKs report to those who watch them; what is answered there changes nothing."""

import re
from typing import Final

from proxy.core.model import RequestHead, header

# Who is called here only watches: a failure says nothing about the run. Statsig also goes by
# `featureassets` and `prodregistryv2`.
_WATCHERS: Final = re.compile(
    r"//(?:[^/]*[.-])?(?:sentry\.io|statsig\.(?:[a-z-]+\.)?com|statsigapi\.net|featureassets\.org"
    r"|prodregistryv2\.org|segment\.(?:io|com)|posthog\.com|datadoghq\.(?:com|eu)|ddog-gov\.com"
    r"|mixpanel\.com|amplitude\.com|google-analytics\.com|nr-data\.net|honeycomb\.io"
    r"|applicationinsights\.azure\.com|dc\.services\.visualstudio\.com|events\.data\.microsoft\.com"
    r"|copilot-telemetry\.githubusercontent\.com)(?::\d+)?(?:/|$)"
)
# And what is sent to one of these, wherever it is.
_SENT_TO: Final = re.compile(
    r"//(?:telemetry|otel|otlp)\.[^/]+(?:/|$)"
    r"|/v1/(?:traces|metrics|logs)(?:/ingest)?/?$|/api/v2/logs/?$"
    r"|/api/event_logging(?:/|$)|/api/claude_code/metrics$|/codex/analytics-events/"
    r"|/opentelemetry\.proto\.collector\."
    r"|//play\.googleapis\.com(?::\d+)?/log$"
    r"|/api/\d+/(?:envelope|store)/?$"  # of a Sentry of one's own
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


def watches(url: str, method: str) -> bool:
    """Whether a call looks like one to a telemetry service."""
    bare = url.partition("?")[0].lower()
    if _WATCHERS.search(bare):
        return True
    sent = method.upper() in _SENDING
    return sent and (_SENT_TO.search(bare) or _REPORTS.search(bare)) is not None


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
