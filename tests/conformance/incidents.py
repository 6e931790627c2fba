"""Runs as bytes on the wire, each with the outcome it must have and the calls that prove it."""

from tests.conformance.incidents_healthy import HEALTHY
from tests.conformance.incidents_mended import MENDED
from tests.conformance.incidents_more import MORE_FAILURES
from tests.conformance.incidents_more_tools import MORE_TOOL_ERRORS
from tests.conformance.incidents_rest import BAD_DECISIONS, BAD_OUTPUTS, COST_BLOWUPS, TIMEOUTS
from tests.conformance.incidents_tools import TOOL_ERRORS
from tests.conformance.traffic import Incident

__all__ = ["HEALTHY", "MENDED", "MORE", "PLANTED", "Incident"]

PLANTED: dict[str, Incident] = {
    **TOOL_ERRORS,
    **BAD_DECISIONS,
    **BAD_OUTPUTS,
    **TIMEOUTS,
    **COST_BLOWUPS,
}
MORE: dict[str, Incident] = {**MORE_TOOL_ERRORS, **MORE_FAILURES}
