"""Who sees schedules, who stops them, and what they are told without Prefect."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from casemill.access.actor import Actor
from casemill.models import JobStatus, Role, Scope
from casemill.monitoring.last_runs import LastRun
from casemill.monitoring.schedules import Schedule
from casemill.web.api.schedules import ShownSchedule
from tests.web.conftest import NewClient

API = "/api/v1"
PAUSE, RESUME, RUN = (
    f"/schedules/0198c0de-0000-7000-8000-000000000000/{what}" for what in ("pause", "resumption", "runs")
)


@pytest.mark.parametrize("path", [PAUSE, RESUME])
def test_only_admins_stop_and_resume_schedules(api_as: NewClient, path: str) -> None:
    assert api_as(Role.OPERATOR).post(f"{API}{path}").status_code == 403


def test_viewers_start_nothing(api_as: NewClient) -> None:
    answer = api_as(Role.VIEWER).post(f"{API}/deployments/extraction-batch/default/runs", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", [PAUSE, RESUME, RUN, "/deployments/extraction-batch/default/runs", None])
def test_without_prefect_it_is_worth_another_try(
    api_as: NewClient,
    without_prefect: None,
    path: str | None,
) -> None:
    admin = api_as(Role.ADMIN)
    answer = admin.post(f"{API}{path}", json={}) if path else admin.get(f"{API}/schedules")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_name_with_control_characters_is_none(api_as: NewClient) -> None:
    answer = api_as(Role.ADMIN).post(f"{API}/deployments/a%00b/runs", json={})
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize(("scope", "sees_it"), [(Scope.ALL, True), (Scope.OWN, False)])
def test_all_are_told_of_the_last_run_but_only_who_sees_its_job_which_it_was(
    scope: Scope, sees_it: bool
) -> None:
    """Without its id there is no link to a page that would say: not found."""
    viewer = Actor(uuid4(), "Vi", Role.VIEWER, scope, "token")
    last = LastRun(uuid4(), None, JobStatus.COMPLETED, None, datetime(2026, 6, 1, tzinfo=UTC), None)
    shown = shown_to(viewer, last)
    assert shown.last_run is not None
    assert (shown.last_run.status, shown.last_run.at) == ("completed", last.at)
    assert shown.last_run.job_id == (last.job_id if sees_it else None)


def test_a_schedule_that_never_ran_tells_no_last_run() -> None:
    assert shown_to(Actor(uuid4(), "Vi", Role.VIEWER, Scope.ALL, "token"), None).last_run is None


def shown_to(actor: Actor, last_run: LastRun | None) -> ShownSchedule:
    schedule = Schedule(
        id=UUID(int=1),
        name="job-cleanup/default",
        description=None,
        cron="0 6 * * *",
        every_seconds=None,
        rrule=None,
        timezone="UTC",
        active=True,
        next_runs=(),
        last_run=last_run,
        parameters={},
        for_admins=True,
    )
    return ShownSchedule.of(schedule, actor)
