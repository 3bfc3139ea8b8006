"""Settings in a browser."""

import json
import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlmodel import col, select

from casemill.access.passwords import hash_password, verify_password
from casemill.access.tokens import issue_token
from casemill.models import (
    ApiToken,
    CleanupReport,
    JobStatus,
    JobType,
    LimitName,
    Role,
    Scope,
    Trial,
    TrialState,
    User,
)
from casemill.models.columns import utc_now
from casemill.operations.limits import limits_in_force
from tests.browser.conftest import Site, Visitor, assert_accessible_in_every_look

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}\u202ejavascript:" + "x" * 120
PAGE = "/settings"


def named(site: Site, name: str, **given: object) -> UUID:
    with site.desk.database.write() as session:
        session.add(user := User(name=name, **given))
    return user.id


def user_of(site: Site, user_id: UUID) -> User:
    with site.desk.database.read() as session:
        return session.get_one(User, user_id)


def cleaned_up(site: Site, *rows: dict[str, object], dry_run: bool = False) -> UUID:
    """A cleanup that has ended, with its report."""
    job = site.new_job(
        name="cleanup",
        type=JobType.MAINTENANCE,
        flow_name="job-cleanup",
        status=JobStatus.COMPLETED,
        finished_at=utc_now(),
        parameters={"dry_run": dry_run},
        result="4 failed runs removed",
    )
    with site.desk.database.write() as session:
        session.add(CleanupReport(id=job, finished_at=utc_now(), dry_run=dry_run, removed=list(rows)))
    return job


def opened(page: Page, name: str) -> Locator:
    """The drawer of this user."""
    page.get_by_role("link", name=name, exact=True).click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("heading", name=name, exact=True)).to_be_visible()
    return drawer


def confirm(page: Page, button: str) -> None:
    page.locator("#confirm").get_by_role("button", name=button).click()


def signed_in_with_password(site: Site, role: Role, password: str) -> Visitor:
    visitor = site.as_user(role)
    with site.desk.database.write() as session:
        session.get_one(User, visitor.user_id).password_hash = hash_password(password)
    return visitor


def test_it_can_be_read_by_all(site: Site) -> None:
    user = named(site, HOSTILE, email=HOSTILE, role=Role.OPERATOR, scope=Scope.OWN)
    gone = named(site, "Gone", disabled_at=utc_now())
    cleaned_up(site, {"what": "failed runs", "removed": 4, "left": 1, "why": HOSTILE})
    visitor = site.as_user()
    now = utc_now()
    with site.desk.database.write() as session:
        session.add(Trial(user_id=user, plan=HOSTILE, starts_at=now, ends_at=now + timedelta(days=9)))
        token, _ = issue_token(session, visitor.user_id, HOSTILE)
        token.revoked_at = now
        issue_token(session, visitor.user_id, HOSTILE, now + timedelta(days=2))
    page = visitor.page
    page.goto(PAGE)
    page.get_by_text("Add a user").click()
    assert_accessible_in_every_look(page, page.locator(f"#user-{user} .named a"))
    page.locator(f"#open-{user}").click()
    expect(page.locator("#drawer")).to_contain_text("onerror=alert(1)")
    assert_accessible_in_every_look(page)
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("user="))
    page.goto(f"{PAGE}?user={gone}")
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    expect(page.get_by_role("button", name="New login link")).to_have_count(0)


def test_a_token_is_shown_once_works_and_is_revoked(site: Site) -> None:
    page = site.as_user(Role.VIEWER).page
    page.goto(PAGE)
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    page.get_by_label("What it is for").fill("export")
    page.get_by_label("Expires after, in days").fill("7")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#made-token pre")).to_contain_text("cm_")
    secret = page.locator("#made-token pre").inner_text()
    assert secret.startswith("cm_") and secret not in page.url
    expect(page.locator("#tokens")).to_contain_text(re.compile(r"export.*expires in 7 days", re.S))
    page.locator("#made-token").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("log")).to_contain_text("Token copied.")
    asks = {"Authorization": f"Bearer {secret}"}
    stranger = page.context.browser.new_context(base_url=site.url) if page.context.browser else None
    assert stranger and stranger.request.get("/api/v1/session", headers=asks).ok
    page.goto("/search")
    page.go_back()
    expect(page.locator("#tokens")).to_contain_text("export")
    assert secret not in page.content(), "it is gone with the page"
    expect(page.locator("#made-token")).to_be_hidden()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#confirm")).to_contain_text("Revoke the token “export”?")
    confirm(page, "Revoke it")
    expect(page.locator("#tokens")).to_contain_text("Revoked")
    assert stranger.request.get("/api/v1/session", headers=asks).status == 401
    stranger.close()


def test_a_wrong_password_is_said_beside_the_form_and_a_right_one_is_taken(site: Site) -> None:
    visitor = signed_in_with_password(site, Role.OPERATOR, "an old long sentence")
    page = visitor.page
    page.goto(PAGE)
    form = page.locator("#password-form")
    form.get_by_label("Password until now").fill("not the old one")
    form.get_by_label("New password", exact=True).fill("a new long sentence")
    form.get_by_label("New password again").fill("something else")
    form.get_by_role("button").click()
    assert form.locator("#again").evaluate("field => field.validationMessage") == "The two are not the same."
    form.get_by_label("New password again").fill("a new long sentence")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("The old password is wrong; type it again")
    form.get_by_label("Password until now").fill("an old long sentence")
    form.get_by_role("button").click()
    expect(page.get_by_role("log")).to_contain_text("Your password is changed")
    expect(form.get_by_label("New password", exact=True)).to_have_value("")
    assert verify_password(user_of(site, visitor.user_id).password_hash, "a new long sentence")
    page.get_by_label("What it is for").fill("still here")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#tokens")).to_contain_text("still here")
    page.locator("#sign-out").click()
    expect(page).to_have_url(re.compile("/login"))


def test_a_changed_limit_is_in_force_and_what_cannot_be_is_refused(site: Site) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    hours = page.get_by_label("Longest run of a job", exact=True)
    expect(hours).to_have_value("72")
    other = page.get_by_label("Failed runs", exact=True)
    other.fill("9")
    hours.fill("2")
    page.get_by_role("button", name="Save: Longest run of a job").click()
    expect(page.locator("#limit-job_seconds")).to_contain_text("changed")
    shown = {each["name"]: each for each in page.request.get("/api/v1/limits").json()["limits"]}
    assert shown[LimitName.JOB_SECONDS]["value"] == 7200
    with site.desk.database.read() as session:
        assert limits_in_force(session, site.desk.settings).job_seconds == 7200
    expect(hours).to_have_value("2")
    expect(other).to_have_value("9")
    hours.fill("90000")
    page.get_by_role("button", name="Save: Longest run of a job").click()
    expect(page.locator("#limit-job_seconds").get_by_role("alert")).to_contain_text("less than or equal")


def test_retention_out_of_bounds_is_said_beside_it_and_within_is_kept(site: Site) -> None:
    job = cleaned_up(site, {"what": "failed runs", "removed": 4, "left": 0, "why": ""})
    page = site.as_user().page
    page.goto(PAGE)
    expect(page.locator("#last-cleanup")).to_contain_text("4 failed runs removed")
    expect(page.locator("#last-cleanup a")).to_have_attribute("href", f"/jobs/{job}")
    row = page.locator("#retention-failed_run_days")
    expect(row).to_contain_text("The last cleanup removed 4.")
    days = row.get_by_role("spinbutton")
    days.fill("0.5")
    row.get_by_role("button").click()
    expect(row.get_by_role("alert")).to_have_text("failed_run_days is 1 to 3650 days, not 0.5.")
    days.fill("14")
    row.get_by_role("button").click()
    expect(row).to_contain_text("changed")
    expect(row.get_by_role("alert")).to_be_hidden()
    expect(days).to_have_value("14")
    known = page.request.get("/api/v1/retention").json()["retention"]
    assert next(each for each in known if each["name"] == "failed_run_days")["value"] == 14


def test_a_dry_run_says_what_a_cleanup_would_remove(site: Site) -> None:
    """The job is made by Prefect; here the page's request is answered for it."""
    page = site.as_user().page
    job, asked = uuid4(), []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(status=202, content_type="application/json", body=json.dumps({"job_id": str(job)}))

    page.route("**/api/v1/deployments/job-cleanup/runs", answer)
    page.goto(PAGE)
    page.get_by_role("button", name="See what a cleanup would remove").click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("begins as soon as a worker takes it")
    assert asked == [{"parameters": {"dry_run": True}}]
    site.new_job(id=job, name="cleanup · dry run", type=JobType.MAINTENANCE)
    expect(preview).to_contain_text("It counts; this takes a moment.")
    with site.desk.database.write() as session:
        rows = [{"what": "tokens", "removed": 1234, "left": 0, "why": ""}]
        session.add(CleanupReport(id=job, finished_at=utc_now(), dry_run=True, removed=rows))
    expect(preview).to_contain_text(re.compile(r"Tokens\s*1,234\s*none"))
    expect(preview).to_contain_text("Nothing was removed.")
    expect(preview.get_by_role("link")).to_have_attribute("href", f"/jobs/{job}")


def test_a_user_is_added_changed_and_let_in(site: Site) -> None:
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_text("Add a user").click()
    form = page.locator("#user-form")
    form.get_by_label("Name").fill("a/b")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("alert")).to_contain_text("A user's name is made of letters")
    form.get_by_label("Name").fill("Ada")
    form.get_by_role("button", name="Add").click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("heading", name="Ada")).to_be_visible()
    drawer.get_by_role("button", name="New login link").click()
    link = drawer.get_by_role("region", name="Login link").inner_text()
    assert link.startswith(f"{site.url}/login?token=") and link not in page.url
    drawer.get_by_label("E-mail").fill("ada@example.org")
    drawer.get_by_label("Role").select_option("viewer")
    expect(drawer.get_by_label("Sees the jobs of")).to_have_value("all")
    drawer.get_by_role("button", name="Save").click()
    expect(drawer.get_by_role("status")).to_have_text("Changed.")
    expect(drawer.get_by_role("region", name="Login link")).to_be_visible()
    drawer.get_by_role("button", name="Close").click()
    expect(page.locator("#users")).to_contain_text("ada@example.org")
    assert link.rpartition("=")[2] not in page.content()
    drawer = opened(page, "Ada")
    expect(drawer.get_by_role("region", name="Login link")).to_have_count(0)
    drawer.get_by_role("button", name="Disable …").click()
    confirm(page, "Disable Ada")
    expect(drawer.get_by_role("button", name="Enable")).to_be_visible()
    with site.desk.database.read() as session:
        ada = session.exec(select(User).where(col(User.name) == "Ada")).one()
    assert (ada.role, ada.email, ada.disabled_at is None) == (Role.VIEWER, "ada@example.org", False)


def test_the_last_admin_is_not_locked_out(site: Site) -> None:
    visitor = site.as_user()
    page = visitor.page
    page.goto(f"{PAGE}?user={visitor.user_id}")
    drawer = page.locator("#drawer")
    drawer.get_by_label("Role").select_option("viewer")
    drawer.get_by_role("button", name="Save").click()
    expect(drawer.locator("#change-user").get_by_role("alert")).to_contain_text("is the only enabled admin")
    drawer.get_by_role("button", name="Disable …").click()
    page.locator("#confirm-yes").click()
    expect(drawer.locator("> [data-answer]")).to_contain_text("is the only enabled admin")
    me = user_of(site, visitor.user_id)
    assert me.role == Role.ADMIN and me.disabled_at is None


def test_a_trial_is_given_changed_converted_and_removed(site: Site) -> None:
    user = named(site, "Ada")
    page = site.as_user(timezone_id="Asia/Kolkata").page
    page.goto(PAGE)
    drawer = opened(page, "Ada")
    drawer.get_by_label("Plan").fill("Gold")
    drawer.get_by_label("Starts").fill("2030-01-01T05:30")
    drawer.get_by_label("Ends").fill("2029-01-01T05:30")
    drawer.get_by_role("button", name="Give trial").click()
    expect(drawer.get_by_role("alert")).to_contain_text("would end before it starts")
    drawer.get_by_label("Ends").fill("2030-02-01T05:30")
    drawer.get_by_role("button", name="Give trial").click()
    expect(drawer).to_contain_text("Tries Gold, which ends")
    expect(drawer.get_by_label("Ends")).to_have_value("2030-02-01T05:30")
    with site.desk.database.read() as session:
        trial = session.exec(select(Trial).where(Trial.user_id == user)).one()
    assert trial.ends_at.isoformat() == "2030-02-01T00:00:00+00:00"
    drawer.get_by_role("button", name="Convert …").click()
    confirm(page, "Convert the trial")
    expect(drawer).to_contain_text("Took the plan Gold")
    with site.desk.database.read() as session:
        assert session.get_one(Trial, trial.id).state == TrialState.CONVERTED
    drawer.get_by_role("button", name="Remove …").click()
    confirm(page, "Remove the trial")
    expect(drawer).to_contain_text("No trial.")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_than_admins_read_limits_and_retention_and_see_no_users(site: Site, role: Role) -> None:
    secret_name = named(site, "Nobody Else")
    page = site.as_user(role).page
    page.goto(PAGE)
    expect(page.locator("#limit-job_seconds")).to_contain_text("72 hours")
    expect(page.locator("#retention-history_days")).to_contain_text("90 days")
    expect(page.locator("#limits button, #limits input, #retention button, #retention input")).to_have_count(
        0
    )
    expect(page.locator("#users, #drawer, #preview")).to_have_count(0)
    for part in ("section#users", "div#user"):
        answer = page.request.get(f"{PAGE}?user={secret_name}", headers={"HX-Target": part})
        assert answer.status == 403 and "Nobody Else" not in answer.text()
    with site.desk.database.read() as session:
        assert not session.exec(select(ApiToken)).all()
