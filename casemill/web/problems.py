"""One shape for every error: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from casemill.db import TRANSIENT
from casemill.errors import (
    BadInput,
    CasemillError,
    Denied,
    NotFound,
    NotSignedIn,
    Refused,
    TooManyTries,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
_STATUS: dict[type[CasemillError], HTTPStatus] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    Denied: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Refused: HTTPStatus.CONFLICT,
    TooManyTries: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    CasemillError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_AGAIN_SECONDS = 5


class Problem(BaseModel):
    """type names the kind of problem, title says it in words, detail what happened and what to do next."""

    type: str = Field(examples=["urn:casemill:problem:conflict"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["The job is completed; there is nothing to cancel"])
    instance: str = Field(examples=["/api/v1/jobs/0198c0de-0000-7000-8000-000000000000/cancellation"])
    errors: list[dict[str, Any]] = Field(default=[], description="Which parts of the input are wrong.")


RESPONSES: dict[int | str, dict[str, Any]] = {
    status.value: {
        "description": status.phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}


def problem(
    request: Request,
    status: int,
    detail: str,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    phrase = HTTPStatus(status).phrase
    body = Problem(
        type=f"urn:casemill:problem:{phrase.lower().replace(' ', '-')}",
        title=phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Every error of the app is a problem; none shows what is inside."""

    @app.exception_handler(CasemillError)
    def _(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
        headers: dict[str, str] = {}
        if isinstance(error, NotSignedIn):
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, TooManyTries):
            headers["Retry-After"] = str(error.seconds)
        if isinstance(error, Unavailable):
            headers["Retry-After"] = str(_AGAIN_SECONDS)
        return problem(request, status, str(error), headers=headers)

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        found = cast(RequestValidationError, error).errors()
        errors = [
            {"where": ".".join(str(part) for part in wrong["loc"]), "what": wrong["msg"]} for wrong in found
        ]
        said = "; ".join(f"{wrong['where']}: {wrong['what']}" for wrong in errors[:3])
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, errors)

    @app.exception_handler(HTTPException)
    def _(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        wrong = cast(HTTPException, error)
        return problem(request, wrong.status_code, str(wrong.detail), headers=dict(wrong.headers or {}))

    @app.exception_handler(SQLAlchemyError)
    def _(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        if not isinstance(error, TRANSIENT):
            raise error
        headers = {"Retry-After": str(_AGAIN_SECONDS)}
        said = "The database is busy or restarting; try again in a moment"
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, said, headers=headers)

    @app.exception_handler(Exception)
    def _(request: Request, _error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        said = "Something broke on our side; the log of the API says what"
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, said)
