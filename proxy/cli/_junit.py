"""Test results as JUnit XML, the form that CI systems read."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from proxy.cli._trial import FAILED, PASSED, Tested

# What XML 1.0 cannot hold at all.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Tested]) -> bytes:
    """One test suite; what could not be judged is an error."""
    suite = ET.Element(
        "testsuite",
        name="dashcam",
        tests=str(len(results)),
        failures=str(sum(one.verdict == FAILED for one in results)),
        errors=str(sum(one.verdict not in {PASSED, FAILED} for one in results)),
        skipped="0",
        time=f"{sum(one.seconds for one in results):.3f}",
    )
    for one in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(".".join(one.file.parent.parts) or "."),
            name=_clean(one.name),
            time=f"{one.seconds:.3f}",
        )
        if one.verdict != PASSED:
            lines = list(one.lines())
            kind = "failure" if one.verdict == FAILED else "error"
            told = ET.SubElement(case, kind, message=_clean(lines[0] if lines else one.verdict))
            told.text = _clean("\n".join(lines))
        for tag, text in (("system-out", one.output), ("system-err", one.errors)):
            if text:
                ET.SubElement(case, tag).text = _clean(text)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    text = ET.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
