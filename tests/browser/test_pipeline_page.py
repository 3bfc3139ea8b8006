"""Pipeline Dashboard in a browser."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from playwright.sync_api import Locator, Page, Request, Route, expect

from casemill.models import (
    Batch,
    Case,
    CaseDocument,
    CaseStep,
    FeedKind,
    JobStatus,
    JobType,
    ProcessingStatus,
    Role,
    Scope,
    StepState,
    User,
)
from casemill.models.columns import utc_now
from casemill.steps.all import REGISTRY
from tests.browser.conftest import Site, assert_accessible_in_every_look
from tests.web.serving import tell

PAGE = "/pipeline/dashboard"
STEPS = [step.name for step in REGISTRY.plan(REGISTRY)]
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}javascript:alert(1)\u202e" + "x" * 120

NewBatch = Callable[..., UUID]


def new_cases(site: Site, *names: str, ready: int = 1) -> list[UUID]:
    with site.desk.database.write() as session:
        session.add_all(cases := [Case(name=name) for name in names])
        session.flush()
        for case in cases:
            for number in range(ready):
                session.add(
                    CaseDocument(
                        case_id=case.id,
                        name=f"letter {number}.pdf",
                        size=1000,
                        sha256=f"{number:064}",
                        storage_key=str(uuid4()),
                        processing_status=ProcessingStatus.READY,
                        page_count=3,
                        uploaded_at=utc_now() - timedelta(hours=1),
                    )
                )
    return [case.id for case in cases]


def new_batch(
    site: Site, cases: Sequence[UUID], states: Sequence[dict[str, Any]], job: dict[str, Any] | None = None
) -> UUID:
    """With a ledger of the steps in these states, the same for each case; with a job, if one is given."""
    with site.desk.database.write() as session:
        session.add(batch := Batch(steps=STEPS[: len(states)], options={"chunk": {}}))
        session.flush()
        for case in cases:
            for step, state in zip(batch.steps, states, strict=True):
                session.add(CaseStep(batch_id=batch.id, case_id=case, step=step, **state))
    if job is not None:
        site.new_job(type=JobType.EXTRACTION, name="the job", batch_id=batch.id, **job)
    return batch.id


def change_step(site: Site, batch: UUID, step: str, **values: Any) -> None:
    """What a job does, and what the recorder tells of it."""
    with site.desk.database.write() as session:
        for row in session.query(CaseStep).filter_by(batch_id=batch, step=step):
            for name, value in values.items():
                setattr(row, name, value)
    tell(site.desk.database, None, FeedKind.BATCH, batch_id=str(batch), status="running")


DONE = {"state": StepState.COMPLETED, "finished_at": utc_now()}
WAITS = {"state": StepState.PENDING}
FAILED = {
    "state": StepState.FAILED,
    "error_type": "OSError",
    "error": "disk full",
    "traceback": 'File "step.py"\nOSError: disk full',
    "finished_at": utc_now(),
}


def running(done: int = 1, total: int = 4) -> dict[str, Any]:
    now = utc_now()
    return {
        "state": StepState.RUNNING,
        "done": done,
        "total": total,
        "claimed_by": uuid4(),
        "started_at": now - timedelta(seconds=60),
        "lease_until": now + timedelta(hours=1),
    }


def live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def answered(page: Page, path: str, answer: object, status: int = 200) -> list[Request]:
    """The requests that the page sends there; they are answered here, for want of a Prefect server."""
    asked: list[Request] = []

    def answer_it(route: Route) -> None:
        asked.append(route.request)
        route.fulfill(status=status, content_type="application/json", body=json.dumps(answer))

    page.route(re.compile(path), answer_it)
    return asked


def started(*added: UUID, skipped: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    return {
        "batch_id": str(uuid4()),
        "jobs": [],
        "steps": STEPS,
        "priority": 0,
        "added": [str(case) for case in added],
        "skipped": list(skipped),
    }


def start_button(page: Page) -> Locator:
    return page.locator("#start-batch")


def test_it_can_be_read_by_all(site: Site) -> None:
    cases = new_cases(site, "Smith v. Jones", HOSTILE)
    batch = new_batch(site, cases, [DONE, running(), WAITS, FAILED | {"error": HOSTILE}], {})
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_text("Options", exact=True).click()
    page.get_by_text("Stack trace").first.click()
    assert_accessible_in_every_look(page)
    page.goto(f"{PAGE}?batch={batch}")
    assert_accessible_in_every_look(page)


def test_without_cases_it_tells_how_they_come(site: Site) -> None:
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    expect(page.get_by_text("No cases yet")).to_be_visible()
    expect(page.get_by_role("link", name="Upload documents")).to_have_attribute("href", "/documents")
    expect(page.get_by_text("casemill extract FOLDER")).to_be_visible()
    expect(page.locator("#start")).to_be_hidden()
    expect(page.locator("#queue")).to_contain_text("No worker")
    expect(page.locator("#queue")).to_contain_text("casemill up starts one")
    expect(page.locator("#failures")).to_contain_text("No step has failed")
    page.goto(f"{PAGE}?q=nowhere")
    expect(page.get_by_text("No case matches")).to_be_visible()


def test_a_viewer_sees_all_and_can_do_nothing(site: Site) -> None:
    new_batch(site, new_cases(site, "Smith"), [DONE, running(), WAITS, FAILED], {})
    page = site.as_user(Role.VIEWER).page
    page.goto(PAGE)
    expect(page.locator("#cases")).to_contain_text("Smith")
    expect(page.locator("#failures")).to_contain_text("disk full")
    for name in ("Pause", "Cancel", "Retry", "Start batch", re.compile("Select")):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.locator("main input[type=checkbox]")).to_have_count(0)


def test_a_case_says_what_it_has(site: Site) -> None:
    old, fresh = new_cases(site, "old", "fresh")
    [bare] = new_cases(site, "bare", ready=0)
    now = utc_now()
    before = {"state": StepState.COMPLETED, "finished_at": now - timedelta(days=1)}
    new_batch(site, [old], [DONE, before, FAILED, {"state": StepState.BLOCKED}])
    page = site.as_user().page
    page.goto(PAGE)
    row = page.locator(f"#case-{old}")
    expect(row).to_contain_text("1 ready")
    for said in (
        "Parse: done.",
        "Chunk: done, but documents came since",
        "Citations: failed",
        "Index: not run",
    ):
        expect(row).to_contain_text(said)
    expect(page.locator(f"#case-{fresh}")).to_contain_text("Parse: never run")
    expect(page.locator(f"#case-{bare}")).to_contain_text("No documents yet")


def test_all_that_match_are_chosen_and_the_choice_outlives_pages_searches_and_redraws(site: Site) -> None:
    cases = new_cases(site, *(f"Smith {number:02}" for number in range(15)), "Brown")
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    live(page)
    page.get_by_label("Find cases").fill("smith")
    page.get_by_role("button", name="Select all 15 that match").click()
    expect(page.locator("#selected")).to_have_text("15 cases selected, 3 of them not on this page")
    expect(page).to_have_url(re.compile(r"\?q=smith$"))
    page.get_by_label("Select Smith 03").uncheck()
    page.get_by_label("Find cases").fill("brown")
    expect(page.get_by_label("Select Smith 03")).to_have_count(0)
    expect(page.locator("#selected")).to_have_text("14 cases selected, 14 of them not on this page")
    page.get_by_label("Select Brown").check()
    page.get_by_text("Options", exact=True).click()
    # A redraw: the case appears to have failed meanwhile
    new_batch(site, cases[-1:], [FAILED])
    tell(site.desk.database, None, FeedKind.BATCH, status="failed")
    expect(page.locator(f"#case-{cases[-1]}")).to_contain_text("Parse: failed")
    expect(page.get_by_label("Select Brown")).to_be_checked()
    expect(page.get_by_label("Find cases")).to_have_value("brown")
    expect(page.get_by_label("Size")).to_be_visible()
    expect(start_button(page)).to_have_text("Start batch of 15 cases")
    page.goto(PAGE)
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    expect(page.locator("#selected")).to_have_text("15 cases selected, 11 of them not on this page")
    page.go_back()
    expect(page.get_by_label("Select Brown")).to_be_checked()
    expect(page.get_by_label("Select Smith 03")).not_to_be_checked()
    page.get_by_role("button", name="Select none").click()
    expect(start_button(page)).to_be_disabled()


def test_steps_bring_what_they_require_and_say_why(site: Site) -> None:
    new_cases(site, "Smith")
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    steps = page.locator(".steps")
    parse, chunk, citations, index = (
        steps.get_by_label(name, exact=True) for name in ("Parse", "Chunk", "Citations", "Index")
    )
    expect(parse).to_be_disabled()
    expect(steps).to_contain_text("Required by Chunk, Citations, and Index.")
    citations.uncheck()
    index.uncheck()
    expect(chunk).to_be_enabled()
    chunk.uncheck()
    expect(parse).to_be_enabled()
    index.check()
    expect(chunk).to_be_checked()
    expect(chunk).to_be_disabled()
    expect(steps).to_contain_text("Filled in: Index requires it.")
    expect(citations).not_to_be_checked()


def test_whose_a_batch_is_stands_beside_it_for_who_sees_everybodys(site: Site) -> None:
    owner = site.as_user(Role.OPERATOR, Scope.OWN)
    batch = new_batch(site, new_cases(site, "Smith"), [DONE, WAITS])
    with site.desk.database.write() as session:
        session.get_one(Batch, batch).user_id = owner.user_id
        name = session.get_one(User, owner.user_id).name
    page = site.as_user(Role.VIEWER).page
    for address, shown in ((PAGE, f"#batch-{batch}"), (f"{PAGE}?batch={batch}", "#progress")):
        page.goto(address)
        expect(page.locator(shown)).to_contain_text(name)
        owner.page.goto(address)
        expect(owner.page.locator(shown)).to_be_visible()
        expect(owner.page.locator(shown)).not_to_contain_text(name)


def test_a_double_click_sends_one_order_and_the_same_form_keeps_its_key(site: Site) -> None:
    smith, brown = new_cases(site, "Smith", "Brown")
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    asked = answered(page, r"/api/v1/batches$", {"detail": "Prefect does not answer"}, status=409)
    page.get_by_role("button", name="Select all 2").click()
    page.get_by_label("Priority").select_option("7")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Method").select_option("delimiter")
    start_button(page).dblclick()
    expect(page.locator("#started")).to_contain_text("Prefect does not answer.")
    assert len(asked) == 1
    page.unroute(re.compile(r"/api/v1/batches$"))
    skipped = [{"case_id": str(brown), "reason": "It has no documents; upload some first"}]
    again = answered(page, r"/api/v1/batches$", started(smith, skipped=skipped), status=201)
    start_button(page).click()
    expect(page.locator("#started")).to_contain_text("A batch of 1 case has started")
    expect(page.locator("#started")).to_contain_text("Brown: It has no documents; upload some first")
    expect(page.locator("#selected")).to_have_text("None selected")
    first, second = asked[0].post_data_json, again[0].post_data_json
    assert first == second
    assert set(first["case_ids"]) == {str(smith), str(brown)}
    assert (first["steps"], first["priority"]) == (STEPS, 7)
    assert first["options"]["chunk"] == {
        "method": "delimiter", "size": 2000, "overlap": 200, "delimiter": "\n\n", "tokenizer": "cl100k_base",
    }  # fmt: skip
    page.get_by_label("Select Smith").check()
    start_button(page).click()
    expect(page.locator("#selected")).to_have_text("None selected")
    assert again[1].post_data_json["idempotency_key"] != first["idempotency_key"]


def test_who_cannot_take_part_is_named(site: Site) -> None:
    new_cases(site, "Smith", ready=0)
    page = site.as_user(Role.OPERATOR).page
    page.goto(PAGE)
    page.get_by_label("Select Smith").check()
    start_button(page).click()
    expect(page.locator("#started")).to_contain_text("Smith: It has no documents; upload some first")


def test_a_running_batch_is_followed_live_with_what_the_user_opened_left_open(site: Site) -> None:
    cases = new_cases(site, "Smith v. Jones", ready=4)
    batch = new_batch(
        site, cases, [{**DONE, "started_at": utc_now() - timedelta(minutes=2)}, running(1, 4)], {}
    )
    page = site.as_user().page
    page.goto(PAGE)
    live(page)
    shown = page.locator(f"#batch-{batch}")
    expect(shown.get_by_label("At work now")).to_contain_text("Smith v. Jones")
    expect(shown).to_contain_text("1 of 4 documents")
    expect(shown).to_contain_text(re.compile(r"about \d+ (s|min), .+ left"))
    expect(shown.locator(".left [title]")).to_have_attribute("title", re.compile("^From "))
    shown.get_by_text("Steps of each case").click()  # closes what is open
    expect(shown.locator("table")).to_be_hidden()
    change_step(site, batch, "chunk", done=3)
    expect(shown).to_contain_text("3 of 4 documents")
    expect(shown.locator("table")).to_be_hidden()
    change_step(site, batch, "chunk", state=StepState.COMPLETED, finished_at=utc_now())
    expect(shown.locator(".status").first).to_have_text("Completed")


def test_batches_are_steered_and_what_their_jobs_answer_is_said(site: Site) -> None:
    cases = new_cases(site, "Smith", "Brown")
    page = site.as_user(Role.ADMIN).page
    ways = [
        (JobStatus.RUNNING, "Pause", "pause", None),
        (JobStatus.PAUSED, "Resume", "resumption", None),
        (JobStatus.RUNNING, "Cancel", "cancellation", "Cancel the batch of 2 cases?"),
        (JobStatus.CANCELLED, "Restart", "restart", "3 steps of 2 cases, completed ones too"),
    ]
    batches = [new_batch(site, cases, [DONE, WAITS, WAITS], {"status": status}) for status, *_ in ways]
    page.goto(PAGE)
    for batch, (_, button, path, asks) in zip(batches, ways, strict=True):
        results = [{"job_id": str(uuid4()), "done": False, "detail": f"No {path}: it has ended"}]
        asked = answered(page, rf"/batches/{batch}/{path}$", {"batch": {}, "results": results}, status=202)
        page.locator(f"#batch-{batch}").get_by_role("button", name=button).click()
        if asks:
            expect(page.get_by_role("dialog")).to_contain_text(asks)
            assert asked == []
            page.get_by_role("dialog").get_by_role("button").last.click()
        expect(page.locator("#said")).to_contain_text(f"Not done for 1 of 1 job. No {path}: it has ended.")
        assert [request.method for request in asked] == ["POST"]


def test_a_failure_shows_all_that_is_known_and_is_tried_again_for_its_case(site: Site) -> None:
    case, _ = cases = new_cases(site, HOSTILE, "Brown")
    batch = new_batch(
        site,
        cases[:1],
        [DONE, FAILED | {"error": HOSTILE, "traceback": HOSTILE}],
        {"status": JobStatus.FAILED},
    )
    page = site.as_user().page
    page.goto(PAGE)
    live(page)
    failure = page.locator("#failures .failure")
    expect(failure).to_contain_text("<img src=x onerror=alert(1)>{{7*7}}")
    expect(failure).to_contain_text("OSError")
    failure.get_by_text("Stack trace").click()
    trace = failure.get_by_role("region")
    expect(trace).to_be_visible()
    new_batch(site, cases[1:], [FAILED])
    tell(site.desk.database, None, FeedKind.BATCH, status="failed")
    expect(page.locator("#failures .failure")).to_have_count(2)
    expect(trace).to_be_visible()
    asked = answered(page, rf"/batches/{batch}/retry$", {"batch": {}, "results": []}, status=202)
    page.locator(f"#failure-{batch}-{case}-chunk").get_by_role("button", name="Retry").click()
    expect(page.locator("#said")).to_contain_text("is tried again")
    assert asked[0].post_data_json == {"case_ids": [str(case)]}


def test_a_batch_is_opened_with_all_its_cases_by_pages(site: Site) -> None:
    cases = new_cases(site, *(f"case {number:02}" for number in range(51)))
    batch = new_batch(site, cases, [WAITS], {"status": JobStatus.CANCELLED})
    page = site.as_user().page
    page.goto(PAGE)
    page.get_by_role("link", name="51 cases").click()
    expect(page).to_have_url(re.compile(rf"\?batch={batch}$"))
    page.get_by_text("case 49", exact=False).click()
    expect(page.get_by_text("letter 0.pdf").locator("visible=true")).to_have_count(1)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("case 50")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("case 00")).to_be_visible()
    expect(page.get_by_role("link", name="the job", exact=True)).to_be_visible()
    page.get_by_role("link", name="All batches").click()
    expect(page.get_by_role("heading", name="Start a batch")).to_be_visible()


def test_the_newest_extraction_jobs_are_listed(site: Site) -> None:
    site.new_job(name="some mail", type=JobType.NOTIFICATION)
    for number in range(21):
        site.new_job(
            name=f"extraction {number:02}",
            type=JobType.EXTRACTION,
            created_at=utc_now() - timedelta(minutes=30 - number),
            status=JobStatus.COMPLETED,
        )
    page = site.as_user().page
    page.goto(PAGE)
    jobs = page.locator("#jobs tbody tr")
    expect(jobs).to_have_count(20)
    expect(jobs.first).to_contain_text("extraction 20")
    expect(page.locator("#jobs").get_by_role("link", name="All 21")).to_have_attribute(
        "href", "/jobs?type=extraction"
    )
    expect(page.locator("#jobs")).not_to_contain_text("some mail")
