"""`/api/v1`: one file a noun."""

from fastapi import APIRouter

from casemill.web.api import (
    audit,
    batch_schedules,
    batches,
    bulk,
    cases,
    claims,
    documents,
    events,
    experts,
    failures,
    job_controls,
    jobs,
    limits,
    queue,
    queue_controls,
    retention,
    schedules,
    search,
    search_health,
    session,
    steps,
    tasks,
    tokens,
    trials,
    users,
    workers,
)
from casemill.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for module in (
    audit,
    batch_schedules,
    batches,
    bulk,
    cases,
    claims,
    documents,
    events,
    experts,
    failures,
    job_controls,
    jobs,
    limits,
    queue,
    queue_controls,
    retention,
    schedules,
    search,
    search_health,
    session,
    steps,
    tasks,
    tokens,
    trials,
    users,
    workers,
):
    router.include_router(module.router)
