"""The flows about the end of trials: each user is told once, whatever becomes of the runs."""

import asyncio
from datetime import UTC
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.server.schemas.schedules import CronSchedule
from prefect.states import State
from prefect.utilities.templating import apply_values

from casemill.workspace import Workspace
from flows.mail_delivery import mail_delivery
from flows.trial_expirations import trial_expirations
from flows.trial_reminders import trial_reminders
from tests.flows.killed import CHECKOUT, run_until_killed
from tests.trials import add_trial, at, outbox_of, state_of, told

NOW = at("2026-06-17T09:00")
AFTER = at("2026-06-21T09:00")

BOTH = pytest.mark.parametrize(
    ("flow", "now", "kind"),
    [(trial_reminders, NOW, "trial_reminder"), (trial_expirations, AFTER, "trial_expired")],
    ids=["reminders", "expirations"],
)


def run(flow: Flow[..., Any], **parameters: object) -> State:
    return flow(**parameters, return_state=True)


def add_users(workspace: Workspace, count: int) -> list[str]:
    """Their addresses; the trials of all of them end on 2026-06-20."""
    addresses = [f"user{number}@example.org" for number in range(count)]
    for address in addresses:
        add_trial(workspace.database, "2026-06-20T12:00", name=address[:5], email=address)
    return addresses


def table(key: str) -> str:
    artifact = Artifact.get(key)
    assert artifact is not None
    return str(artifact.data)


def eml_files(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.settings.mail_folder.rglob("*.eml"))


@BOTH
def test_run_twice_each_is_told_once_and_shown_with_a_masked_address(
    flow_workspace: Workspace, flow: Flow[..., Any], now: object, kind: str
) -> None:
    [address] = add_users(flow_workspace, 1)
    first, second = run(flow, now=now), run(flow, now=now)
    assert first.is_completed() and second.is_completed()
    assert str(first.message).startswith("1 ")
    assert str(second.message).startswith("0 ")
    assert [told[:2] for told in told(flow_workspace.database)] == [(address, kind)]
    assert table(flow.name) == "[]"


@BOTH
def test_a_dry_run_shows_whom_and_sends_nothing(
    flow_workspace: Workspace, flow: Flow[..., Any], now: object, kind: str
) -> None:
    trial = add_trial(flow_workspace.database, "2026-06-20T12:00", email="ada@example.org")
    state = run(flow, now=now, dry_run=True)
    assert "1 would" in str(state.message)
    assert "a***@example.org" in table(flow.name)
    assert "ada@example.org" not in table(flow.name)
    assert outbox_of(flow_workspace.database) == []
    assert state_of(flow_workspace.database, trial) == "active"


@BOTH
def test_killed_in_the_middle_and_run_again_nobody_is_told_twice_or_forgotten(
    flow_workspace: Workspace, flow: Flow[..., Any], now: object, kind: str
) -> None:
    """It dies when the second page is written and not committed."""
    addresses = add_users(flow_workspace, 5)
    name = flow.name.replace("-", "_")
    run_until_killed(
        f"""
import datetime, os, signal
from casemill.db import Database
from casemill.operations import trial_letters
from flows.{name} import {name}

trial_letters.AT_ONCE, pages, persist = 2, [], Database.persist

def dying(database, act):
    def act_and_die(session):
        done = act(session)
        session.flush()
        pages.append(done)
        if len(pages) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return persist(database, act_and_die)

Database.persist = dying
{name}(now=datetime.datetime.fromisoformat({now.isoformat()!r}))
"""
    )
    assert len(outbox_of(flow_workspace.database)) == 2
    state = run(flow, now=now)
    assert str(state.message).startswith("3 ")
    assert [told[:2] for told in told(flow_workspace.database)] == [(one, kind) for one in addresses]


def test_what_is_put_into_the_outbox_is_delivered_once(flow_workspace: Workspace) -> None:
    add_users(flow_workspace, 2)
    for _ in range(2):
        trial_reminders(now=NOW)
        mail_delivery()
    assert len(eml_files(flow_workspace)) == 2


def test_delivery_is_started_where_there_is_something_to_deliver(flow_workspace: Workspace) -> None:
    mail_delivery.to_deployment("default").apply()
    add_users(flow_workspace, 1)

    def deliveries() -> int:
        with get_client(sync_client=True) as client:
            flow_id = client.read_flow_by_name("mail-delivery").id
            found = client.read_flow_runs(flow_filter=FlowFilter(id=FlowFilterId(any_=[flow_id])))
        return sum(job.state is not None and job.state.is_scheduled() for job in found)

    before = deliveries()
    trial_reminders(now=NOW, dry_run=True)
    assert deliveries() == before
    trial_reminders(now=NOW)
    assert deliveries() == before + 1
    trial_reminders(now=NOW)
    assert deliveries() == before + 1


def test_a_moment_without_a_time_zone_is_refused(flow_workspace: Workspace) -> None:
    """9 o'clock where?"""
    state = run(trial_reminders, now=NOW.replace(tzinfo=None))
    assert state.is_failed()
    assert "timezone" in str(state.message)


@BOTH
def test_in_job_monitoring_it_has_its_type_and_its_tasks_the_names_people_look_for(
    flow_workspace: Workspace, flow: Flow[..., Any], now: object, kind: str
) -> None:
    state = run(flow, now=now)
    with get_client(sync_client=True) as client:
        job = client.read_flow_run(state.state_details.flow_run_id)
        tasks = {task.task_key for task in client.read_task_runs() if task.flow_run_id == job.id}
    wanted = "check_trial_reminders" if flow is trial_reminders else "process_trial_expirations"
    assert "type:trial" in job.tags
    assert [wanted in key for key in tasks] == [True]


def test_reminders_come_at_nine_by_the_clocks_of_the_configured_time_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On 2026-03-29 the clocks of Berlin are put forward."""
    monkeypatch.setenv("CASEMILL_TIME_ZONE", "Europe/Berlin")
    deployments = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    [declared] = [one for one in deployments if one["entrypoint"].endswith(":trial_reminders")]
    [given] = apply_values(declared["schedules"], {})
    schedule = CronSchedule(cron=given["cron"], timezone=given["timezone"])
    times = asyncio.run(schedule.get_dates(3, start=at("2026-03-28T00:00")))
    assert [f"{time.astimezone(UTC):%d %H:%M}" for time in times] == ["28 08:00", "29 07:00", "30 07:00"]
