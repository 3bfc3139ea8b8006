"""The session's cookie, given and taken."""

from fastapi import Request, Response

from casemill.access.sessions import LONGEST
from casemill.access.sign_in import Begun
from casemill.access.signing import SigningKey
from casemill.web.entry import COOKIE


def give_cookie(request: Request, response: Response, key: SigningKey, begun: Begun) -> None:
    """No script reads it. It comes along when a link elsewhere leads here (Lax), not with forms elsewhere.

    Strict would show a login form to whoever follows a link in a mail, though they are signed in.
    """
    response.set_cookie(
        COOKIE,
        key.seal(begun.secret),
        max_age=int(LONGEST.total_seconds()),  # ends earlier at our side
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def take_cookie(request: Request, response: Response) -> None:
    secure = request.url.scheme == "https"
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
