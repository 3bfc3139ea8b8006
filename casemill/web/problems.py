"""One shape for every error: problem details (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, SQLAlchemyError
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
from casemill.web.entry import SAFE
from casemill.web.headers import secure
from casemill.web.rendering import page

logger = logging.getLogger(__name__)

API = "/api/"
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
) -> Response:
    phrase = HTTPStatus(status).phrase
    if is_page(request):
        return page("problem.html", status, headers, title=phrase, detail=detail)
    body = Problem(
        type=f"urn:casemill:problem:{phrase.lower().replace(' ', '-')}",
        title=phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def is_page(request: Request) -> bool:
    """Whether a person looks at it, who wants a page rather than JSON. Our own scripts say who they are."""
    asks_for_page = "text/html" in request.headers.get("Accept", "") and "HX-Request" not in request.headers
    return request.method in SAFE and asks_for_page and not request.url.path.startswith(API)


def problem_of(request: Request, error: Exception) -> Response:
    """What an expected error is answered with. Raises any other one again."""
    match error:
        case CasemillError():
            return _of_ours(request, error)
        case RequestValidationError():
            errors = [
                {"where": ".".join(map(str, wrong["loc"])), "what": wrong["msg"]} for wrong in error.errors()
            ]
            said = "; ".join(f"{wrong['where']}: {wrong['what']}" for wrong in errors[:3])
            return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, errors)
        case HTTPException():
            return problem(request, error.status_code, str(error.detail), headers=dict(error.headers or {}))
        case DataError():  # such as a character that PostgreSQL does not keep
            logger.warning("The database does not take a value: %s", type(error.orig).__name__)
            said = "A value cannot be stored; look for characters that nobody sees, and for huge numbers"
            return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, said)
        case _ if isinstance(error, TRANSIENT):
            headers = {"Retry-After": str(_AGAIN_SECONDS)}
            said = "The database is busy or restarting; try again in a moment"
            return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, said, headers=headers)
        case _:
            raise error


def _of_ours(request: Request, error: CasemillError) -> Response:
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    headers: dict[str, str] = {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.seconds)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(_AGAIN_SECONDS)
    return problem(request, status, str(error), headers=headers)


def answer_with_problems(app: FastAPI) -> None:
    """Every error of the app is a problem; none shows what is inside."""
    for kind in (CasemillError, RequestValidationError, HTTPException, SQLAlchemyError):
        app.add_exception_handler(kind, problem_of)

    @app.exception_handler(Exception)
    def _(request: Request, _error: Exception) -> Response:  # pyright: ignore[reportUnusedFunction]
        said = "Something broke on our side; the log of the API says what"
        answer = problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, said)
        secure(answer.headers, request.url.path)  # this one is made outside of all middleware
        return answer
