"""Audit in a browser."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import expect

from casemill.models import AuditRecord, AuditResult, Batch, FeedKind, Role, User
from casemill.models.columns import utc_now
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.web.serving import tell

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:" + "x" * 120
PAGE = "/audit"


def written(site: Site, *records: dict[str, object]) -> None:
    """Records as others wrote them."""
    usual = {"via": "session", "address": "192.0.2.1", "action": "job.cancel", "result": AuditResult.DONE}
    with site.desk.database.write() as session:
        for record in records:
            session.add(AuditRecord(**{**usual, "user_name": "Ada", "user_id": uuid4(), **record}))


def test_it_can_be_read_by_all(site: Site) -> None:
    hostile = {"user_name": HOSTILE, "user_id": None, "action": HOSTILE, "target": HOSTILE}
    written(site, *({**hostile, "result": result, "message": HOSTILE} for result in AuditResult))
    written(site, {"detail": {HOSTILE: [HOSTILE, "</pre><script>alert(1)</script>"], "name": HOSTILE}})
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_text("Details").first.click()
    expect(page.locator("#log")).to_contain_text("onerror=alert(1)")
    what, result = (page.locator(f"#log tbody tr {part}").first for part in (".what", ".result"))
    assert_accessible_in_every_look(page, what, result)


def test_it_says_who_what_on_what_from_where_how_and_the_result(site: Site) -> None:
    job, batch = site.new_job(name="brave otter"), Batch(steps=["parse"])
    with site.desk.database.write() as session:
        session.add_all([batch, user := User(name="Bea")])
    written(
        site,
        {"target": f"job:{job}", "result": AuditResult.REFUSED, "message": "The job is over"},
        {"target": f"batch:{batch.id}", "action": "batch.pause", "via": "token"},
        {"target": f"user:{user.id}", "action": "user.change", "detail": {"role": "viewer"}},
        {"target": f"job:{uuid4()}", "action": "job.delete"},
    )
    page = site.as_user().page
    page.goto(PAGE)
    row = page.locator("#log tbody tr").filter(has_text="The job is over")
    expect(row).to_contain_text(re.compile(r"Ada\s*session · 192\.0\.2\.1\s*job\.cancel\s*job brave otter"))
    expect(row.locator(".status")).to_have_text("Refused")
    for name, path in {
        "brave otter": f"/jobs/{job}",
        str(batch.id)[:8]: f"/pipeline/dashboard?batch={batch.id}",
        "Bea": f"/settings?user={user.id}",
    }.items():
        expect(page.locator(".on").get_by_role("link", name=name)).to_have_attribute("href", path)
    gone = page.locator("#log tbody tr").filter(has_text="job.delete")
    expect(gone.locator(".on a")).to_have_count(0)
    changed = page.locator("#log tbody tr").filter(has_text="user.change")
    changed.get_by_text("Details").click()
    expect(changed.locator("pre")).to_contain_text('"role": "viewer"')
    changed.get_by_role("link", name="all that was done to it").click()
    expect(page.locator("#log tbody tr")).to_have_count(1)


def test_filters_stand_in_the_address_and_back_works(site: Site) -> None:
    march = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    written(
        site,
        {"user_name": "Bea", "action": "limit.change", "at": march},
        {"user_name": "Bea", "result": AuditResult.DENIED},
        {"user_name": "Cleo"},
    )
    page = site.as_user(timezone_id="Europe/Berlin").page
    page.goto(PAGE)
    rows = page.locator("#log tbody tr")
    expect(rows).to_have_count(4)  # and that the admin signed in
    page.get_by_label("User", exact=True).fill("Bea")
    page.get_by_label("User", exact=True).press("Enter")
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/audit\?user=Bea$"))
    page.get_by_label("Result").select_option("denied")
    expect(rows).to_have_count(1)
    page.get_by_label("Result").select_option("failed")
    expect(page.get_by_text("Nothing has failed")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(4)
    page.get_by_label("From").fill("2026-03-03")  # in Berlin it was that day already
    page.get_by_label("Until").fill("2026-03-03")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("limit.change")
    page.get_by_label("Action").select_option("job.cancel")
    expect(page.get_by_text("No entry matches")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Action")).to_have_value("job.cancel")


def test_new_entries_come_by_themselves_and_open_details_stay(site: Site) -> None:
    written(site, {"action": "queue.pause", "detail": {"why": "lunch"}, "user_name": "first"})
    page = site.as_user().page
    page.goto(PAGE)
    row = page.locator("#log tbody tr").filter(has_text="first")
    row.get_by_text("Details").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    written(site, {"action": "queue.resume", "user_name": "second"})
    tell(site.desk.database, site.new_job(), FeedKind.JOB, status="running")
    expect(page.locator("#log tbody tr").first).to_contain_text("second")
    expect(row.locator("pre")).to_be_visible()


def test_an_older_page_stays_where_it_is_and_counts_what_is_new(site: Site) -> None:
    then = utc_now() - timedelta(days=1)
    written(
        site, *({"at": then - timedelta(minutes=number), "user_name": f"U{number}"} for number in range(70))
    )
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_role("link", name="Next").click()
    rows = page.locator("#log tbody tr")
    expect(rows).to_have_count(21)
    expect(rows.first).to_contain_text("U49")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    for count, words in ((2, "2 new entries"), (1, "3 new entries")):
        written(site, *({"user_name": "new"} for _ in range(count)))
        tell(site.desk.database, site.new_job(), FeedKind.JOB, status="running")
        expect(page.locator("#news")).to_contain_text(words)
    assert "U49" in rows.first.inner_text()
    page.locator("#news").get_by_role("link").click()
    expect(rows.first).to_contain_text("new")
    expect(page).to_have_url(re.compile("/audit$"))


def test_others_than_admins_are_told_that_they_may_not(site: Site) -> None:
    page = site.as_user(Role.OPERATOR).page
    expect(page.get_by_role("navigation").get_by_role("link", name="Audit")).to_have_count(0)
    page.goto(PAGE)
    expect(page.get_by_text("This needs the role admin")).to_be_visible()
