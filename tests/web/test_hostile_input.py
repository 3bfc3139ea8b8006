"""Whatever is sent, no endpoint breaks: generated from the OpenAPI document, right and wrong input alike."""

import traceback
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from casemill.access.tokens import issue_token
from casemill.models import Batch, Expert, Job, JobStatus, RecorderMark, Role, User
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import BASE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def known(prefect_server: None, desk: Workspace, new_case: NewOwner) -> dict[str, UUID]:
    """Things that exist, by the name of the parameter that asks for them."""
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=desk.settings.work_pool, type="process"))
    with desk.database.write() as session:
        session.add(RecorderMark(seen_at=utc_now() + timedelta(hours=1)))  # ready for as long as this takes
        session.add(job := Job(id=uuid4(), status=JobStatus.FAILED, created_at=utc_now(), name="lost"))
        session.add(batch := Batch(steps=["parse"]))
        session.add(expert := Expert(name="Dr. Grey"))
        session.add(user := User(name="somebody", role=Role.VIEWER))
    case_id = new_case(desk, "Smith v. Jones", brief="of the only page")
    return {
        "job_id": job.id,
        "batch_id": batch.id,
        "expert_id": expert.id,
        "case_id": case_id,
        "id": user.id,
    }


@pytest.fixture
def documented(app: FastAPI, desk: Workspace) -> schemathesis.BaseSchema:
    headers = {**token_of_a_new_admin(desk), "Host": "127.0.0.1"}
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers).exclude(
        operation_id_regex="^follow_"  # these do not end by themselves
    )


def test_no_input_breaks_an_endpoint(
    documented: schemathesis.BaseSchema, desk: Workspace, known: dict[str, UUID]
) -> None:
    broken = [
        f"{operation.label}: {said}"
        for found in documented.get_all_operations()
        for operation in [found.ok()]
        if (said := what_breaks(operation, desk, known))
    ]
    assert not broken, "\n\n".join(broken)


def what_breaks(operation: APIOperation, desk: Workspace, known: dict[str, UUID]) -> str | None:
    """The first input that an endpoint answers as it should not, with its answer."""

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy())
    def try_it(case: Case) -> None:
        for name in case.path_parameters or {}:
            if name in known and known[name].int % 2:
                case.path_parameters[name] = str(known[name])
        if case.path.endswith("/poll"):
            case.query["timeout"] = 0
        case.call_and_validate(base_url=BASE, headers=token_of_a_new_admin(desk), checks=CHECKS)

    try:
        try_it()
    except (FailureGroup, Failure) as failure:
        return str(failure)
    except Exception:  # what an endpoint raises comes through as it is
        return traceback.format_exc()
    return None


def token_of_a_new_admin(desk: Workspace) -> dict[str, str]:
    """New each time: an endpoint that ends the one it was asked with is asked too."""
    with desk.database.write() as session:
        session.add(user := User(name=f"admin {uuid4()}", role=Role.ADMIN))
        session.flush()
        _, secret = issue_token(session, user.id, "generated")
    return {"Authorization": f"Bearer {secret}"}
