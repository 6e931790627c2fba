"""Exporters: `EXPORTERS` maps the names that users may choose to formats."""

from collections.abc import Mapping
from typing import Final

from proxy.exporters import dashcam, har, html, jsonl, markdown, vcr
from proxy.exporters._api import Exporter

__all__ = ["EXPORTERS", "Exporter"]

EXPORTERS: Final[Mapping[str, Exporter]] = {
    "dashcam": Exporter(".dashcam.jsonl", dashcam.export),
    "har": Exporter(".har", har.export),
    "jsonl": Exporter(".jsonl", jsonl.export),
    "html": Exporter(".html", html.export),
    "markdown": Exporter(".md", markdown.export),
    "vcr": Exporter(".yaml", vcr.export),
}
