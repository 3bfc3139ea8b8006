"""Queue Management in a browser."""

import json
from uuid import UUID

from playwright.sync_api import Page, Route, expect

from casemill.models import Job, JobStatus, RecorderMark, Role, Scope, User, Worker, WorkQueue
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.monitoring.queued import job, keep, running, user_queue

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:" + "x" * 120


def named(site: Site, name: str) -> UUID:
    with site.desk.database.write() as session:
        session.add(user := User(name=name))
    return user.id


def answered(page: Page, path: str, **answer: object) -> list[str]:
    """What the page asks of that path from now on; it is answered with this instead of by Prefect."""
    asked: list[str] = []

    def answer_it(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.url.partition('/api/v1')[2]}")
        given = answer.get(route.request.method, answer)
        route.fulfill(status=200, content_type="application/json", body=json.dumps(given))

    page.route(f"**/api/v1{path}*", answer_it)
    return asked


def test_it_can_be_read_by_all(site: Site) -> None:
    user = named(site, HOSTILE)
    rows: list[Job | WorkQueue] = [user_queue(user, concurrency_limit=1, paused=True)]
    rows += [running(name=HOSTILE), job(name=HOSTILE), job(f"user-{user}", user_id=user, name="held")]
    rows += [job(status=JobStatus.SCHEDULED, name="tomorrow")]
    keep(site.desk.database, *rows, limit=1)
    page = site.as_user().page
    page.goto("/pipeline/queue")
    page.get_by_text("1 starts later").click()
    expect(page.get_by_role("link", name="tomorrow")).to_be_visible()
    assert_accessible_in_every_look(page)


def test_it_says_why_a_job_waits_and_which_jobs_hold_it(site: Site) -> None:
    user = named(site, "Ada")
    holder = running(f"user-{user}", user_id=user, name="the one that runs")
    waits = job(f"user-{user}", user_id=user, name="the one that waits")
    keep(site.desk.database, user_queue(user, concurrency_limit=1), holder, waits, job(name="free to go"))
    page = site.as_user(Role.VIEWER).page
    page.goto("/pipeline/queue")
    row = page.locator(f"#job-{waits.id}")
    expect(row).to_contain_text("The user's limit of 1 job at once is reached")
    expect(row.get_by_role("link", name="the one that runs")).to_have_attribute("href", f"/jobs/{holder.id}")
    expect(row.locator(".place")).to_have_text("2")
    assert page.locator(".line tr[id]").evaluate_all("rows => rows.map(row => row.id)") == [
        f"job-{holder.id}",
        *page.locator("#line-2 tr[id]").evaluate_all("rows => rows.map(row => row.id)"),
    ], "what runs comes first"
    with site.desk.database.write() as session:  # not begun, so with the name that Prefect made up
        session.get_one(Job, holder.id).name = "artichoke-vicugna"
        session.get_one(Job, holder.id).flow_name = "search-sync"
    page.reload()
    expect(row.get_by_role("link", name="Search sync")).to_have_attribute("href", f"/jobs/{holder.id}")
    page.get_by_role("list").get_by_role("link", name="Ada").click()
    expect(page.get_by_role("heading", name="Queue of Ada")).to_be_visible()
    expect(page.get_by_text("free to go")).to_have_count(0)
    expect(page.locator(f"#queue-{user}")).to_contain_text("1 of 1 running, 1 waiting")
    page.go_back()
    expect(page.get_by_text("free to go")).to_be_visible()


def test_it_follows_what_happens_and_keeps_what_is_being_typed(site: Site) -> None:
    keep(site.desk.database, user_queue(named(site, "Ada")))
    waits = site.new_job(
        name="next in line", status=JobStatus.PENDING, state_name="Scheduled", queue="default"
    )
    site.new_job(name="tomorrow", status=JobStatus.SCHEDULED)
    page = site.as_user().page
    page.goto("/pipeline/queue")
    limit = page.get_by_label("Jobs at once", exact=True)
    expect(limit).to_have_value("10")
    limit.fill("12")
    page.get_by_text("1 starts later").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    site.change_job(waits, status=JobStatus.RUNNING, state_name="Running", started_at=utc_now())
    expect(page.locator("#line-1")).to_contain_text("Running")
    expect(page.locator("#line-1")).to_contain_text("next in line")
    expect(limit).to_have_value("12")
    expect(page.get_by_role("link", name="tomorrow")).to_be_visible()
    expect(page.get_by_text("1 of 10 in use")).to_be_visible()


def test_a_queue_is_cleared_after_its_jobs_were_counted(site: Site) -> None:
    keep(site.desk.database, running(), job())
    page = site.as_user().page
    count = {"running": 1, "waiting": 11, "paused": 0}
    done = {"message": "Asked 12 of 12 jobs to cancel", "results": []}
    asked = answered(page, "/queue/cancellation", GET=count, POST=done)
    page.goto("/pipeline/queue")
    page.get_by_role("button", name="Stop and clear").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Stop and clear the whole queue: 12 jobs?")
    expect(dialog).to_contain_text("1 job that runs is stopped where it is, 11 jobs that wait are cancelled")
    dialog.get_by_role("button", name="Keep as it is").click()
    assert asked == ["GET /queue/cancellation"]
    page.get_by_role("button", name="Stop and clear").click()
    dialog.get_by_role("button", name="Stop and clear 12 jobs").click()
    expect(page.get_by_role("log")).to_contain_text("Asked 12 of 12 jobs to cancel.")
    assert asked[2:] == ["POST /queue/cancellation"]


def test_the_whole_queue_and_one_users_are_paused_and_resumed(site: Site) -> None:
    user = named(site, "Ada")
    keep(site.desk.database, user_queue(user, paused=True), job(), job())
    page = site.as_user().page
    paused = answered(page, "/queue/pause", message="The queue is paused")
    resumed = answered(page, "/queue/resumption", message="The queue is started. No worker is there")
    page.goto("/pipeline/queue")
    page.get_by_role("button", name="Pause the whole queue").click()
    expect(page.get_by_role("dialog")).to_contain_text("until somebody resumes it: 2 jobs wait.")
    page.get_by_role("dialog").get_by_role("button", name="Pause the whole queue").click()
    expect(page.get_by_role("log")).to_contain_text("The queue is paused.")
    page.goto(f"/pipeline/queue?user={user}")
    page.get_by_role("button", name="Resume the queue of Ada").click()
    expect(page.get_by_role("log")).to_contain_text("No worker is there.")
    assert (paused, resumed) == (["POST /queue/pause"], [f"POST /queue/resumption?user={user}"])


def test_an_admin_changes_a_limit_in_its_own_unit(site: Site) -> None:
    page = site.as_user().page
    page.goto("/pipeline/queue")
    hours = page.get_by_label("Longest run of a job", exact=True)
    expect(hours).to_have_value("72")
    hours.fill("1.5")
    page.get_by_role("button", name="Save: Longest run of a job").click()
    expect(page.get_by_role("log")).to_contain_text("Longest run of a job: changed")
    expect(page.locator("#limit-job_seconds")).to_contain_text("minutes")
    expect(hours).to_have_value("90")


def test_viewers_steer_nothing_and_operators_their_own(site: Site) -> None:
    keep(site.desk.database, running(name="at work"))
    page = site.as_user(Role.VIEWER, Scope.ALL).page
    page.goto("/pipeline/queue")
    expect(page.get_by_role("link", name="at work")).to_be_visible()
    expect(page.locator("#queue button, #queue input")).to_have_count(0)
    page = site.as_user(Role.OPERATOR, Scope.ALL).page
    page.goto("/pipeline/queue")
    expect(page.get_by_role("button", name="Pause your queue")).to_be_visible()
    expect(page.locator("#queue input")).to_have_count(0)
    page = site.as_user(Role.OPERATOR, Scope.OWN).page
    page.goto("/pipeline/queue")
    expect(page.get_by_text("Nothing runs or waits")).to_be_visible()
    expect(page.get_by_text("at work")).to_have_count(0)


def test_without_a_worker_it_says_so(site: Site) -> None:
    keep(site.desk.database, job(), workers=0)
    with site.desk.database.write() as session:
        session.add(Worker(name="gone", online=False))
        session.merge(RecorderMark(seen_at=utc_now()))
    page = site.as_user().page
    page.goto("/pipeline/queue")
    expect(page.locator("#standing")).to_contain_text("No worker is online")
    expect(page.locator("#workers")).to_contain_text("gone Offline")


def test_what_a_worker_says_of_its_host_is_shown_where_workers_are(site: Site) -> None:
    parents = {"warm": 1, "draining": 1, "running": 0, "replaced": 1, "missing": 0}
    health = {
        "cpu_percent": 40.0, "memory_used": 2e9, "memory_total": 8e9, "slots_used": 0, "slots": None,
        "fork_parents": parents,
    }  # fmt: skip
    hostile = "<img src=x onerror=alert(1)>"
    with site.desk.database.write() as session:
        now = utc_now()
        session.add(Worker(name=hostile, online=True, last_heartbeat_at=now, health=health, health_at=now))
        session.merge(RecorderMark(seen_at=now))
    page = site.as_user().page
    for path, where in (("/pipeline/queue", "#workers"), ("/jobs", "main")):
        page.goto(path)
        expect(page.locator(where)).to_contain_text(hostile)
        expect(page.locator(where)).to_contain_text(
            "0 jobs in hand · ready to start jobs · 1 with older code until its jobs end · "
            "its host: CPU 40 %, memory 2 GB of 8 GB"
        )
