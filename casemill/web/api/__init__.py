"""`/api/v1`: one file a noun."""

from fastapi import APIRouter

from casemill.web.api import claims, search_health, trials
from casemill.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for module in (claims, search_health, trials):
    router.include_router(module.router)
