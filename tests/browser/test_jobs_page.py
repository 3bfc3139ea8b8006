"""Job Dashboard in a browser."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from casemill.models import JobStatus, JobType, Role, Scope
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible, assert_accessible_in_every_look
from tests.browser.test_job_page import answer_logs

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:alert(1)" + "x" * 300


def choose(page: Page, field: str, *values: str) -> None:
    """Several of a choice."""
    page.locator(f"#pick-{field} summary").click()
    for value in values:
        page.locator(f"#pick-{field}").get_by_label(value, exact=True).check()
    page.keyboard.press("Escape")


def test_it_can_be_read_by_all(site: Site) -> None:
    site.new_job(status=JobStatus.FAILED, error="no answer from host")
    page = site.as_user().page
    page.goto("/jobs")
    assert_accessible_in_every_look(page)


def test_a_job_that_changes_is_drawn_anew_and_what_is_selected_stays(site: Site) -> None:
    job_id = site.new_job()
    page = site.as_user().page
    page.goto("/jobs")
    page.get_by_label("Select brave otter").check()
    page.get_by_label("Search").focus()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    site.change_job(job_id, status=JobStatus.COMPLETED, progress=100)
    expect(page.locator(f"#job-{job_id}")).to_contain_text("Completed")
    expect(page.get_by_label("Select brave otter")).to_be_checked()
    expect(page.get_by_label("Search")).to_be_focused()


def test_filters_stand_in_the_address_and_back_works(site: Site) -> None:
    site.new_job(name="still running")
    site.new_job(name="went wrong", status=JobStatus.FAILED)
    site.new_job(name="given up", status=JobStatus.CANCELLED, type=JobType.SYNC)
    page = site.as_user().page
    page.goto("/jobs")
    choose(page, "status", "Failed", "Cancelled")
    expect(page.get_by_role("link", name="still running")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/jobs\?status=failed&status=cancelled$"))
    page.reload()
    expect(page.get_by_role("link", name="went wrong")).to_be_visible()
    expect(page.locator("#pick-status summary")).to_have_text("Failed, Cancelled")
    choose(page, "type", "Sync")
    expect(page.get_by_role("link", name="went wrong")).to_have_count(0)
    expect(page.get_by_role("link", name="given up")).to_be_visible()
    page.evaluate("history.back()")
    expect(page.get_by_role("link", name="went wrong")).to_be_visible()
    expect(page.locator("#pick-type summary")).to_have_text("Any type")


def test_nothing_matches_is_not_nothing_there(site: Site) -> None:
    page = site.as_user().page
    page.goto("/jobs")
    expect(page.get_by_text("No job has run yet")).to_be_visible()
    page.goto("/jobs?q=nowhere")
    expect(page.get_by_text("No job matches")).to_be_visible()


def test_all_that_match_are_counted_before_they_are_deleted(site: Site) -> None:
    then = utc_now() - timedelta(days=1)
    for number in range(60):
        site.new_job(name=f"old {number}", status=JobStatus.CANCELLED, created_at=then, type=JobType.TRIAL)
    site.new_job(name="at work")
    page = site.as_user(Role.ADMIN).page
    page.goto("/jobs")
    page.get_by_role("button", name="Select all 61").click()
    page.get_by_role("group", name="With the selected jobs").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 60 jobs?")
    dialog.get_by_role("button", name="Keep as it is").click()
    expect(page.get_by_text("61 jobs, page 1 of 2")).to_be_visible()


def test_what_was_not_done_is_listed_with_the_reason(site: Site) -> None:
    ids = [site.new_job(name=name, status=JobStatus.FAILED) for name in ("first one", "second one")]
    page = site.as_user(Role.ADMIN).page
    page.goto("/jobs")

    def answer(route: Route) -> None:
        counted: dict[str, Any] = {"matched": 2, "applicable": 2, "done": 0, "results": []}
        if not json.loads(route.request.post_data or "").get("dry_run"):
            results = [{"job_id": str(ids[0]), "done": True, "detail": "Tried again"}]
            results.append({"job_id": str(ids[1]), "done": False, "detail": "Its batch is paused"})
            counted |= {"done": 1, "results": results}
        route.fulfill(json=counted)

    page.route("**/api/v1/jobs/bulk", answer)
    page.get_by_label("Select this page").check()
    page.get_by_role("button", name="Retry").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 2 jobs").click()
    dialog = page.get_by_role("dialog", name="Retry: asked of 1 job, not of 1")
    expect(dialog).to_contain_text("Its batch is paused (1 job)")
    expect(dialog.get_by_role("link", name="second one")).to_have_attribute("href", f"/jobs/{ids[1]}")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_text("None selected")).to_be_visible()


def test_what_is_selected_stays_selected_on_other_pages_and_after_a_visit_elsewhere(site: Site) -> None:
    then = utc_now()
    for number in range(51):
        site.new_job(name=f"job {number}", created_at=then - timedelta(minutes=number))
    page = site.as_user().page
    answer_logs(page)
    page.goto("/jobs")
    page.get_by_label("Select job 0", exact=True).check()
    page.get_by_role("link", name="Next").click()
    page.get_by_label("Select job 50", exact=True).check()
    expect(page.get_by_text("2 jobs selected, 1 of them not on this page")).to_be_visible()
    page.get_by_role("link", name="job 50", exact=True).click()
    page.go_back()
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_label("Select job 0", exact=True)).to_be_checked()
    page.get_by_role("button", name="Select all 51").click()
    expect(page.get_by_text("All 51 selected")).to_be_visible()
    page.get_by_role("button", name="Select none").click()
    expect(page.get_by_text("None selected")).to_be_visible()


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_days_are_those_of_who_looks(site: Site, zone: str) -> None:
    """10:30 UTC of the 10th is half past two there in the morning, or half past eleven in the evening."""
    site.new_job(name="in between", created_at=datetime(2025, 1, 10, 10, 30, tzinfo=UTC))
    site.new_job(name="a day late", created_at=datetime(2025, 1, 11, 11, 30, tzinfo=UTC))
    site.new_job(
        name="a day early", created_at=datetime(2025, 1, 10, 7, 30, tzinfo=UTC) - timedelta(hours=21)
    )
    page = site.as_user(timezone_id=zone).page
    page.goto("/jobs")
    page.get_by_label("Created from").fill("2025-01-10")
    page.get_by_label("Created until").fill("2025-01-10")
    expect(page.get_by_text("1 jobs")).to_be_visible()
    expect(page.get_by_role("link", name="in between")).to_be_visible()
    assert f"tz={zone.replace('/', '%2F')}" in page.url


def test_heads_of_columns_sort_and_live_changes_keep_the_order(site: Site) -> None:
    site.new_job(name="far", progress=90)
    job_id = site.new_job(name="near", progress=10)
    page = site.as_user().page
    page.goto("/jobs")
    names = page.locator("td.clip > a[id^=name-]")
    page.get_by_role("button", name="Progress").click()
    expect(names).to_have_text(["far", "near"])
    expect(page.get_by_role("columnheader", name="Progress")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Progress").click()
    expect(names).to_have_text(["near", "far"])
    expect(page).to_have_url(re.compile(r"/jobs\?sort=progress$"))
    expect(page.get_by_label("Sort by")).to_have_value("progress")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    site.change_job(job_id, progress=95)
    expect(names).to_have_text(["far", "near"])


def test_what_schedules_planned_is_counted_and_shown_only_if_asked_for(site: Site) -> None:
    planned = {"status": JobStatus.SCHEDULED, "flow_name": "search-sync", "name": "artichoke-vicugna"}
    site.new_job(**planned, scheduled_at=utc_now() + timedelta(hours=1))
    page = site.as_user().page
    site.new_job(name="put off", status=JobStatus.SCHEDULED, user_id=uuid4())
    page.goto("/jobs")
    expect(page.get_by_role("link", name="put off")).to_be_visible()
    expect(page.get_by_role("link", name="Search sync")).to_have_count(0)
    page.get_by_text("1 more is planned by schedules").get_by_role("link", name="Show it too").click()
    expect(page.get_by_role("link", name="Search sync")).to_be_visible()
    expect(page.get_by_text("artichoke")).to_have_count(0)
    expect(page.get_by_label("Planned ones too")).to_be_checked()
    page.get_by_role("link", name="Scheduled").click()
    expect(page.get_by_role("link", name="Search sync")).to_be_visible()


def test_a_batch_is_a_chip_that_can_be_taken_away(site: Site) -> None:
    batch_id = uuid4()
    site.new_job(name="of the batch", batch_id=batch_id)
    site.new_job(name="of none")
    page = site.as_user().page
    page.goto(f"/jobs?batch={batch_id}&sort=created")
    expect(page.get_by_role("link", name="of none")).to_have_count(0)
    page.get_by_role("link", name=f"Only batch {str(batch_id)[:8]}").click()
    expect(page.get_by_role("link", name="of none")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/jobs\?sort=created$"))


def test_whose_jobs_are_chosen_only_by_those_who_see_them(site: Site) -> None:
    own = site.as_user(Role.OPERATOR, Scope.OWN)
    site.new_job(name="mine", user_id=own.user_id)
    site.new_job(name="nobody's")
    own.page.goto("/jobs")
    expect(own.page.get_by_role("link", name="mine")).to_be_visible()
    expect(own.page.get_by_role("link", name="nobody's")).to_have_count(0)
    expect(own.page.get_by_label("User")).to_have_count(0)
    page = site.as_user(Role.ADMIN).page
    page.goto("/jobs")
    name = page.locator("#user option").filter(has_text="operator").text_content()
    page.get_by_label("User").select_option(name)
    expect(page.get_by_role("link", name="nobody's")).to_have_count(0)
    expect(page.get_by_role("link", name="mine")).to_be_visible()


def test_all_that_can_be_done_is_in_the_menu_of_a_row_and_it_stays_open(site: Site) -> None:
    job_id = site.new_job(status=JobStatus.FAILED)
    page = site.as_user(viewport={"width": 390, "height": 800}).page
    page.goto("/jobs")
    expect(page.locator(f"#job-{job_id} .until-md")).to_contain_text("Failed")
    page.get_by_role("button", name="All actions for brave otter").click()
    menu = page.get_by_role("group", name="Actions for brave otter")
    expect(menu.get_by_role("button")).to_have_text(["Retry", "Restart", "Delete", "Pin results"])
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    site.change_job(job_id, error="another reason")
    expect(page.locator(f"#job-{job_id}")).to_contain_text("another reason")
    menu.get_by_role("button", name="Pin results").click()
    expect(page.locator(f"#job-{job_id}")).to_contain_text("results pinned")
    expect(menu).to_be_hidden()


def test_viewers_see_jobs_and_no_action(site: Site) -> None:
    site.new_job()
    page = site.as_user(Role.VIEWER).page
    page.goto("/jobs")
    expect(page.get_by_role("link", name="brave otter")).to_be_visible()
    assert page.locator("#jobs input, #jobs [data-request], #jobs [data-bulk]").count() == 0


def test_what_others_wrote_is_shown_as_text(site: Site) -> None:
    words = {"name": HOSTILE, "error": HOSTILE, "progress_message": HOSTILE, "result": HOSTILE}
    site.new_job(status=JobStatus.FAILED, **words)
    page = site.as_user(viewport={"width": 390, "height": 800}).page
    page.goto(f"/jobs?q={HOSTILE[:20]}")
    expect(page.get_by_role("link", name="<img src=x")).to_be_visible()
    page.get_by_label("Select <img").check()
    assert page.locator("main img").count() == 0
    assert_accessible(page)
