"""Job Monitoring in a browser."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from playwright.sync_api import Page, expect

from casemill.models import AttemptStatus, FeedKind, RecorderMark, Role, Scope, TaskAttempt, Worker
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.web.serving import tell

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:" + "x" * 120
PAGE = "/admin/jobs"


def new_attempt(site: Site, function: str = "parse", hours: float = 0.2, **given: Any) -> int:
    """One that succeeded so many hours ago."""
    then = utc_now() - timedelta(hours=hours)
    values = {
        "task_run_id": uuid4(),
        "attempt": 1,
        "function": function,
        "name": f"Smith v. Jones · {function}",
        "status": AttemptStatus.SUCCESS,
        "created_at": then,
        "started_at": then,
        "finished_at": then,
        "duration": 1.5,
        **given,
    }
    with site.desk.database.write() as session:
        session.add(attempt := TaskAttempt.model_validate(values))
        session.flush()
        assert attempt.id
        return attempt.id


def failed(site: Site, function: str = "parse", job_id: UUID | None = None, hours: float = 0.2) -> int:
    return new_attempt(
        site,
        function,
        hours,
        job_id=job_id,
        status=AttemptStatus.FAILED,
        error_type="KeyError",
        error="'docket'",
        traceback="Traceback (most recent call last):\n  first\nlast line",
        tags=["step:parse"],
    )


def card(page: Page, name: str) -> Any:
    return page.locator("#figures .card").filter(has_text=name).locator(".value")


def test_it_can_be_read_by_all(site: Site) -> None:
    task = new_attempt(site, HOSTILE, name=HOSTILE, result={HOSTILE: [1, "</pre><script>alert(1)</script>"]})
    new_attempt(site, HOSTILE, status=AttemptStatus.FAILED, error=HOSTILE, traceback=HOSTILE, tags=[HOSTILE])
    page = site.as_user().page
    page.goto(PAGE)
    expect(page.locator("#chart canvas")).to_be_visible()
    assert_accessible_in_every_look(page, page.locator(f"#task-{task} .status"))
    page.goto(f"{PAGE}?task={task}")
    expect(page.locator("#drawer")).to_contain_text("alert(1)")
    assert_accessible_in_every_look(page)


def test_the_period_moves_figures_and_not_the_list(site: Site) -> None:
    for number in range(60):
        new_attempt(site, "chunk", hours=3 + number / 60)
    failed(site)
    page = site.as_user().page
    page.goto(PAGE)
    expect(card(page, "Total executed")).to_have_text("61")
    expect(card(page, "Failed")).to_have_text("1")
    page.get_by_role("link", name="Next").click()
    rows = page.locator("#tasks tbody tr")
    expect(rows).to_have_count(11)
    page.get_by_label("1h").check()
    expect(card(page, "Total executed")).to_have_text("1")
    expect(page.locator("#breakdown li")).to_have_count(1)
    expect(page.locator("#throughput")).to_have_attribute("data-period", "1h")
    expect(rows).to_have_count(11)
    expect(page).to_have_url(re.compile(r"period=1h"))
    page.go_back()
    expect(card(page, "Total executed")).to_have_text("61")
    page.get_by_role("link", name="Previous").click()
    expect(rows).to_have_count(50)


def test_the_chart_tells_exact_counts(site: Site) -> None:
    for _ in range(3):
        new_attempt(site, hours=0)
    failed(site, hours=0)
    page = site.as_user().page
    page.goto(f"{PAGE}?period=30d")
    page.locator("#chart").focus()
    page.keyboard.press("End")
    expect(page.locator("#chart .readout")).to_contain_text("3 succeeded")
    expect(page.locator("#chart .readout")).to_contain_text("1 failed")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 600, "height": 700})
    expect(page.locator("#chart canvas")).to_have_js_property(
        "offsetWidth", page.locator("#chart").evaluate("e => e.clientWidth")
    )
    page.get_by_text("As numbers").click()
    expect(page.locator("#throughput tbody tr").last).to_contain_text("31")


def test_the_drawer_shows_everything_and_closes_by_back_and_escape(site: Site) -> None:
    job = site.new_job(name="batch of May")
    good = new_attempt(site, "index", result={"pages": 12})
    bad = failed(site, job_id=job)
    page = site.as_user().page
    page.goto(PAGE)
    link = page.locator(f"#open-{bad}")
    link.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("last line")
    expect(drawer).to_contain_text("KeyError: 'docket'")
    expect(drawer).to_contain_text("step:parse")
    expect(drawer.get_by_role("link", name="batch of May")).to_have_attribute("href", f"/jobs/{job}")
    expect(page).to_have_url(re.compile(rf"task={bad}$"))
    page.evaluate("window.same = true")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"{PAGE}$"))
    expect(link).to_be_focused()
    page.go_forward()
    expect(drawer).to_contain_text("last line")
    page.go_back()
    expect(drawer).to_have_count(0)
    assert page.evaluate("window.same"), "the page below was not loaded anew"
    page.goto(f"{PAGE}?status=success&task={good}")
    expect(drawer.get_by_label("Result as JSON")).to_have_text('{\n  "pages": 12\n}')
    drawer.get_by_role("button", name="Close").click()
    expect(page).to_have_url(re.compile(r"\?status=success$"))
    page.goto(f"{PAGE}?task=999999")
    expect(drawer).to_contain_text("No such task")


def test_the_list_is_filtered_also_by_a_click_on_the_breakdown(site: Site) -> None:
    new_attempt(site, "chunk")
    failed(site)
    page = site.as_user().page
    page.goto(PAGE)
    rows = page.locator("#tasks tbody tr")
    expect(rows.first).to_contain_text("Smith v. Jones · parse")
    expect(rows.first).to_contain_text("'docket'")
    page.locator("#breakdown").get_by_role("link", name="chunk").click()
    expect(page.locator("#name")).to_have_value("chunk")
    expect(rows).to_have_count(1)
    expect(card(page, "Total executed")).to_have_text("2")
    page.locator("#status").select_option("failed")
    expect(page.get_by_text("Nothing of this failed")).to_be_visible()
    expect(page).to_have_url(re.compile(r"name=chunk&status=failed"))
    page.go_back()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(2)
    page.goto(f"{PAGE}?created_to=2020-01-01")
    expect(page.get_by_text("No task matches")).to_be_visible()


def test_nothing_failed_is_good_news(site: Site) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    expect(page.get_by_text("No task has run yet")).to_be_visible()
    expect(page.get_by_text("No task ended in the last 24 hours.").first).to_be_visible()
    page.goto(f"{PAGE}?status=failed")
    expect(page.get_by_text("Nothing has failed")).to_be_visible()


def test_it_follows_what_happens_under_an_open_drawer(site: Site) -> None:
    runs = new_attempt(site, "slow", status=AttemptStatus.RUNNING, finished_at=None, duration=None)
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_text("As numbers").click()
    page.locator(f"#open-{runs}").click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Running")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    with site.desk.database.write() as session:
        attempt = session.get_one(TaskAttempt, runs)
        attempt.status, attempt.finished_at, attempt.duration = AttemptStatus.SUCCESS, utc_now(), 7.0
    tell(site.desk.database, None, FeedKind.STEP)
    expect(drawer).to_contain_text("Success")
    expect(page.locator(f"#task-{runs}")).to_contain_text("Success")
    expect(card(page, "Success")).to_have_text("1")
    page.keyboard.press("Escape")
    expect(page.locator("#throughput")).to_be_visible()
    expect(page.locator(f"#open-{runs}")).to_be_focused()


def test_the_worker_is_told_with_its_reason_on_focus(site: Site) -> None:
    with site.desk.database.write() as session:
        parents = {"warm": 1, "draining": 0, "running": 1, "replaced": 0, "missing": 0}
        health = {
            "cpu_percent": 40.0, "memory_used": 2e9, "memory_total": 8e9, "slots_used": 1, "slots": 4,
            "fork_parents": parents,
        }  # fmt: skip
        now = utc_now()
        session.add(Worker(name="w", online=True, last_heartbeat_at=now, health=health, health_at=now))
        session.merge(RecorderMark(seen_at=utc_now()))
    page = site.as_user(Role.VIEWER).page
    page.goto(PAGE)
    pill = page.get_by_role("button", name="Worker active")
    expect(page.get_by_role("tooltip")).to_be_hidden()
    pill.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip")).to_contain_text("1 worker is online")
    expect(page.get_by_role("tooltip")).to_contain_text("Last heartbeat")
    of_worker = "w: 1 of 4 jobs in hand · ready to start jobs · its host: CPU 40 %, memory 2 GB of 8 GB"
    expect(page.get_by_role("tooltip")).to_contain_text(of_worker)


def test_statistics_are_the_teams_and_the_list_ones_own(site: Site) -> None:
    others = site.new_job(user_id=uuid4())
    task = failed(site, job_id=others)
    page = site.as_user(Role.VIEWER, Scope.OWN).page
    page.goto(f"{PAGE}?task={task}")
    expect(page.get_by_role("dialog")).to_contain_text("No such task")
    page.keyboard.press("Escape")
    expect(card(page, "Failed")).to_have_text("1")
    expect(page.get_by_text("No task has run yet")).to_be_visible()
