"""GET /queue and GET /workers: what everybody may know, and only one's own jobs."""

from datetime import timedelta
from uuid import uuid4

from casemill.models import Alert, Job, JobStatus, RecorderMark, Role, Scope, Severity, Worker, WorkQueue
from casemill.models.columns import utc_now
from casemill.workspace import Workspace
from tests.monitoring.queued import job, running, user_queue
from tests.web.conftest import As, NewClient

QUEUE, WORKERS = "/api/v1/queue", "/api/v1/workers"


def furnish(desk: Workspace, *rows: object) -> None:
    """A pool of two places with one worker, and these rows."""
    with desk.database.write() as session:
        session.add(WorkQueue(name="casemill", is_pool=True, concurrency_limit=2))
        session.add(WorkQueue(name="default"))
        session.add(Worker(name="w", online=True, last_heartbeat_at=utc_now(), cpu_percent=12.5))
        session.merge(RecorderMark(seen_at=utc_now()))
        session.add_all(rows)


def test_an_empty_queue_is_all_there(desk: Workspace, api_as: NewClient) -> None:
    answer = api_as(Role.VIEWER).get(QUEUE)
    assert answer.status_code == 200
    found = answer.json()
    assert len(found["counts"]) == 10
    assert set(found["counts"].values()) == {0}
    assert found["workers"]["colour"] == "red"
    assert found["last_cleanup"] is None
    assert found["jobs"] == found["alerts"] == []
    assert found["host"]["memory_total"] > found["host"]["memory_used"] > 0
    assert found["limits"]["jobs_at_once"] == {"limit": 10, "used": 0}


def test_jobs_come_with_why_they_wait(desk: Workspace, api_as: NewClient) -> None:
    furnish(desk, *(runs := [running(), running()]), waits := job())
    found = api_as(Role.ADMIN).get(QUEUE).json()
    assert [each["job"]["status"] for each in found["jobs"]] == ["running", "running", "pending"]
    waiting = found["jobs"][2]["waiting"]
    assert (waiting["place"], waiting["ahead"]) == (1, 0)
    assert [reason["kind"] for reason in waiting["reasons"]] == ["global_limit"]
    assert set(waiting["reasons"][0]["jobs"]) == {str(run.id) for run in runs}
    assert found["jobs"][2]["job"]["id"] == str(waits.id)
    assert found["jobs_total"] == 3
    assert found["limits"]["jobs_at_once"]["used"] == 2
    assert found["workers"]["colour"] == "yellow", "all places are taken, and the queue grows"
    assert found["worker_list"][0]["cpu_percent"] == 12.5


def test_who_sees_only_their_own_learns_nothing_of_others(desk: Workspace, api_as: NewClient) -> None:
    operator, stranger = api_as(Role.OPERATOR), uuid4()
    mine = operator.user_id
    theirs = [running(f"user-{stranger}", user_id=stranger, name="secret case") for _ in range(2)]
    stuck = Alert(key=f"still-there:{theirs[0].id}", severity=Severity.WARNING, message="secret case")
    common = Alert(key="disk-full", severity=Severity.CRITICAL, message="The disk is full")
    waits = job(f"user-{mine}", user_id=mine)
    furnish(desk, user_queue(mine), user_queue(stranger), *theirs, waits, stuck, common)
    answer = operator.get(QUEUE)
    found = answer.json()
    assert (found["counts"]["total"], found["counts"]["running"], found["jobs_total"]) == (1, 0, 1)
    assert [each["job"]["id"] for each in found["jobs"]] == [str(waits.id)]
    assert found["jobs"][0]["waiting"]["reasons"][0]["kind"] == "global_limit"
    assert found["jobs"][0]["waiting"]["reasons"][0]["jobs"] == []
    assert {queue["name"] for queue in found["queues"]} == {"default", f"user-{mine}"}
    assert [alert["key"] for alert in found["alerts"]] == ["disk-full"]
    assert str(stranger) not in answer.text
    assert "secret case" not in answer.text
    assert found["limits"]["jobs_at_once"]["used"] == 2, "how full it is, everybody may know"
    whole = api_as(Role.OPERATOR, Scope.ALL).get(QUEUE).json()
    assert whole["counts"]["total"] == 3
    assert [alert["key"] for alert in whole["alerts"]] == ["disk-full", stuck.key]


def test_a_long_queue_is_shown_in_part(desk: Workspace, api_as: NewClient) -> None:
    furnish(desk, *[job() for _ in range(120)])
    found = api_as(Role.ADMIN).get(QUEUE).json()
    assert (len(found["jobs"]), found["jobs_total"]) == (100, 120)
    assert [each["waiting"]["place"] for each in found["jobs"]] == list(range(1, 101))


def test_the_last_cleanup_is_shown(desk: Workspace, api_as: NewClient) -> None:
    done = Job(
        id=uuid4(), status=JobStatus.COMPLETED, flow_name="job-cleanup", result="3 jobs removed",
        created_at=utc_now(), finished_at=utc_now(), parameters={"dry_run": False},
    )  # fmt: skip
    furnish(desk, done)
    assert api_as(Role.VIEWER).get(QUEUE).json()["last_cleanup"]["result"] == "3 jobs removed"


def test_workers_are_listed_with_their_light(desk: Workspace, api_as: NewClient) -> None:
    gone = Worker(name="gone", online=False, last_heartbeat_at=utc_now(), memory_bytes=5 << 30)
    furnish(desk, gone)
    found = api_as(Role.VIEWER).get(WORKERS).json()
    assert [(each["name"], each["online"]) for each in found["workers"]] == [("gone", False), ("w", True)]
    assert found["workers"][0]["memory_bytes"] == 5 << 30
    assert (found["total"], found["light"]["online"], found["light"]["colour"]) == (2, 1, "green")


def test_what_a_worker_says_of_itself_is_told_while_it_is_news(desk: Workspace, api_as: NewClient) -> None:
    parents = {"warm": 1, "draining": 0, "running": 1, "replaced": 0, "missing": 0}
    health = {
        "cpu_percent": 40.0, "memory_used": 8 << 30, "memory_total": 8 << 30, "slots_used": 1, "slots": 4,
        "fork_parents": parents,
    }  # fmt: skip
    now, long_ago = utc_now(), utc_now() - timedelta(seconds=95)
    full = Worker(name="full", online=True, last_heartbeat_at=now, health=health, health_at=now)
    furnish(desk, full, Worker(name="still", online=True, health=health, health_at=long_ago))
    viewer = api_as(Role.VIEWER)
    for listed, light in (
        (viewer.get(QUEUE).json()["worker_list"], viewer.get(QUEUE).json()["workers"]),
        ((workers := viewer.get(WORKERS).json())["workers"], workers["light"]),
    ):
        assert {each["name"]: each["health"] for each in listed} == {"full": health, "still": None, "w": None}
        assert light["colour"] == "yellow"
        assert "Worker full is nearly out of memory" in light["reason"]


def test_nobody_sees_the_queue_without_signing_in(api_as: NewClient) -> None:
    client: As = api_as(Role.VIEWER)
    client.headers.pop("Authorization")
    assert [client.get(path).status_code for path in (QUEUE, WORKERS)] == [401, 401]


def test_the_queue_of_one_user_is_shown_alone(desk: Workspace, api_as: NewClient) -> None:
    operator, admin = api_as(Role.OPERATOR, name="Ada"), api_as(Role.ADMIN)
    mine = operator.user_id
    own = f"user-{mine}"
    runs = running(own, user_id=mine, name="holds it")
    waits = job(own, user_id=mine)
    furnish(desk, user_queue(mine, concurrency_limit=1), runs, waits, running(), job(), job())
    whole = admin.get(QUEUE).json()
    assert len(whole["jobs"]) == 5
    [queue] = [each for each in whole["queues"] if each["user_id"]]
    assert (queue["user_name"], queue["running"], queue["waiting"]) == ("Ada", 1, 1)
    found = admin.get(QUEUE, params={"user": str(mine)}).json()
    assert [each["job"]["id"] for each in found["jobs"]] == [str(runs.id), str(waits.id)]
    assert (found["counts"]["running"], found["counts"]["pending"]) == (1, 1)
    assert found["jobs"][1]["waiting"]["place"] == 3, "among everybody's: it has no slot, the others do"
    assert found["names"][str(runs.id)] == "holds it"
    assert operator.get(QUEUE, params={"user": str(mine)}).status_code == 200
    refused = operator.get(QUEUE, params={"user": str(admin.user_id)})
    assert (refused.status_code, "your own are" in refused.json()["detail"]) == (404, True)
