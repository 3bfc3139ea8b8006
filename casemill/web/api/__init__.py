"""`/api/v1`: one file a noun."""

from fastapi import APIRouter

from casemill.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for module in ():
    router.include_router(module.router)
