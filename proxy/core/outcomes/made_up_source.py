"""The last answer cites a document that no search found, under a name like those that were."""

from proxy.core import loose, retrievals
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "made_up_source"


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with the ids; the evidence is the answer and the last search."""
    models = [event for event in turns.models(facts.events) if turns.said(event).get("reply")]
    found = retrievals.searches(facts.events)
    if not models or not found:
        return None
    answer = facts.output or loose.text(turns.said(models[-1]).get("reply")) or ""
    known = [n for _, results in found for one in results for n in (one.doc_id, one.chunk_id) if n]
    unknown = list(retrievals.made_up(answer, known))
    if not unknown:
        return None
    return Verdict(
        "Failed",
        "Bad Output",
        f"{models[-1].name}: the answer cites {', '.join(unknown[:3])}, which no search has found",
        retryable=True,
        user_impact="The answer has sources that it does not rest on",
        evidence=turns.evidence(models[-1], found[-1][0]),
    )
