"""The pages: each noun a file, drawn from what the API answers, in templates of the same name.

Pages only show. What their buttons do is asked of the API, by static/js/actions.js.
"""

from fastapi import APIRouter

from casemill.web.dashboard import (
    audit,
    documents,
    home,
    job,
    jobs,
    monitoring,
    pipeline,
    queue,
    schedules,
    search,
    settings,
)

router = APIRouter(include_in_schema=False)
for noun in (documents, home, jobs, job, monitoring, pipeline, queue, schedules, search, settings, audit):
    router.include_router(noun.router)
