"""Secrets are taken out before anything is hashed or written.

First by position (headers, queries, forms, JSON keys, assignments in text), then by value (what
stood at a known position is found wherever it reappears, however it is written), then by shape (the
table `KEY_FORMATS`). What stands in their place is a stable pseudonym; see `pseudonym`.
"""
