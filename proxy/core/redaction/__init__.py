"""Secrets are taken out before anything is hashed or written.

First by position (headers, queries, forms, JSON keys, assignments in text), then by value (what
stood at a known position is found wherever it reappears, however it is written), then by shape (the
table `KEY_FORMATS`). What stands in their place is a stable pseudonym; see `pseudonym`.
"""

from proxy.core.redaction.formats import KEY_FORMATS, KeyFormat
from proxy.core.redaction.redactor import Redactor
from proxy.core.redaction.rules import Pattern, Rules

__all__ = ["KEY_FORMATS", "KeyFormat", "Pattern", "Redactor", "Rules"]
