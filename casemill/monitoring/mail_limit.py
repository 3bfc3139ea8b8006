"""How fast mail is sent, over all jobs together: a global limit of Prefect's whose slots come back."""

from prefect.client.orchestration import SyncPrefectClient
from prefect.concurrency.sync import rate_limit

MAIL_LIMIT = "mail"


def apply_mail_limit(client: SyncPrefectClient, per_minute: int) -> None:
    """A minute's messages may go at once; after that one goes whenever a slot has come back."""
    client.upsert_global_concurrency_limit_by_name(MAIL_LIMIT, per_minute, per_minute / 60)


def wait_for_turn() -> None:
    """Returns when one more message may be sent. Where the limit was deleted, mail is not limited."""
    rate_limit(MAIL_LIMIT)
