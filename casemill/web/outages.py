"""What the parts we depend on raise, as the API says it: without the names of folders and servers."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from casemill.errors import NotFound, Unavailable
from casemill.search.contract import SearchError
from casemill.storage.contract import DocumentMissing, StorageError

logger = logging.getLogger(__name__)


@contextmanager
def outages_told() -> Generator[None]:
    """Raises Unavailable for what storage and search raise, NotFound for a file that is gone."""
    try:
        yield
    except DocumentMissing as error:
        logger.warning("A document's file is not in the store: %s", error)
        raise NotFound("The file of this document is not in the store; upload the document again") from error
    except StorageError as error:
        logger.warning("The store of documents does not work: %s", error)
        raise Unavailable(
            "The store of documents does not answer; try again in a moment. The API's log says why"
        ) from error
    except SearchError as error:
        logger.warning("Search does not work: %s", error)
        raise Unavailable("Search does not answer; try again in a moment. The API's log says why") from error
