"""The application: endpoints, errors and headers put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.trustedhost import TrustedHostMiddleware

from casemill import web
from casemill.web import api, claims_page
from casemill.web.problems import Problem, answer_with_problems
from casemill.workspace import Workspace


def create_app(workspace: Workspace) -> FastAPI:
    """Serves the workspace, which stays the caller's to close."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield

    app = FastAPI(
        title="Casemill",
        version="1",
        description=web.__doc__ or "",
        lifespan=lifespan,
        openapi_url=None,  # served by us to those who are signed in
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.workspace = workspace
    app.include_router(api.router)
    app.include_router(claims_page.router)
    answer_with_problems(app)
    # Names that point at us from elsewhere (DNS rebinding) are refused.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(workspace.settings.api_hosts))
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the one shape of all errors."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    return document
