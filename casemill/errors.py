"""Broken promises. Expected outcomes (an unreadable file, a skipped case) are values, not these."""


class CasemillError(Exception):
    """Base of all errors of ours. Its message says what happened and what to do next."""


class NotFound(CasemillError):
    """Something that was named does not exist, or not for who asks."""


class BadInput(CasemillError):
    """What was given cannot be what was meant."""


class Refused(CasemillError):
    """It makes no sense in the state things are in."""


class Denied(CasemillError):
    """Who asks is known, and may not."""


class NotSignedIn(CasemillError):
    """Nobody knows who asks."""


class TooManyTries(CasemillError):
    """Worth another try after `seconds`."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unavailable(CasemillError):
    """Something we depend on does not answer: worth another try."""


class LostClaim(CasemillError):
    """Another attempt owns the row now, so what this one found out about it is not kept."""
