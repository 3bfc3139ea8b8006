"""Jobs that wait for others over HTTP, on a real Prefect server."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlmodel import select

from casemill.models import AuditRecord, Job, JobDependency, JobStatus, Role
from casemill.models.columns import utc_now
from casemill.monitoring.alerts import gather
from casemill.monitoring.record_now import record_now
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.monitoring.queued import ago, job, keep
from tests.pool import in_own_pool, next_jobs
from tests.web.conftest import As, NewClient

API = "/api/v1"
RUNS = f"{API}/deployments/document-pipeline/default/runs"


@pytest.fixture
def desk(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def operator(api_as: NewClient) -> As:
    return api_as(Role.OPERATOR)


def job_of(desk: Workspace, user_id: UUID, status: JobStatus = JobStatus.RUNNING) -> str:
    now = utc_now()
    made = Job(id=uuid4(), name="reads", user_id=user_id, status=status, created_at=now, finished_at=now)
    with desk.database.write() as session:
        session.add(made)
    return str(made.id)


def test_a_job_that_waits_says_for_whom_and_who_waits_for_it(
    desk: Workspace, operator: As, prefect_client: SyncPrefectClient
) -> None:
    first = job_of(desk, operator.user_id)
    answer = operator.post(RUNS, json={"after": [{"job_id": first, "on": "completion"}]})
    assert answer.status_code == 202
    second = answer.json()["job_id"]
    assert UUID(second) not in next_jobs(prefect_client, desk)
    record_now(desk, [UUID(second)])
    shown = operator.get(f"{API}/jobs/{second}").json()
    assert (shown["status"], shown["state_name"]) == ("pending", "Waiting")
    [need] = shown["waits_for"]
    assert (need["job_id"], need["name"], need["on"], need["state"]) == (
        first,
        "reads",
        "completion",
        "waiting",
    )
    [reason] = shown["waiting"]["reasons"]
    assert reason == {
        "kind": "other_jobs",
        "sentence": "Waits for job reads to end; it is running",
        "jobs": [first],
    }
    [dependent] = operator.get(f"{API}/jobs/{first}").json()["waited_on_by"]
    assert (dependent["job_id"], dependent["status"], dependent["state"]) == (second, "pending", "waiting")
    with desk.database.read() as session:
        record = session.exec(select(AuditRecord).where(AuditRecord.action == "deployment.run")).one()
    assert record.detail["after"] == [f"job {first} to end"]


def test_it_is_listed_in_the_queue_among_the_pending_and_holds_no_place(
    desk: Workspace, operator: As
) -> None:
    first = job_of(desk, operator.user_id)
    second = operator.post(RUNS, json={"after": [{"job_id": first}]}).json()["job_id"]
    record_now(desk, [UUID(second)])
    queue = operator.get(f"{API}/queue").json()
    assert (queue["counts"]["pending"], queue["counts"]["paused"]) == (1, 0)
    [listed] = [entry for entry in queue["jobs"] if entry["job"]["id"] == second]
    assert listed["waiting"]["place"] is None
    assert [reason["kind"] for reason in listed["waiting"]["reasons"]] == ["other_jobs"]


def test_a_job_of_others_is_not_named(desk: Workspace, operator: As) -> None:
    others = job_of(desk, uuid4())
    mine = job_of(desk, operator.user_id, JobStatus.PENDING)
    with desk.database.write() as session:
        session.get_one(Job, UUID(mine)).state_name = "Waiting"
        session.add(JobDependency(job_id=UUID(mine), on_job_id=UUID(others), condition="success"))
    shown = operator.get(f"{API}/jobs/{mine}")
    assert shown.json()["waits_for"][0]["job_id"] is None
    assert shown.json()["waiting"]["reasons"][0]["sentence"] == "Waits for a job of others to succeed"
    assert others not in shown.text


@pytest.mark.parametrize("path", [RUNS, f"{API}/batches"], ids=["job", "batch"])
def test_what_cannot_be_waited_for_is_refused(
    desk: Workspace, operator: As, new_case: NewOwner, path: str
) -> None:
    body = {"case_ids": [str(new_case(desk, letter="a letter"))]} if path.endswith("batches") else {}

    def ask(*after: object) -> tuple[int, str]:
        answer = operator.post(path, json={**body, "after": list(after)})
        return answer.status_code, answer.json()["detail"]

    mine = job_of(desk, operator.user_id)
    failed = job_of(desk, operator.user_id, JobStatus.FAILED)
    unknown, others = str(uuid4()), job_of(desk, uuid4())
    for hidden in (unknown, others):
        assert ask({"job_id": hidden}) == (404, f"No job {hidden} to wait for among those you can see")
    status, said = ask({"job_id": failed, "on": "success"})
    assert (status, "to succeed, and that is failed already" in said) == (409, True)
    status, said = ask({"job_id": mine, "on": "success"}, {"job_id": mine, "on": "failure"})
    assert (status, "in two ways" in said) == (422, True)
    assert ask({"job_id": mine, "on": "luck"})[0] == 422
    assert ask(*({"job_id": str(uuid4())} for _ in range(21)))[0] == 422
    assert operator.get(f"{API}/batches").json()["total"] == 0


def test_the_jobs_of_a_batch_wait_and_the_same_order_is_the_same_batch(
    desk: Workspace, operator: As, new_case: NewOwner, prefect_client: SyncPrefectClient
) -> None:
    first = job_of(desk, operator.user_id)
    cases = [str(new_case(desk, f"case {number}", letter=f"letter {number}")) for number in range(3)]
    order = {"case_ids": cases, "after": [{"job_id": first}], "priority": 2, "idempotency_key": "tonight"}
    started = operator.post(f"{API}/batches", json=order)
    assert (started.status_code, len(started.json()["jobs"])) == (201, 2)
    for waiting in started.json()["jobs"]:
        shown = operator.get(f"{API}/jobs/{waiting}").json()
        assert (shown["state_name"], [need["job_id"] for need in shown["waits_for"]]) == ("Waiting", [first])
        assert shown["eta"] is None or "waits for other jobs" in shown["eta"]["basis"]
    assert not {UUID(waiting) for waiting in started.json()["jobs"]} & set(next_jobs(prefect_client, desk))
    batch = operator.get(f"{API}/batches/{started.json()['batch_id']}").json()
    assert batch["status"] == "pending"
    assert operator.post(f"{API}/batches", json=order).json() == started.json()
    other = operator.post(f"{API}/batches", json={**order, "after": []})
    assert (other.status_code, "jobs to come after" in other.json()["detail"]) == (409, True)


def test_waiting_jobs_are_cancelled_in_bulk_and_with_the_queue(
    desk: Workspace, operator: As, api_as: NewClient
) -> None:
    first = job_of(desk, operator.user_id)
    jobs = [operator.post(RUNS, json={"after": [{"job_id": first}]}).json()["job_id"] for _ in range(2)]
    record_now(desk, [UUID(waiting) for waiting in jobs])
    done = operator.post(f"{API}/jobs/bulk", json={"action": "cancel", "ids": jobs[:1]})
    assert done.is_success, done.text
    cleared = api_as(Role.ADMIN).post(f"{API}/queue/cancellation")
    assert cleared.is_success, cleared.text
    for waiting in jobs:
        assert operator.get(f"{API}/jobs/{waiting}").json()["status"] == "cancelled"


def test_metrics_and_alerts_count_no_waiting_job_as_one_that_no_worker_takes(
    desk: Workspace, api_as: NewClient
) -> None:
    keep(desk.database, job(state_name="Waiting", scheduled_at=ago(20_000)))
    with desk.database.read() as session:
        facts = gather(session, desk.settings, None, utc_now())
    assert (facts.waiting_in, facts.long_waiting) == ({}, 0)
    assert "casemill_waiting_oldest_seconds 0.0" in api_as(Role.ADMIN).get("/metrics").text
