"""The application: endpoints, errors and headers put together."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from casemill import web
from casemill.access.secret_key import secret_key
from casemill.access.signing import SigningKey
from casemill.web import api, claims_page, dashboard, health, login
from casemill.web.body_limit import BodyLimit
from casemill.web.deps import Viewer
from casemill.web.gate import Gate
from casemill.web.headers import STATIC, SecurityHeaders
from casemill.web.known_host import KnownHost
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
        generate_unique_id_function=_named_after_its_function,
    )
    app.state.workspace = workspace
    app.state.signing_key = SigningKey(secret_key(workspace.settings))
    app.include_router(api.router)
    app.include_router(health.router)
    app.include_router(login.router)
    app.include_router(dashboard.router)
    app.mount(STATIC, StaticFiles(packages=[("casemill.web", "static")]))
    app.add_api_route(f"{api.router.prefix}/openapi.json", _described(app), include_in_schema=False)
    app.include_router(claims_page.router)
    answer_with_problems(app)
    # Each one added is around those before it.
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, workspace.database, app.state.signing_key)
    app.add_middleware(KnownHost, workspace.settings.api_hosts)
    app.add_middleware(SecurityHeaders)
    return app


def _named_after_its_function(route: APIRoute) -> str:
    return route.name


def _described(app: FastAPI) -> Callable[[Viewer], JSONResponse]:
    def read_openapi(actor: Viewer) -> JSONResponse:  # noqa: ARG001  who asks matters
        """The description of the API, for those who are signed in."""
        app.openapi_schema = app.openapi_schema or openapi(app)  # takes a while, and stays the same
        return JSONResponse(app.openapi_schema)

    return read_openapi


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the one shape of all errors."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    return document
