"""The steps that come with Casemill read a case's documents, cut them into chunks that know their pages, note
what they cite, and put them into search. What search finds is a page of a document.
"""

from casemill.models import StepState
from casemill.steps.all import REGISTRY
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, states, work


def test_search_finds_the_page(desk: Workspace, new_case: NewOwner):
    motion = ["We move to dismiss.", "Negligence is not pleaded.", "See Smith v. Jones, 1 F.3d 10 (1993)."]
    case = new_case(desk, "Smith v. Jones", motion=motion, letter="We will not settle.")

    work(desk, REGISTRY, begin(desk.database, REGISTRY, [case]))
    assert set(states(desk.database, case).values()) == {StepState.COMPLETED}

    (hit,) = desk.index.search("negligence").hits
    assert (hit.owner_name, hit.name, hit.page) == ("Smith v. Jones", "motion.pdf", 2)
    assert [segment.text for segment in hit.excerpt if segment.is_match] == ["Negligence"]
