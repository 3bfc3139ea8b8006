"""The API as a process of its own, ending with the one that started it.

python -m casemill.local.api
"""

import logging

import uvicorn

from casemill.local.lifeline import end_with_parent
from casemill.settings import Settings, read_settings
from casemill.web.app import create_app
from casemill.workspace import Workspace

_LAST_ANSWERS_SECONDS = 1  # streams of events end only when they are cut off


def serve(settings: Settings) -> None:
    """Answers on loopback until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with Workspace.open(settings) as workspace:
        uvicorn.run(
            create_app(workspace),
            host="127.0.0.1",
            port=settings.api_port,
            access_log=False,  # addresses hold login links
            server_header=False,
            proxy_headers=False,
            log_config=None,
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )


def main() -> None:
    end_with_parent()
    serve(read_settings())


if __name__ == "__main__":
    main()
