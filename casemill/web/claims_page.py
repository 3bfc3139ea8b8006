"""The page that the link of a claim leads to. It needs no sign-in: who has the link has the mailbox.

Opening it changes nothing, because programs that scan mail open every link; its button does. No script,
nothing from elsewhere, and the address of the page, which holds the link, is passed on to nobody.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from casemill.models.columns import utc_now
from casemill.operations.claim_link import PATH, claim_of_token
from casemill.operations.claim_verification import Link, LinkState, look_at_link, use_link
from casemill.web.deps import GivenWorkspace
from casemill.web.rendering import page

router = APIRouter(include_in_schema=False)

_LARGEST_FORM = 4096
_STATUS = {
    LinkState.OPEN: HTTPStatus.OK,
    LinkState.VERIFIED: HTTPStatus.OK,
    LinkState.USED: HTTPStatus.GONE,
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.TAKEN: HTTPStatus.CONFLICT,
    LinkState.UNKNOWN: HTTPStatus.NOT_FOUND,
}


async def _form_token(request: Request) -> str:
    """Of a small form; anybody can send here, so no more than that is read. Empty for anything else."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("token", [""])[0]


@router.get(PATH)
def show_claim_link(workspace: GivenWorkspace, token: str = "") -> HTMLResponse:
    claim_id = claim_of_token(workspace.settings, token)
    if claim_id is None:
        return _page(Link(LinkState.UNKNOWN))
    with workspace.database.read() as session:
        return _page(look_at_link(session, claim_id, utc_now()), token)


@router.post(PATH)
def use_claim_link(
    request: Request, workspace: GivenWorkspace, token: Annotated[str, Depends(_form_token)]
) -> HTMLResponse:
    claim_id = claim_of_token(workspace.settings, token)
    if claim_id is None:
        return _page(Link(LinkState.UNKNOWN))
    address = request.client.host if request.client else None
    used = workspace.database.persist(lambda session: use_link(session, claim_id, utc_now(), address))
    return _page(used)


def _page(link: Link, token: str = "") -> HTMLResponse:
    headers = {"X-Robots-Tag": "noindex, nofollow"}
    given = {"state": link.state, "expert": link.expert, "token": token}
    return page("claim_link.html", _STATUS[link.state], headers, **given)
