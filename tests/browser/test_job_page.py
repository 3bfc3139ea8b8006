"""A job's page in a browser."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from casemill.models import (
    AttemptStatus,
    Condition,
    FeedKind,
    JobDependency,
    JobStatus,
    JobSubStatus,
    Role,
    Scope,
    TaskAttempt,
)
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible, assert_accessible_in_every_look
from tests.web.serving import tell

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:alert(1)"


def answer_logs(page: Page, *messages: str, status: int = 200) -> list[str]:
    """The log, as the API would give it by pages of 200; the addresses that were asked are collected."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        found = re.search(r"after=(\d+)", route.request.url)
        after = int(found[1]) if found else 0
        at = utc_now().isoformat()
        lines = [
            {"at": at, "level": "error", "logger": "flow", "message": said, "task_run_id": None}
            for said in messages[after : after + 200]
        ]
        body: dict[str, Any] = {"logs": lines, "next": after + len(lines)}
        if status != 200:
            body = {"detail": "Prefect's server does not answer; try again in a moment"}
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route("**/api/v1/jobs/*/logs*", answer)
    return asked


def failed_job(site: Site, **given: Any) -> UUID:
    values = {"status": JobStatus.FAILED, "error_type": "OSError", "error": "no answer from host"}
    values |= {"traceback": 'Traceback\n  File "a.py"\nOSError: no answer', "error_fingerprint": "f1"}
    return site.new_job(**{**values, "started_at": utc_now(), "finished_at": utc_now(), **given})


def test_it_can_be_read_by_all(site: Site) -> None:
    job_id = failed_job(site, parameters={"batch_id": "x" * 300}, labels={"a.b": "c"}, tags=["type:sync"])
    for percent in (10, 80):
        tell(site.desk.database, job_id, FeedKind.PROGRESS, percent=percent, message="at it")
    with site.desk.database.write() as session:
        session.add(
            TaskAttempt(
                task_run_id=uuid4(),
                attempt=2,
                function="read",
                job_id=job_id,
                status=AttemptStatus.FAILED,
                created_at=utc_now(),
            )
        )
    page = site.as_user().page
    answer_logs(page, "began", "failed")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#log p")).to_have_count(2)
    expect(page.get_by_role("img", name="Progress over time")).to_be_visible()
    expect(page.locator("#attempts")).to_contain_text("attempt 2")
    assert_accessible_in_every_look(page)


def test_it_follows_its_job_and_keeps_what_was_opened(site: Site) -> None:
    job_id = site.new_job(started_at=utc_now())
    tell(site.desk.database, job_id, FeedKind.PROGRESS, percent=5, message="just begun")
    page = site.as_user().page
    answer_logs(page, "a line")
    page.goto(f"/jobs/{job_id}")
    page.get_by_text("How it went").click()
    page.get_by_label("Level").focus()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    site.change_job(job_id, status=JobStatus.COMPLETED, progress=100, result="3 cases", finished_at=utc_now())
    expect(page.locator("#now")).to_contain_text("Completed")
    expect(page.locator("#result")).to_contain_text("3 cases")
    expect(page.get_by_text("just begun")).to_be_visible()
    expect(page.get_by_label("Level")).to_be_focused()
    expect(page.locator("#log p")).to_have_count(1)


def test_what_happens_to_other_jobs_does_not_concern_it(site: Site) -> None:
    job_id, other = site.new_job(), site.new_job(name="calm lynx")
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    drawn: list[str] = []
    page.on(
        "request", lambda request: drawn.append(request.url) if request.url.endswith(str(job_id)) else None
    )
    site.change_job(other, status=JobStatus.COMPLETED)
    site.change_job(job_id, progress_message="half of it", progress=50)
    expect(page.locator("#standing")).to_contain_text("half of it")
    assert len(drawn) == 1


def test_a_waiting_job_says_what_holds_it(site: Site) -> None:
    job_id = site.new_job(status=JobStatus.PENDING, queue=None)
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#waiting")).to_contain_text("It is in no queue that a worker asks")
    expect(page.locator("#standing")).to_contain_text("not known yet")


def test_a_job_asked_to_cancel_says_that_its_process_is_still_there(site: Site) -> None:
    asked = {
        "asked": "cancel",
        "asked_at": utc_now(),
        "asked_why": "wrong cases",
        "process_began_at": utc_now(),
    }
    job_id = site.new_job(sub_status=JobSubStatus.CANCELLING, started_at=utc_now(), **asked)
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#now")).to_contain_text("Cancelling")
    expect(page.locator("#standing")).to_contain_text("wrong cases. Its process")
    expect(page.locator("#actions").get_by_role("button", name="Cancel")).to_have_count(0)


def test_an_error_leads_to_others_like_it_and_can_be_copied(site: Site) -> None:
    job_id = failed_job(site)
    failed_job(site, name="calm lynx")
    page = site.as_user(permissions=["clipboard-read", "clipboard-write"]).page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    page.locator("#copy-traceback").click()
    expect(page.get_by_text("Traceback copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("Traceback\n  File")
    page.get_by_role("link", name="1 other job with the same error").click()
    expect(page.get_by_role("link", name="calm lynx")).to_be_visible()
    expect(page.get_by_text("2 jobs")).to_be_visible()
    page.get_by_role("link", name="Only one error").click()
    expect(page).to_have_url(re.compile(r"/jobs$"))


def test_deleting_asks_and_leads_back_to_the_list(site: Site) -> None:
    job_id = failed_job(site)
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    page.route(f"**/api/v1/jobs/{job_id}", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("for good: brave otter")
    with page.expect_request(lambda request: request.method == "DELETE") as sent:
        page.get_by_role("dialog").get_by_role("button", name="Delete the job").click()
    assert sent.value.url.endswith(f"/api/v1/jobs/{job_id}") and sent.value.headers["x-csrf-token"]
    expect(page).to_have_url(re.compile(r"/jobs$"))


def test_results_are_pinned_and_unpinned(site: Site) -> None:
    job_id = site.new_job(status=JobStatus.COMPLETED, finished_at=utc_now())
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Pin results", exact=True).click()
    expect(page.locator("#now")).to_contain_text("Results pinned")
    page.get_by_role("button", name="Unpin results").click()
    expect(page.locator("#now")).not_to_contain_text("Results pinned")


def test_viewers_see_all_of_it_and_no_action(site: Site) -> None:
    job_id = failed_job(site)
    page = site.as_user(Role.VIEWER).page
    answer_logs(page)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#error")).to_contain_text("no answer from host")
    expect(page.locator("#actions")).to_have_count(0)


def test_a_long_log_is_read_by_pages_and_by_level(site: Site) -> None:
    job_id = failed_job(site)
    page = site.as_user().page
    asked = answer_logs(page, *[f"line {number}" for number in range(450)])
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#log p")).to_have_count(200)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator("#log p")).to_have_count(400)
    page.get_by_role("button", name="Load to the end").click()
    expect(page.locator("#log-note")).to_have_text("450 lines")
    page.get_by_label("Level").select_option("warning")
    expect(page.locator("#log p")).to_have_count(200)
    assert asked[-1].endswith("after=0&level=warning")
    expect(page).to_have_url(re.compile(r"level=warning$"))


def test_a_log_that_cannot_be_read_says_so_and_the_rest_is_there(site: Site) -> None:
    job_id = failed_job(site)
    page = site.as_user().page
    answer_logs(page, status=409)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#log-note")).to_contain_text("Prefect's server does not answer")
    expect(page.locator("#error")).to_be_visible()


def test_what_others_wrote_is_shown_as_text(site: Site) -> None:
    words = {"name": HOSTILE, "error": HOSTILE, "traceback": HOSTILE, "progress_message": HOSTILE}
    words |= {"worker": HOSTILE, "queue": HOSTILE, "result": HOSTILE, "flow_name": HOSTILE}
    job_id = failed_job(
        site, parameters={HOSTILE: HOSTILE}, labels={HOSTILE: HOSTILE}, tags=[HOSTILE], **words
    )
    tell(site.desk.database, job_id, FeedKind.PROGRESS, percent=5, message=HOSTILE)
    tell(site.desk.database, job_id, FeedKind.JOB, status="failed", message=HOSTILE)
    page = site.as_user(viewport={"width": 390, "height": 800}).page
    answer_logs(page, HOSTILE, "x" * 3000)
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#log")).to_contain_text("<img src=x")
    expect(page.locator("h1")).to_contain_text("<img src=x onerror=alert(1)>{{7*7}}")
    page.get_by_role("button", name="Restart").click()
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x")
    assert page.locator("main img").count() == 0
    assert_accessible(page)


@pytest.mark.parametrize("asked", [str(UUID(int=7)), "no-id"])
def test_a_job_that_is_not_there_is_a_page_that_says_so(site: Site, asked: str) -> None:
    page = site.as_user().page
    answered = page.goto(f"/jobs/{asked}")
    assert answered is not None and answered.status == 404
    expect(page.get_by_text("There is no such job here")).to_be_visible()
    page.get_by_role("link", name="Show all jobs").click()
    expect(page.get_by_role("heading", name="Job Dashboard")).to_be_visible()


def test_somebody_elses_job_is_not_there(site: Site) -> None:
    job_id = site.new_job(name="secret work", created_at=utc_now() - timedelta(days=1))
    page = site.as_user(Role.OPERATOR, Scope.OWN).page
    answered = page.goto(f"/jobs/{job_id}")
    assert answered is not None and answered.status == 404
    expect(page.get_by_text("secret work")).to_have_count(0)


def test_what_a_job_waits_for_is_shown_at_both_ends(site: Site) -> None:
    first, second = site.new_job(name="first of two"), site.new_job(name="second of two")
    with site.desk.database.write() as session:
        session.add(JobDependency(job_id=second, on_job_id=first, condition=Condition.SUCCESS))
    page = site.as_user().page
    answer_logs(page)
    page.goto(f"/jobs/{second}")
    waits = page.locator("#waits-for")
    expect(waits).to_contain_text("first of two")
    expect(waits).to_contain_text("to succeed. That has not come yet.")
    waits.get_by_role("link", name="first of two").click()
    expect(page.locator("#waited-for-by")).to_contain_text("second of two")
