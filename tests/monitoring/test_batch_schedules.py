"""Batches by the clock, on a real Prefect server."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Running
from sqlalchemy import update
from sqlmodel import col, select

from casemill.access.actor import Actor
from casemill.errors import BadInput, CasemillError, Denied, NotFound, Refused
from casemill.models import Batch, BatchSchedule, Job, JobStatus, Role, Scope, User
from casemill.models.columns import utc_now
from casemill.monitoring.batch_schedules import (
    NewBatchSchedule,
    ScheduledBatch,
    ScheduleStatus,
    batch_schedule,
    batch_schedules,
    create_batch_schedule,
    delete_batch_schedule,
    pause_batch_schedule,
    resume_batch_schedule,
    run_batch_schedule,
)
from casemill.monitoring.planned_batches import SCHEDULED_BATCH, bring_batch_schedules, slug_of
from casemill.monitoring.start_scheduled import start_scheduled
from casemill.operations.extraction_batch import all_cases
from casemill.operations.start_batch import cases_of
from casemill.steps.registry import StepNotRegistered
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.pool import batch_flow

NIGHTLY = "0 22 * * *"


@flow(name="scheduled-batch")
def scheduled_flow(schedule_id: UUID, by_hand: bool = False) -> None:
    pass


def deploy(pool: str) -> UUID:
    """As `prefect deploy` does it."""
    return scheduled_flow.to_deployment("default", work_pool_name=pool, enforce_parameter_schema=True).apply(
        schedules=[]
    )


@pytest.fixture(scope="module")
def pool(prefect_client: SyncPrefectClient) -> str:
    name = f"pool-{uuid4()}"
    prefect_client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    batch_flow.to_deployment("default").apply(work_pool_name=name)
    return name


@pytest.fixture
def office(desk: Workspace, prefect_client: SyncPrefectClient, pool: str) -> Iterator[Workspace]:
    deploy(pool)
    yield replace(desk, settings=desk.settings.model_copy(update={"work_pool": pool}))
    forget_deployment(prefect_client)


def forget_deployment(client: SyncPrefectClient) -> None:
    """With its schedules, and runs that wait."""
    with suppress(ObjectNotFound):
        client.delete_deployment(client.read_deployment_by_name(SCHEDULED_BATCH).id)


def person(office: Workspace, role: Role = Role.OPERATOR, scope: Scope = Scope.OWN) -> Actor:
    with office.database.write() as session:
        session.add(user := User(name=f"{role} {uuid4()}", role=role, scope=scope))
    return Actor.of(user, "token")


@pytest.fixture
def operator(office: Workspace) -> Actor:
    return person(office)


def soon(seconds: float = 3600) -> str:
    return (utc_now() + timedelta(seconds=seconds)).isoformat()


def create(office: Workspace, actor: Actor, **given: Any) -> ScheduledBatch:
    new = {"name": f"schedule {uuid4()}", "all_cases": True, **given}
    return create_batch_schedule(office, actor, NewBatchSchedule(**new))


def planned(client: SyncPrefectClient, schedule: BatchSchedule) -> list[FlowRun]:
    """Runs of it that wait, whoever made them."""
    runs = client.read_flow_runs(limit=200)
    mine = [run for run in runs if run.parameters.get("schedule_id") == str(schedule.id)]
    return [run for run in mine if run.state and run.state.is_scheduled()]


def is_active_in_prefect(client: SyncPrefectClient, schedule: BatchSchedule) -> bool:
    deployment = client.read_deployment_by_name(SCHEDULED_BATCH)
    return next(one.active for one in deployment.schedules if one.slug == slug_of(schedule.id))


def start(office: Workspace, client: SyncPrefectClient, schedule: BatchSchedule, **given: Any) -> str:
    """What a worker does at its time: the words of the job."""
    run = client.create_flow_run_from_deployment(
        client.read_deployment_by_name(SCHEDULED_BATCH).id, parameters={"schedule_id": str(schedule.id)}
    )
    return start_scheduled(office, schedule.id, run.id, by_hand=given.get("by_hand", False))


def kept(office: Workspace) -> list[BatchSchedule]:
    with office.database.read() as session:
        return list(session.exec(select(BatchSchedule)))


def batches(office: Workspace) -> list[Batch]:
    with office.database.read() as session:
        return list(session.exec(select(Batch).order_by(col(Batch.created_at))))


def test_a_cron_is_planned_by_the_clocks_of_its_zone(office: Workspace, operator: Actor) -> None:
    made = create(office, operator, name="nightly", cron="0  22 * * *", timezone="Europe/Berlin")
    assert (made.status, made.schedule.cron, made.schedule.timezone) == (
        ScheduleStatus.ACTIVE,
        NIGHTLY,
        "Europe/Berlin",
    )
    assert {time.astimezone(ZoneInfo("Europe/Berlin")).hour for time in made.next_runs} == {22}
    assert len(made.next_runs) == 3
    assert [each.schedule.name for each in batch_schedules(office, operator)] == ["nightly"]


def test_a_moment_is_a_job_that_waits_for_it(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    at = (utc_now() + timedelta(days=200)).replace(microsecond=0)  # further than Prefect plans schedules
    made = create(office, operator, at=at.isoformat())
    assert (made.status, made.next_runs) == (ScheduleStatus.ACTIVE, (at,))
    with office.database.read() as session:
        job = session.get_one(Job, made.schedule.job_id)
    assert (job.status, job.user_id, job.scheduled_at) == (JobStatus.SCHEDULED, operator.user_id, at)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"at": "2020-01-01T22:00", "timezone": "UTC"}, "is over"),
        ({"at": "tonight"}, "no date and time"),
        ({"at": "2999-01-01T00:00"}, "five years"),
        ({"cron": "nonsense"}, "five fields"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"cron": "99 * * * *"}, "understood"),
        ({"cron": "0 0 31 2 *"}, "never fire"),
        ({"cron": NIGHTLY, "timezone": "Mars/Olympus"}, "no time zone"),
        ({"cron": NIGHTLY, "timezone": "../../etc/passwd"}, "no time zone"),
        ({"cron": NIGHTLY, "at": "2999-01-01T00:00"}, "Say when"),
        ({}, "Say when"),
        ({"cron": NIGHTLY, "all_cases": False}, "which cases"),
        ({"cron": NIGHTLY, "search": "smith"}, "which cases"),
        ({"cron": NIGHTLY, "name": "  "}, "name"),
    ],
)
def test_what_cannot_be_meant_is_said_and_nothing_kept(
    desk: Workspace, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        create(desk, person(desk), **given)
    assert kept(desk) == []


def test_unknown_steps_and_cases_are_said(desk: Workspace) -> None:
    with pytest.raises(StepNotRegistered):
        create(desk, person(desk), cron=NIGHTLY, steps=["nonsense"])
    with pytest.raises(NotFound, match="No case"):
        create(desk, person(desk), cron=NIGHTLY, all_cases=False, case_ids=[uuid4()])


def test_a_name_is_one_schedule_of_a_user(office: Workspace, operator: Actor) -> None:
    create(office, operator, name="nightly", cron=NIGHTLY)
    with pytest.raises(Refused, match="nightly"):
        create(office, operator, name="nightly", at=soon())
    assert create(office, person(office), name="nightly", cron=NIGHTLY)


def test_operators_steer_their_own_and_admins_all(office: Workspace, operator: Actor) -> None:
    made = create(office, operator, cron=NIGHTLY).schedule
    other, admin = person(office), person(office, Role.ADMIN)
    assert batch_schedules(office, other) == []
    for steer in (
        batch_schedule,
        pause_batch_schedule,
        resume_batch_schedule,
        run_batch_schedule,
        delete_batch_schedule,
    ):
        with pytest.raises(NotFound):
            steer(office, other, made.id)
    assert pause_batch_schedule(office, admin, made.id).status == ScheduleStatus.PAUSED


def test_a_cron_is_paused_resumed_and_deleted_without_a_word_to_others(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    """Prefect deletes the coming runs of all schedules when one changes: the others must have theirs anew."""
    mine, other = (create(office, operator, cron=NIGHTLY).schedule for _ in range(2))
    paused = pause_batch_schedule(office, operator, mine.id)
    assert (paused.status, paused.next_runs) == (ScheduleStatus.PAUSED, ())
    assert planned(prefect_client, mine) == []
    assert len(planned(prefect_client, other)) >= 3
    assert "is paused" in start(office, prefect_client, mine)
    resumed = resume_batch_schedule(office, operator, mine.id)
    assert (resumed.status, len(resumed.next_runs)) == (ScheduleStatus.ACTIVE, 3)
    delete_batch_schedule(office, operator, mine.id)
    assert not is_active_in_prefect(prefect_client, mine)
    assert len(planned(prefect_client, other)) >= 3
    with pytest.raises(NotFound):
        batch_schedule(office, operator, mine.id)
    assert "was deleted" in start(office, prefect_client, mine)


def test_a_moment_is_paused_resumed_and_deleted(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    made = create(office, operator, at=soon()).schedule
    assert pause_batch_schedule(office, operator, made.id).status == ScheduleStatus.PAUSED
    with office.database.read() as session:
        job = session.get_one(Job, made.job_id)
    assert job.status == JobStatus.CANCELLED and "paused the schedule" in (job.state_message or "")
    resumed = resume_batch_schedule(office, operator, made.id)
    assert (resumed.status, resumed.next_runs) == (ScheduleStatus.ACTIVE, (made.at,))
    [run] = planned(prefect_client, made)
    assert run.id == resumed.schedule.job_id != made.job_id
    delete_batch_schedule(office, operator, made.id)
    assert planned(prefect_client, made) == []


def test_a_moment_that_passed_while_it_was_paused_is_not_made_up_for(
    office: Workspace, operator: Actor
) -> None:
    made = create(office, operator, at=soon()).schedule
    pause_batch_schedule(office, operator, made.id)
    with office.database.write() as session:
        session.exec(update(BatchSchedule).values(at=utc_now() - timedelta(minutes=1)))
    with pytest.raises(Refused, match="has passed"):
        resume_batch_schedule(office, operator, made.id)


def test_one_whose_time_has_come_is_over(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    made = create(office, operator, at=soon()).schedule
    assert made.job_id
    prefect_client.set_flow_run_state(made.job_id, Running(), force=True)
    assert batch_schedule(office, operator, made.id).status == ScheduleStatus.OVER
    with pytest.raises(Refused, match="come already"):
        pause_batch_schedule(office, operator, made.id)


def test_deploying_again_leaves_the_users_schedules(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    cron, paused, moment = (
        create(office, operator, **given).schedule
        for given in ({"cron": NIGHTLY}, {"cron": NIGHTLY}, {"at": soon()})
    )
    pause_batch_schedule(office, operator, paused.id)
    for _ in range(2):
        deploy(office.settings.work_pool)
        assert bring_batch_schedules(prefect_client, office.database) == 0
    assert is_active_in_prefect(prefect_client, cron)
    assert not is_active_in_prefect(prefect_client, paused)
    assert [run.id for run in planned(prefect_client, moment)] == [moment.job_id]


def test_what_prefect_lost_it_is_told_again_once(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    """Its database is new, or we were killed between keeping a schedule and telling Prefect."""
    rows = [create(office, operator, **given).schedule for given in ({"cron": NIGHTLY}, {"at": soon()})]
    paused = create(office, operator, cron=NIGHTLY).schedule
    pause_batch_schedule(office, operator, paused.id)
    forget_deployment(prefect_client)
    deploy(office.settings.work_pool)
    assert bring_batch_schedules(prefect_client, office.database) == 2
    assert bring_batch_schedules(prefect_client, office.database) == 0
    assert all(batch_schedule(office, operator, row.id).status == ScheduleStatus.ACTIVE for row in rows)
    assert batch_schedule(office, operator, paused.id).status == ScheduleStatus.PAUSED


def test_a_schedule_that_was_deleted_goes_from_prefect_unless_that_would_lose_a_due_run(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    gone, other = (create(office, operator, cron="* * * * *").schedule for _ in range(2))
    delete_batch_schedule(office, operator, gone.id)
    deployment = prefect_client.read_deployment_by_name(SCHEDULED_BATCH)
    hour_ago = utc_now() - timedelta(hours=1)
    missed = {"start_time": hour_ago.isoformat(), "end_time": (hour_ago + timedelta(minutes=2)).isoformat()}
    prefect_client.request("POST", f"/deployments/{deployment.id}/schedule", json=missed)
    due = {run.id for run in planned(prefect_client, other) if run.next_scheduled_start_time < utc_now()}
    assert due
    bring_batch_schedules(prefect_client, office.database)
    assert due <= {run.id for run in planned(prefect_client, other)}
    for run in due:
        prefect_client.delete_flow_run(run)
    bring_batch_schedules(prefect_client, office.database)
    slugs = {one.slug for one in prefect_client.read_deployment_by_name(SCHEDULED_BATCH).schedules}
    assert slugs == {slug_of(other.id)}
    assert len(planned(prefect_client, other)) >= 3


def test_cases_are_chosen_when_it_runs(
    office: Workspace, operator: Actor, new_case: NewOwner, prefect_client: SyncPrefectClient
) -> None:
    smith = new_case(office, "Smith v. Jones", letter="a letter")
    everything = create(office, operator, cron=NIGHTLY, steps=["parse"], priority=3).schedule
    named = create(office, operator, cron=NIGHTLY, all_cases=False, case_ids=[smith]).schedule
    found = create(office, operator, cron=NIGHTLY, all_cases=False, search="doe").schedule
    assert "no such case" in start(office, prefect_client, found)
    late = new_case(office, "Doe v. Roe", letter="another letter")
    words = start(office, prefect_client, everything)
    [batch] = batches(office)
    assert words == f"Batch {batch.id} was started: 2 cases"
    assert (batch.user_id, batch.steps, batch.priority) == (operator.user_id, ["parse"], 3)
    with office.database.read() as session:
        assert set(cases_of(session, batch.id)) == {smith, late} == set(all_cases(session))
    assert "1 case" in start(office, prefect_client, named)
    assert "1 case" in start(office, prefect_client, found)
    with office.database.read() as session:
        last = [cases_of(session, one.id) for one in batches(office)[1:]]
    assert last == [[smith], [late]]


def test_a_job_that_is_tried_again_starts_one_batch(
    office: Workspace, operator: Actor, new_case: NewOwner, prefect_client: SyncPrefectClient
) -> None:
    new_case(office, "Smith v. Jones", letter="a letter")
    made = create(office, operator, at=soon()).schedule
    assert made.job_id
    first = start_scheduled(office, made.id, made.job_id, by_hand=False)
    new_case(office, "Doe v. Roe", letter="another letter")
    again = start_scheduled(office, made.id, made.job_id, by_hand=False)
    [batch] = batches(office)
    assert str(batch.id) in first and str(batch.id) in again
    shown = batch_schedule(office, operator, made.id).schedule
    assert (shown.last_job_id, shown.last_batch_id) == (made.job_id, batch.id)


def test_while_its_last_batch_is_not_over_it_starts_no_other(
    office: Workspace, operator: Actor, new_case: NewOwner, prefect_client: SyncPrefectClient
) -> None:
    new_case(office, "Smith v. Jones", letter="a letter")
    made = create(office, operator, cron=NIGHTLY).schedule
    start(office, prefect_client, made)
    [batch] = batches(office)
    new_case(office, "Doe v. Roe", letter="another letter")
    said = start(office, prefect_client, made)
    assert said == f"Nothing was started: batch {batch.id}, which the schedule started before, is pending"
    shown = batch_schedule(office, operator, made.id).schedule
    assert (shown.last_words, shown.last_batch_id) == (said, batch.id)


def test_by_hand_it_starts_though_it_is_paused(
    office: Workspace, operator: Actor, new_case: NewOwner, prefect_client: SyncPrefectClient
) -> None:
    new_case(office, "Smith v. Jones", letter="a letter")
    made = create(office, operator, cron=NIGHTLY).schedule
    pause_batch_schedule(office, operator, made.id)
    run = prefect_client.read_flow_run(run_batch_schedule(office, person(office, Role.ADMIN), made.id))
    assert run.parameters == {"schedule_id": str(made.id), "by_hand": True}
    assert f"user:{operator.user_id}" in run.tags
    assert "was started" in start_scheduled(office, made.id, run.id, by_hand=True)
    assert [batch.user_id for batch in batches(office)] == [operator.user_id]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"disabled_at": datetime(2026, 1, 1, tzinfo=UTC)}, "is disabled"),
        ({"role": Role.VIEWER}, "needs the role"),
    ],
    ids=["disabled", "viewer"],
)
def test_a_user_who_may_not_any_more_starts_nothing(
    office: Workspace,
    operator: Actor,
    new_case: NewOwner,
    prefect_client: SyncPrefectClient,
    change: dict[str, Any],
    said: str,
) -> None:
    new_case(office, "Smith v. Jones", letter="a letter")
    made = create(office, operator, cron=NIGHTLY).schedule
    with office.database.write() as session:
        session.exec(update(User).where(col(User.id) == operator.user_id).values(**change))
    for by_hand in (False, True):
        with pytest.raises(Denied, match=said):
            start(office, prefect_client, made, by_hand=by_hand)
    assert batches(office) == []
    assert said in (batch_schedule(office, person(office, Role.ADMIN), made.id).schedule.last_words or "")


def test_without_the_deployment_nothing_is_kept(
    office: Workspace, operator: Actor, prefect_client: SyncPrefectClient
) -> None:
    forget_deployment(prefect_client)
    with pytest.raises(CasemillError, match="knows no deployment"):
        create(office, operator, name="nightly", cron=NIGHTLY)
    assert kept(office) == []
