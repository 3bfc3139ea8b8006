"""Broken promises. Expected outcomes (an unreadable file, a skipped case) are values, not these."""


class CasemillError(Exception):
    """Base of all errors of ours. Its message says what happened and what to do next."""


class NotFound(CasemillError):
    """Something that was named does not exist."""


class LostClaim(CasemillError):
    """Another attempt owns the row now, so what this one found out about it is not kept."""
