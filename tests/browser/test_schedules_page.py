"""Schedules in a browser; what is planned is a real Prefect server's answer."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from casemill.access.actor import Actor
from casemill.models import Case, Job, JobStatus, Role, Scope, User
from casemill.models.columns import utc_now
from casemill.monitoring.batch_schedules import NewBatchSchedule, create_batch_schedule
from casemill.workspace import Workspace
from tests.browser.conftest import Site, assert_accessible_in_every_look

T = TypeVar("T")

PAGE = "/schedules"
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}javascript:alert(1)" + "x" * 120


@flow(name="scheduled-batch")
def scheduled_flow(schedule_id: UUID, by_hand: bool = False) -> None:
    pass


@flow(name="document-pipeline")
def pipeline_flow() -> None:
    pass


@flow(name="job-cleanup")
def cleanup_flow(dry_run: bool = True) -> None:
    pass


def beside_the_browser(act: Callable[[], T]) -> T:
    """In another thread: in this one the browser's event loop runs, in which Prefect would not wait."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, act).result()


def deploy(pool: str) -> list[UUID]:
    every = IntervalSchedule(interval=timedelta(minutes=15))
    daily = CronSchedule(cron="0 9 * * *", timezone="Europe/Berlin")
    pipeline = pipeline_flow.to_deployment(
        "default",
        description=f"Reads documents. {HOSTILE}",
        schedules=[DeploymentScheduleCreate(schedule=every, slug="sweep")],
    )
    cleanup = cleanup_flow.to_deployment(
        "default", schedules=[DeploymentScheduleCreate(schedule=daily, slug="sweep")]
    )
    planned = scheduled_flow.to_deployment("default")
    return [one.apply(work_pool_name=pool) for one in (planned, pipeline, cleanup)]


@pytest.fixture
def desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Iterator[Workspace]:
    """With a pool of its own, in which operators may start one deployment, and admins another."""
    pool = f"pool-{uuid4()}"
    prefect_client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    deployed = beside_the_browser(lambda: deploy(pool))
    yield replace(desk, settings=desk.settings.model_copy(update={"work_pool": pool}))
    for deployment in deployed:
        prefect_client.delete_deployment(deployment)
    prefect_client.delete_work_pool(pool)


def scheduled(site: Site, user_id: UUID | None = None, **given: Any) -> UUID:
    """A batch by the clock, of that user or of somebody else."""
    with site.desk.database.write() as session:
        user = (
            session.get(User, user_id) if user_id else User(name=f"Ada {uuid4().hex[:6]}", role=Role.OPERATOR)
        )
        session.add(user)
        session.flush()
        actor = Actor.of(user, "token")
    order = {"name": "nightly", "cron": "0 22 * * 1-5", "timezone": "Europe/Berlin", "search": "v."}
    new = NewBatchSchedule(**{**order, **given})
    return beside_the_browser(lambda: create_batch_schedule(site.desk, actor, new)).schedule.id


def new_case(site: Site, name: str) -> UUID:
    with site.desk.database.write() as session:
        session.add(case := Case(name=name))
    return case.id


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def answered(page: Page, path: str, answer: object, status: int = 200) -> list[Request]:
    """The requests that the page sends there, which are answered here."""
    asked: list[Request] = []

    def answer_it(route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()
            return
        asked.append(route.request)
        route.fulfill(status=status, content_type="application/json", body=json.dumps(answer))

    page.route(re.compile(path), answer_it)
    return asked


def new_schedule(page: Page) -> Locator:
    page.locator("#new > summary").click()
    return page.locator("#new-schedule")


def test_it_can_be_read_by_all(site: Site) -> None:
    scheduled(site, name=HOSTILE, search=HOSTILE[:150])
    page = site.as_user().page
    page.goto(PAGE)
    form = new_schedule(page)
    form.get_by_label("Chosen ones").check()
    form.get_by_label("Again and again").check()
    expect(page.locator("#batches")).to_contain_text("Of Ada")
    expect(row(page, "Job cleanup")).to_be_visible()
    assert_accessible_in_every_look(page)


def test_it_says_when_and_what_starts_by_the_clock(site: Site) -> None:
    scheduled(site)
    scheduled(site, name="once", cron=None, search=None, all_cases=True, at="2030-01-01T22:00")
    page = site.as_user(Role.VIEWER, Scope.ALL, timezone_id="Europe/Berlin", locale="en-GB").page
    page.goto(PAGE)
    nightly, once = row(page, "nightly"), row(page, "once")
    expect(nightly).to_contain_text("Active")
    expect(nightly).to_contain_text("On weekdays at 22:00 Europe/Berlin")
    expect(nightly).to_contain_text("0 22 * * 1-5")
    expect(nightly).to_contain_text("Cases with “v.” in their name: parse")
    expect(nightly.locator("time[data-relative]")).to_have_text(re.compile("in|tomorrow"))
    expect(nightly.locator("time[data-exact]")).to_have_count(3)
    expect(once).to_contain_text("All cases")
    expect(once.locator("time[data-exact]").first).to_contain_text("1 Jan, 22:00")
    expect(row(page, "Document pipeline")).to_contain_text("Every 15 min")
    expect(row(page, "Job cleanup")).to_contain_text("Daily at 09:00 Europe/Berlin")
    expect(page.locator("main button, main input")).to_have_count(0)


def test_casemills_own_tell_how_their_last_run_ended(site: Site) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    expect(row(page, "Job cleanup")).to_contain_text("never")
    deployment = beside_the_browser(lambda: deployment_of("job-cleanup/default"))
    job = Job(
        id=uuid4(), status=JobStatus.FAILED, deployment_id=deployment, run_count=1, created_at=utc_now()
    )
    job.scheduled_at = job.started_at = utc_now() - timedelta(minutes=5)
    with site.desk.database.write() as session:
        session.add(job)
    page.reload()
    cleanup = row(page, "Job cleanup")
    expect(cleanup).to_contain_text("Failed")
    expect(cleanup).to_contain_text(re.compile(r"\d+ minutes ago"))
    expect(cleanup.get_by_role("link", name="Job")).to_have_attribute("href", f"/jobs/{job.id}")
    expect(row(page, "Document pipeline")).to_contain_text("never")


def deployment_of(name: str) -> UUID:
    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(name).id


def test_what_only_admins_may_do_is_shown_to_them_alone(site: Site) -> None:
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    expect(row(page, "Document pipeline").get_by_role("button")).to_have_text(["Run now"])
    expect(row(page, "Job cleanup").get_by_role("button")).to_have_count(0)
    page = site.as_user(Role.ADMIN).page
    page.goto(PAGE)
    expect(row(page, "Job cleanup").get_by_role("button")).to_have_text(["Run now …", "Pause …"])


def test_what_deletes_says_so_before_it_is_run_by_hand(site: Site) -> None:
    page = site.as_user().page
    job = uuid4()
    asked = answered(page, r"/api/v1/schedules/[^/]+/runs$", {"job_id": str(job)}, 202)
    page.goto(PAGE)
    button = row(page, "Job cleanup").get_by_role("button", name="Run now")
    button.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It deletes, for good")
    dialog.get_by_role("button", name="Keep as it is").click()
    assert not asked
    button.click()
    dialog.get_by_role("button", name="Run it now").click()
    expect(page.get_by_role("link", name="Open its job")).to_have_attribute("href", f"/jobs/{job}")
    assert len(asked) == 1


def test_casemills_own_are_paused_and_resumed(site: Site) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    cleanup = row(page, "Job cleanup")
    cleanup.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause it").click()
    expect(cleanup).to_contain_text("none while it is paused")
    cleanup.get_by_role("button", name="Resume").click()
    expect(cleanup).to_contain_text("Active")


def test_batches_by_the_clock_are_paused_resumed_run_and_deleted(site: Site) -> None:
    visitor = site.as_user(Role.OPERATOR, Scope.OWN)
    scheduled(site, name="somebody else's")
    scheduled(site, visitor.user_id)
    page = visitor.page
    page.goto(PAGE)
    nightly = row(page, "nightly")
    nightly.get_by_role("button", name="Pause").click()
    expect(nightly).to_contain_text("none while it is paused")
    expect(row(page, "somebody else's")).to_have_count(0)
    nightly.get_by_role("button", name="Resume").click()
    expect(nightly).to_contain_text("Active")
    nightly.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("link", name="Open its job")).to_be_visible()
    nightly.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete the schedule “nightly”?")
    page.get_by_role("dialog").get_by_role("button", name="Delete the schedule").click()
    expect(page.get_by_text("No batch is scheduled")).to_be_visible()


def test_a_schedule_is_made_for_tonight(site: Site) -> None:
    page = site.as_user(Role.OPERATOR, timezone_id="Europe/Berlin").page
    page.goto(PAGE)
    page.get_by_role("button", name="Schedule a batch").click()
    form = page.locator("#new-schedule")
    expect(form.get_by_label("Day and time")).to_have_value(re.compile("T22:00$"))
    expect(form.get_by_label("By the clocks of")).to_have_value("Europe/Berlin")
    form.get_by_label("Name", exact=True).fill(HOSTILE)
    form.get_by_role("button", name="Make the schedule").click()
    expect(page.locator("#batches").get_by_role("row").filter(has_text=HOSTILE)).to_contain_text("Once")
    expect(page.get_by_role("log")).to_contain_text("and runs first on")
    expect(form).to_be_hidden()


def test_it_is_sent_as_the_api_wants_it_and_its_errors_stand_by_the_form(site: Site) -> None:
    page = site.as_user(Role.OPERATOR).page
    new_case(site, "Adams")
    smith = new_case(site, f"Smith {HOSTILE}")
    asked = answered(page, "/api/v1/batch-schedules$", {"detail": "You have a schedule called x"}, 409)
    page.goto(PAGE)
    form = new_schedule(page)
    make = form.get_by_role("button", name="Make the schedule")
    form.get_by_label("Name", exact=True).fill("weekly")
    form.get_by_label("Chosen ones").check()
    form.get_by_label("Find cases").fill("smith")
    expect(form.get_by_role("checkbox", name="Adams")).to_have_count(0)
    form.get_by_role("checkbox", name="Smith").check()
    form.get_by_label("Find cases").fill("adams")
    expect(form.get_by_role("checkbox", name="Adams")).to_be_visible()
    expect(form.get_by_role("checkbox", name="Smith")).to_be_checked()
    form.get_by_label("Again and again").check()
    form.get_by_label("How often").select_option("Every week")
    form.get_by_label("On", exact=True).select_option("Sunday")
    form.get_by_label("At", exact=True).fill("06:30")
    form.get_by_label("By the clocks of").fill("Asia/Tokyo")
    form.get_by_label("Priority").select_option("3")
    for step in form.locator('[name="step"]').all()[1:]:
        step.uncheck()
    make.click()
    expect(form.get_by_role("alert")).to_have_text("You have a schedule called x.")
    assert asked[0].post_data_json == {
        "name": "weekly",
        "case_ids": [str(smith)],
        "steps": ["parse"],
        "cron": "30 6 * * 0",
        "timezone": "Asia/Tokyo",
        "priority": 3,
    }
    form.get_by_label("Those with a text in their name").check()
    form.get_by_label("Text in the name").fill("Smith")
    form.get_by_label("How often").select_option("By a cron of my own")
    form.get_by_label("Cron", exact=True).fill("0 4 1 * *")
    make.click()
    expect(make).to_be_enabled()
    assert asked[1].post_data_json == {
        "name": "weekly",
        "search": "Smith",
        "steps": ["parse"],
        "cron": "0 4 1 * *",
        "timezone": "Asia/Tokyo",
        "priority": 3,
    }


def test_it_follows_the_jobs_and_keeps_what_is_being_typed(site: Site) -> None:
    page = site.as_user(Role.ADMIN).page
    page.goto(PAGE)
    new_schedule(page).get_by_label("Name", exact=True).fill("half a na")
    expect(page.get_by_text("No batch is scheduled")).to_be_visible()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    scheduled(site)
    site.change_job(site.new_job(), finished_at=utc_now())
    expect(row(page, "nightly")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("half a na")


def test_without_prefect_the_page_says_so(
    desk: Workspace,
    without_prefect: None,  # after the desk, which needs it, and before the site
    site: Site,
) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    expect(page.locator("#own")).to_contain_text("What is planned cannot be shown now.")
    expect(page.get_by_text("No batch is scheduled")).to_be_visible()
    expect(page.locator("#new > summary")).to_be_visible()
