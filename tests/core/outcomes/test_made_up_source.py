from typing import Any

import pytest

from tests.core.outcomes.facts import COMPLETED, Cases, call, check, facts, turn


def search(*ids: str) -> dict[str, Any]:
    results = [{"docId": one} for one in ids]
    return call("retrieval", "pinecone.query", call={"retrieval": {"results": results}})


CASES: Cases = {
    "a document that nobody found": (
        facts(search("docs_12"), search("docs_9"), turn(reply="Yes [docs_77], [docs_9].")),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer cites docs_77, which no search has found",
            True,
            "made_up_source",
            (2, 3),
        ),
    ),
    "what was found": (facts(search("docs_12"), turn(reply="Yes [docs_12].")), COMPLETED),
    "another kind of name": (facts(search("docs_12"), turn(reply="Yes [fig_3].")), COMPLETED),
    "no search": (facts(turn(reply="Yes [docs_77].")), COMPLETED),
    "no answer": (facts(search("docs_12")), COMPLETED),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    check(*CASES[case])
