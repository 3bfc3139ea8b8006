"""Schedules on the real thing: a run beside a running one, one that is killed, and what users schedule."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.e2e.conftest import CHECKOUT, Up, eventually

SLEEPER = """
import time
from prefect import flow

@flow(name="sleeper")
def sleeper() -> None:
    time.sleep(600)
"""
DEPLOY = """
import sys
from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig

sleeper = flow.from_source(source=sys.argv[1], entrypoint="sleeper.py:sleeper")
limit = ConcurrencyLimitConfig(limit=1, collision_strategy="CANCEL_NEW")
sleeper.deploy("default", work_pool_name="casemill", concurrency_limit=limit, print_next_steps=False)
"""


def in_checkout(up: Up, *arguments: str) -> None:
    """Python, as who deploys on this machine runs it."""
    environment = up.environment() | {"CASEMILL_HOME": str(up.home), "CASEMILL_PROJECT": str(CHECKOUT)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def sleeper(up: Up, tmp_path: Path) -> Iterator[str]:
    """The id of a deployment that is there for this test."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    in_checkout(up, "-c", DEPLOY, str(tmp_path))
    deployment = up.prefect("/deployments/name/sleeper/default")["id"]
    yield deployment
    httpx.delete(f"{up.prefect_url}/deployments/{deployment}", trust_env=False).raise_for_status()


def start(up: Up, deployment: str) -> str:
    return up.prefect(f"/deployments/{deployment}/create_flow_run", {})["id"]


def process_of(up: Up, job_id: str) -> int:
    return int(up.prefect(f"/flow_runs/{job_id}")["infrastructure_pid"])


def job(up: Up, job_id: str) -> dict[str, Any]:
    """Nothing while the recorder has not heard of it."""
    if not up.rows("SELECT 1 FROM jobs WHERE id = ?", UUID(job_id).hex):
        return {"status": None, "state_name": None}
    return up.ask("GET", f"/jobs/{job_id}")


def batch_schedules(up: Up) -> list[dict[str, Any]]:
    return up.ask("GET", "/batch-schedules")["schedules"]


def schedule(up: Up, name: str) -> dict[str, Any]:
    return next(one for one in batch_schedules(up) if one["name"] == name)


def test_a_run_beside_a_running_one_is_skipped_until_that_is_killed(up: Up, sleeper: str) -> None:
    first = start(up, sleeper)
    eventually(lambda: job(up, first)["status"] == "running", 120)
    second = start(up, sleeper)
    eventually(lambda: job(up, second)["state_name"] == "Skipped", 120)
    skipped = job(up, second)
    assert (skipped["status"], skipped["error"], skipped["attempts"]) == ("cancelled", None, 0)
    assert skipped["state_message"] == "Not started: the run before it was still at it"

    os.kill(process_of(up, first), signal.SIGKILL)
    eventually(lambda: job(up, first)["status"] == "failed", 180)
    third = start(up, sleeper)
    eventually(lambda: job(up, third)["status"] == "running", 120)
    up.run("job", "cancel", third)


def test_what_users_schedule_outlasts_a_deployment_and_runs_at_its_time(up: Up) -> None:
    up.run("schedule", "create", "nightly", "--cron", "0 22 * * *", "--timezone", "Europe/Berlin", "--all")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    up.run("schedule", "create", "tomorrow", "--at", tomorrow, "--timezone", "UTC", "--all")
    up.run("schedule", "create", "paused", "--cron", "0 22 * * *", "--all")
    up.run("schedule", "pause", "paused")
    before = batch_schedules(up)
    in_checkout(up, "deployments/apply.py")
    eventually(lambda: batch_schedules(up) == before, 120)

    soon = f"{datetime.now(UTC) + timedelta(seconds=20):%Y-%m-%dT%H:%M:%S}"
    up.run("schedule", "create", "soon", "--at", soon, "--timezone", "UTC", "--all")
    eventually(lambda: schedule(up, "soon")["last_words"], 120)
    done = schedule(up, "soon")
    assert (done["status"], done["last_words"]) == ("over", "Nothing was started: there is no such case")
    assert job(up, done["last_job_id"])["status"] == "completed"
    up.run("schedule", "run", "nightly")
    eventually(lambda: schedule(up, "nightly")["last_words"], 120)
    for name in ("nightly", "tomorrow", "paused", "soon"):
        up.run("schedule", "delete", name)
    assert up.json("schedule", "list")["batch_schedules"] == []
