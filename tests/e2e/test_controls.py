"""Controls over a job that really runs: each is over when the process says so, and not before."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from casemill.worker.orders import FLOW_RUN_ID, NO_RUN
from tests.e2e.conftest import (
    CASEMILL,
    Up,
    clean_environment,
    eventually,
    processes_of,
    write_case,
)
from tests.e2e.slow_paper import write_slow_pdf

PAGES = 700  # some seconds to read

pytestmark = pytest.mark.usefixtures("leaves_no_cases")


@dataclass
class Desk:
    """A running `casemill up`, and what it shows of its jobs."""

    up: Up

    def shown(self, job: str) -> tuple[str, str | None]:
        [row] = self.up.rows("SELECT status, sub_status FROM jobs WHERE id = ?", UUID(job).hex)
        return row

    def shown_error(self, job: str) -> tuple[str, str]:
        found = self.up.ask("GET", f"/jobs/{UUID(job)}")
        return found["error"], found["traceback"]

    def ledger(self, job: str) -> list[tuple[str, str, int]]:
        """(step, state, attempts) of all rows of its batch."""
        [(batch,)] = self.up.rows("SELECT batch_id FROM jobs WHERE id = ?", UUID(job).hex)
        return self.up.rows(
            "SELECT step, state, attempts FROM case_steps WHERE batch_id = ? ORDER BY id", batch
        )

    def documents(self, prefix: str) -> list[tuple[str, int]]:
        return self.up.rows(
            "SELECT processing_status, attempts FROM case_documents WHERE name LIKE ?", f"{prefix}%"
        )

    def processes(self, job: str) -> list[psutil.Process]:
        found = []
        for process in processes_of(self.up.home):
            try:
                if process.environ().get("PREFECT__FLOW_RUN_ID") == job:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def running_batch(self, folder: Path, prefix: str) -> str:
        """The job of a batch over this folder, once it reads documents."""
        with subprocess.Popen(
            [CASEMILL, "extract", str(folder), "--home", str(self.up.home), "--steps", "chunk", "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        ) as extracting:
            eventually(lambda: "processing" in dict(self.documents(prefix)), 120)
            extracting.kill()
        [(job,)] = self.up.rows(
            "SELECT id FROM jobs WHERE type = 'extraction' ORDER BY created_at DESC LIMIT 1"
        )
        return str(UUID(job))

    @contextmanager
    def parents_held(self) -> Generator[None]:
        """What workers start or end meanwhile, which must not be long, they start or end afterwards."""
        parents = [
            process
            for process in processes_of(self.up.home)
            if "casemill.worker.fork_parent" in process.cmdline()
            and process.environ().get(FLOW_RUN_ID) == NO_RUN
        ]
        assert parents
        for parent in parents:
            parent.suspend()
        try:
            yield
        finally:
            for parent in parents:
                parent.resume()

    def gone_before_cancelled(self, job: str, seconds: float) -> set[tuple[str, str | None]]:
        """All that was shown until it was cancelled; fails if that was shown while a process was there."""
        seen: set[tuple[str, str | None]] = set()
        deadline = time.monotonic() + seconds
        while (shown := self.shown(job)) != ("cancelled", None):
            assert time.monotonic() < deadline, f"still {shown} after {seconds} s"
            seen.add(shown)
            time.sleep(0.1)
        assert self.processes(job) == []
        return seen


@pytest.fixture
def desk(up: Up) -> Desk:
    return Desk(up)


_BY_HAND = """
import sys
from casemill.local.prefect_command import run_prefect
for each in sys.argv[1:]:
    name, *parameters = each.split(" ")
    run_prefect("deployment", "run", f"{name}/default", "--tag", "by-hand", *parameters)
"""
"""Prefect's own command, for many deployments at the price of one import."""


def run_by_hand(desk: Desk, *deployments: str) -> None:
    """Each as `prefect deployment run NAME/default PARAMETERS`."""
    given = [sys.executable, "-c", _BY_HAND, *deployments]
    subprocess.run(given, check=True, capture_output=True, timeout=240, env=desk.up.environment())


def over(desk: Desk, tag: str, count: int) -> list[tuple[str, str, str]] | None:
    """Flow, status and id of the jobs with this tag, once there are so many and all are over."""
    tagged = f'%"{tag}"%'
    found = desk.up.rows("SELECT flow_name, status, id FROM jobs WHERE tags LIKE ?", tagged)
    done = [job for job in found if job[1] in ("completed", "failed", "cancelled")]
    return done if len(done) == count else None


def letters(desk: Desk) -> list[str]:
    """To whom the mail in the folder goes."""
    found = [path.read_text() for path in (desk.up.home / "mail").glob("*.eml")]
    return sorted(line for text in found for line in text.splitlines() if line.startswith("To: "))


def test_casemills_own_jobs_run_by_prefects_command_and_send_each_message_once(desk: Desk) -> None:
    """Mail cannot be written at first; then all run at once, those that send twice."""
    mail = desk.up.home / "mail"
    mail.write_text("a file where the folder is to be")
    now = datetime.now(UTC)
    expert = desk.up.ask("POST", "/experts", {"name": "Dr. Iris Vogel"}, 201)["id"]
    desk.up.ask("POST", f"/experts/{expert}/claims", {"email": "iris.vogel@example.org"}, 202)
    for name, hours in (("soon", 20), ("over", -1)):
        user = {"name": name, "role": "viewer", "email": f"{name}.trial@example.org"}
        user_id = desk.up.ask("POST", "/users", user, 201)["id"]
        ends_at = (now + timedelta(hours=hours)).isoformat()
        trial = {"plan": "Team", "starts_at": (now - timedelta(days=9)).isoformat(), "ends_at": ends_at}
        desk.up.ask("PUT", f"/users/{user_id}/trial", trial)

    def refused() -> dict[str, Any] | None:
        task = "/tasks?name=send_claim_verification_email&status=failed"
        return next((one for one in desk.up.ask("GET", task)["tasks"] if one["error"]), None)

    attempt = eventually(refused, 120)
    assert attempt["error_type"] == "MailerRefusesUs"

    def broken() -> dict[str, Any] | None:
        job = desk.up.ask("GET", f"/jobs/{attempt['job_id']}")
        return job if job["status"] == "failed" and job["traceback"] else None

    failed = eventually(broken, 180)
    shown = json.dumps([failed, desk.up.ask("GET", f"/tasks/{attempt['id']}")])
    for where in (shown, json.dumps(desk.up.ask("GET", f"/jobs/{failed['id']}/logs"))):
        assert "check that it is a folder" in where
        assert "Traceback (most recent call last)" in where
        assert "iris.vogel" not in where
    assert "email:i***@example.org" in failed["tags"]
    assert failed["error_type"] == "MailerRefusesUs"

    mail.unlink()
    case = desk.up.ask("POST", "/cases", {"name": "Started by hand"}, 201)["id"]
    [(claim,)] = desk.up.rows("SELECT id FROM expert_claims")
    run_by_hand(
        desk,
        *(f"claim-verification -p claim_id={UUID(claim)}",) * 2,
        *("trial-reminders", "trial-expirations") * 2,
        *("mail-delivery", "mail-delivery", "search-sync", "job-cleanup", "document-pipeline"),
        f'extraction-batch -p case_ids=["{case}"] -p steps=["parse"]',
    )
    done = eventually(lambda: over(desk, "by-hand", 12), 240)
    outcomes = Counter((flow, status) for flow, status, _ in done)
    one_at_a_time = ("trial-reminders", "trial-expirations", "mail-delivery", "search-sync", "job-cleanup")
    errors = [desk.shown_error(job) for _, status, job in done if status == "failed"]
    assert not errors, errors
    for flow, status in outcomes:
        assert outcomes[flow, "completed"] or flow == "mail-delivery", outcomes  # one that others began
        assert status == "completed" or (status == "cancelled" and flow in one_at_a_time), outcomes
    to = ["To: iris.vogel@example.org", "To: over.trial@example.org", "To: soon.trial@example.org"]

    def delivered() -> bool:
        """One that is not started beside another leaves what came last to the next."""
        if letters(desk) == to:
            return True
        desk.up.ask("POST", "/deployments/mail-delivery/runs", {}, 202)
        time.sleep(5)
        return False

    eventually(delivered, 120)
    for task in ("check_trial_reminders", "process_trial_expirations", "send_message"):
        eventually(lambda task=task: desk.up.ask("GET", f"/tasks?name={task}&status=success")["tasks"], 120)
    everything = [desk.up.ask("GET", "/jobs?per_page=200"), desk.up.ask("GET", "/tasks")]
    everything += [desk.up.ask("GET", f"/jobs/{UUID(job)}/logs") for _, _, job in done]
    assert not any(name in json.dumps(everything) for name in ("iris.vogel", "soon.trial", "over.trial"))


def test_a_cleanup_by_hand_says_what_it_would_do_and_with_delete_does_it(desk: Desk) -> None:
    """One that finds another at work is cancelled, so it is tried until it is alone."""

    def cleaned(*options: str) -> dict[str, Any] | None:
        command = [CASEMILL, "cleanup", *options, "--json", "--home", str(desk.up.home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=clean_environment())
        found = json.loads(done.stdout)
        assert done.returncode == (0 if found["status"] == "completed" else 1), done.stderr
        return None if found["status"] == "cancelled" else found

    deleted = eventually(lambda: cleaned("--delete"), 240)
    dry = eventually(cleaned, 240)
    assert (deleted["dry_run"], deleted["status"]) == (False, "completed")
    assert (dry["dry_run"], dry["status"]) == (True, "completed")
    assert {one["what"] for one in dry["removed"]} >= {"failed runs", "offline workers", "jobs"}
    last = desk.up.ask("GET", "/queue")["last_cleanup"]
    assert (last["status"], last["job_id"] == dry["job_id"]) == ("completed", False)
    assert last["removed"] and "would" not in last["result"]


def slow_cases(folder: Path, prefix: str, cases: int, documents: int) -> Path:
    for case in range(cases):
        for number in range(documents):
            name = f"{prefix}-{case}-{number}"
            write_slow_pdf(folder / f"{prefix} case {case}" / f"{name}.pdf", PAGES, name)
    return folder


def test_cancelled_means_that_the_process_is_gone_and_retry_does_only_what_is_open(
    desk: Desk, tmp_path: Path
) -> None:
    write_case(tmp_path / "aa quick", "Done before it is cancelled.")
    job = desk.running_batch(slow_cases(tmp_path, "cut", 2, 4), "cut")
    eventually(lambda: ("parse", "completed", 1) in desk.ledger(job), 120)
    eventually(lambda: "processing" in dict(desk.documents("cut")), 60)
    asked = time.monotonic()
    with desk.parents_held():
        answer = desk.up.ask("POST", f"/jobs/{job}/cancellation", {"why": "a wrong folder"}, 202)
        again = desk.up.ask("POST", f"/jobs/{job}/cancellation", status=409)
    assert (answer["status"], answer["sub_status"]) == ("running", "cancelling")
    assert "being cancelled already" in again["detail"]
    eventually(lambda: not desk.processes(job), 40)
    gone = time.monotonic() - asked
    assert desk.gone_before_cancelled(job, 60) <= {("running", "cancelling")}
    print(f"cancel: process gone after {gone:.1f} s, cancelled after {time.monotonic() - asked:.1f} s")
    assert desk.up.prefect(f"/flow_runs/{job}")["state"]["type"] == "CANCELLED"
    assert gone < 25, "it did not wait for the documents at hand, nor to be killed"
    before = desk.ledger(job)
    assert Counter(state for _, state, _ in before).keys() == {"completed", "pending"}
    assert {status for status, _ in desk.documents("cut")} <= {"pending", "ready"}, "none failed"
    assert "cancelled" in {row[0] for row in desk.up.rows("SELECT status FROM task_attempts")}

    assert desk.up.ask("POST", f"/jobs/{job}/retry", status=202)["status"] == "pending"
    eventually(lambda: desk.shown(job)[0] == "completed", 240)
    after = desk.ledger(job)
    assert {state for _, state, _ in after} == {"completed"}
    for (_, state, tried), (_, _, in_all) in zip(before, after, strict=True):
        assert in_all == tried + (state != "completed")


def test_a_paused_job_ends_its_step_and_goes_on_from_there_and_restart_does_all_again(
    desk: Desk, tmp_path: Path
) -> None:
    job = desk.running_batch(slow_cases(tmp_path, "paused", 2, 2), "paused")
    answer = desk.up.ask("POST", f"/jobs/{job}/pause", status=202)
    assert (answer["status"], answer["sub_status"]) == ("paused", "pausing")
    assert desk.processes(job)
    assert "step at hand" in desk.up.ask("POST", f"/jobs/{job}/resumption", status=409)["detail"]
    eventually(lambda: desk.shown(job) == ("paused", None), 120)
    assert desk.processes(job) == []
    left = Counter(desk.ledger(job))
    assert {state for _, state, _ in left} == {"completed", "pending"}, "nothing failed, nothing is held"
    assert desk.up.prefect(f"/flow_runs/{job}")["state"]["name"] == "Suspended"

    desk.up.ask("POST", f"/jobs/{job}/resumption", status=202)
    eventually(lambda: desk.shown(job)[0] == "completed", 240)
    assert {(state, attempts) for _, state, attempts in desk.ledger(job)} == {("completed", 1)}
    assert desk.documents("paused") == [("ready", 1)] * 4, "each was read once"
    tried = "SELECT status, count(*) FROM task_attempts WHERE job_id = ? GROUP BY status"
    assert dict(desk.up.rows(tried, UUID(job).hex)) == {"success": 4}

    eventually(lambda: not desk.processes(job), 30)
    answer = desk.up.ask("POST", f"/jobs/{job}/restart", status=202)
    assert (answer["status"], answer["progress"]) == ("pending", 0)
    eventually(lambda: {state for _, state, _ in desk.ledger(job)} != {"completed"}, 5)
    eventually(lambda: desk.shown(job)[0] == "completed", 240)
    assert {(state, attempts) for _, state, attempts in desk.ledger(job)} == {("completed", 2)}
    assert desk.documents("paused") == [("ready", 2)] * 4
    eventually(lambda: dict(desk.up.rows(tried, UUID(job).hex)) == {"success": 8}, 30)


def test_a_process_that_stands_still_is_cancelling_until_it_is_gone(desk: Desk, tmp_path: Path) -> None:
    job = desk.running_batch(slow_cases(tmp_path, "stopped", 1, 6), "stopped")
    for process in desk.processes(job):
        process.suspend()
    desk.up.ask("POST", f"/jobs/{job}/cancellation", status=202)
    alert = "SELECT message FROM alerts WHERE key = ?"
    said = eventually(lambda: desk.up.rows(alert, f"still-there:{UUID(job)}") or not desk.processes(job), 60)
    assert desk.gone_before_cancelled(job, 60) <= {("running", "cancelling")}
    eventually(lambda: desk.up.rows(alert, f"still-there:{UUID(job)}") == [], 10)
    assert said is True or "on this host is still there" in said[0][0]
    assert {status for status, _ in desk.documents("stopped")} <= {"pending", "ready"}


def test_with_its_worker_killed_a_job_is_cancelled_when_its_process_is_gone(
    desk: Desk, tmp_path: Path
) -> None:
    """Nobody is left who would end it: the worker's successor does not know the process."""
    job = desk.running_batch(slow_cases(tmp_path, "orphan", 2, 6), "orphan")
    worker = next(
        process
        for process in processes_of(desk.up.home)
        if "casemill.local.prefect_worker" in process.cmdline()
    )
    worker.kill()
    desk.up.ask("POST", f"/jobs/{job}/cancellation", status=202)
    # What ends it lets it call that a crash, for the moment until the recorder looks at it.
    assert desk.gone_before_cancelled(job, 120) <= {("running", "cancelling"), ("failed", "crashed")}
    assert desk.up.prefect(f"/flow_runs/{job}")["state"]["type"] == "CANCELLED"
    assert "running" not in {state for _, state, _ in desk.ledger(job)}


def test_a_job_cancelled_while_a_worker_starts_it_never_goes_on(desk: Desk, tmp_path: Path) -> None:
    """Prefect marks such a run cancelled, and the process that is just starting would run it all the same."""
    job = desk.running_batch(slow_cases(tmp_path, "early", 1, 3), "early")
    desk.up.ask("POST", f"/jobs/{job}/cancellation", status=202)
    desk.gone_before_cancelled(job, 60)
    with desk.parents_held():
        desk.up.ask("POST", f"/jobs/{job}/restart", status=202)
        state = f"/flow_runs/{job}"
        eventually(lambda: desk.up.prefect(state)["state"]["type"] == "PENDING", 25)
        desk.up.ask("POST", f"/jobs/{job}/cancellation", status=202)
    desk.gone_before_cancelled(job, 90)
    time.sleep(5)  # a process that were on its way would have come by then
    assert (desk.processes(job), desk.shown(job)) == ([], ("cancelled", None))
