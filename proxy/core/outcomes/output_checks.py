"""The last answer is not what the user expects of runs with this label."""

from proxy.core.expectations import OUTPUT
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.errors import ConfigError

name = "output_checks"


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with everything that is wrong with the answer."""
    wanted = {key: value for key, value in facts.expected.items() if key in OUTPUT}
    models = [event for event in turns.models(facts.events) if not any(turns.uses(event))]
    if not wanted or not models:
        return None
    from proxy.core.checks import Trial, check  # noqa: PLC0415 - few labels have any; slow to import

    output = facts.output if facts.output is not None else turns.said(models[-1]).get("reply", "")
    try:
        found = check(wanted, Trial(None, timeline.calls(facts.events), str(output)))
    except ConfigError:  # a schema that cannot be checked says nothing about the run
        return None
    if not found:
        return None
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Verdict(
        "Failed",
        "Bad Output",
        f"{models[-1].name}: {found[0].message}{more}",
        retryable=True,
        user_impact="The answer is not what it has to be",
        evidence=turns.evidence(models[-1]),
    )
