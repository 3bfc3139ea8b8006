"""How search is, over HTTP."""

from uuid import uuid4

from casemill.models import IndexReport, Role
from casemill.models.columns import utc_now
from casemill.operations.index_health import record_report
from casemill.workspace import Workspace
from tests.web.conftest import NewClient


def test_everybody_who_is_signed_in_sees_how_search_is(api_as: NewClient, desk: Workspace) -> None:
    client, job = api_as(Role.VIEWER), uuid4()
    unknown = client.get("/api/v1/search/health").json()
    assert (unknown["state"], unknown["is_well"], unknown["report"]) == ("unknown", False, None)
    with desk.database.write() as session:
        record_report(
            session, IndexReport(id=job, finished_at=utc_now(), owners=2, missing=1, different=1, repaired=1)
        )
    shown = client.get("/api/v1/search/health").json()
    assert (shown["state"], shown["is_well"], shown["waiting"]) == ("well", True, 0)
    assert (shown["report"]["id"], shown["report"]["missing"]) == (str(job), 1)
    assert client.get("/api/v1/search/health", headers={"Authorization": ""}).status_code == 401
