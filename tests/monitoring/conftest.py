"""What the tests of monitoring share: a client, and jobs of every kind with the events they really cause."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event
from prefect.states import Cancelled

from casemill.monitoring.event_stream import EventStream
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.workspace import Workspace
from tests.monitoring.steering import Steered

_tries: dict[str, int] = {}


@pytest.fixture
def steered(desk: Workspace, prefect_client: SyncPrefectClient) -> Steered:
    return Steered(desk, prefect_client)


def worth_it(_task: object, _run: object, _state: object) -> bool:
    return True


@task(
    cache_policy=NO_CACHE,
    on_completion=[tell_result],
    task_run_name="case · flaky",
    tags=["step:flaky"],
    **telling_failures({"retries": 2, "retry_delay_seconds": 0.1, "retry_condition_fn": worth_it}),
)
def flaky(key: str) -> dict[str, str]:
    _tries[key] = _tries.get(key, 0) + 1
    if _tries[key] < 3:
        raise ConnectionError(f"no answer, try {_tries[key]}")
    return {"found": "it", "api_key": "hidden please"}


@task(cache_policy=NO_CACHE)
def broken() -> None:
    raise KeyError("never there")


@flow(name="extraction-batch")
def good_job(key: str, password: str = "") -> str:
    from prefect import runtime

    teller = ProgressTeller(UUID(str(runtime.flow_run.id)))
    teller.tell(50, "half", 1)
    flaky.submit(key).wait()
    teller.tell(90, "nearly", 2, last=True)
    return "done"


@flow(name="document-pipeline")
def bad_job(key: str) -> None:
    broken.submit().wait()
    raise RuntimeError("the whole job is broken")


@dataclass
class Recording:
    """Jobs that ran, and all that was heard of them, in the order in which it was heard."""

    good: UUID
    bad: UUID
    cancelled: UUID
    batch: UUID
    user: UUID
    events: list[Event]


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"still not after {seconds} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def recording(prefect_client: SyncPrefectClient) -> Recording:
    """Real events: a job whose task succeeds at its third try, one that fails, one that is cancelled."""
    stream = EventStream()
    stream.start()
    wait_for(lambda: stream.listening_since)
    batch, user, key = uuid4(), uuid4(), str(uuid4())
    tags = [f"batch:{batch}", f"user:{user}", f"recording:{key}"]
    threading.Thread(target=lambda: good_with(tags, key)).run()
    threading.Thread(target=lambda: bad_with(tags, key)).run()
    cancelled = prefect_client.create_flow_run(good_job, parameters={"key": key}, tags=tags)
    prefect_client.set_flow_run_state(cancelled.id, Cancelled(), force=True)
    heard: list[Event] = []

    def all_is_heard() -> bool:
        """Jobs of other tests are heard too: only ours count."""
        heard.extend(stream.take(500, 0.1))
        last = {(event.resource.id, event.resource.get("prefect.state-name")) for event in heard}
        good = {event.resource.id for event in heard if event.resource.name == f"good {key}"}
        results = [
            event
            for event in heard
            if event.event == "casemill.result"
            and good & {resource.id for resource in event.involved_resources}
        ]
        return (f"prefect.flow-run.{cancelled.id}", "Cancelled") in last and bool(results)

    wait_for(all_is_heard, 90)
    ids = {event.resource.name: event.resource.id for event in heard}
    found = {
        name: UUID(ids[name].removeprefix("prefect.flow-run.")) for name in (f"good {key}", f"bad {key}")
    }
    mine = {*found.values(), cancelled.id}
    return Recording(
        good=found[f"good {key}"],
        bad=found[f"bad {key}"],
        cancelled=cancelled.id,
        batch=batch,
        user=user,
        events=[event for event in heard if _jobs_of(event) & mine],
    )


def good_with(tags: list[str], key: str) -> None:
    from prefect import tags as tagged

    with tagged(*tags):
        good_job.with_options(flow_run_name=f"good {key}")(key, "hidden please")


def bad_with(tags: list[str], key: str) -> None:
    from prefect import tags as tagged

    with tagged(*tags):
        bad_job.with_options(flow_run_name=f"bad {key}")(key, return_state=True)


def _jobs_of(event: Event) -> set[UUID]:
    ids = [resource.id for resource in event.involved_resources]
    return {
        UUID(found.removeprefix("prefect.flow-run."))
        for found in ids
        if found.startswith("prefect.flow-run.")
    }
