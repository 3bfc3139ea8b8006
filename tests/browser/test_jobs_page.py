"""Job Dashboard in a browser."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from casemill.models import JobStatus, JobType, Role
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_by_all(site: Site, scheme: str, width: int) -> None:
    site.new_job(status=JobStatus.FAILED, error="no answer from host")
    page = site.as_user(color_scheme=scheme, viewport={"width": width, "height": 800}).page
    page.goto("/jobs")
    assert_accessible(page)


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
    page = site.as_user().page
    page.goto("/jobs")
    page.get_by_label("Status").select_option("failed")
    expect(page.get_by_role("link", name="still running")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/jobs\?status=failed$"))
    page.reload()
    expect(page.get_by_role("link", name="went wrong")).to_be_visible()
    expect(page.get_by_role("link", name="still running")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("link", name="still running")).to_be_visible()


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
