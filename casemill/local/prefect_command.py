"""Prefect's command, run inside this process: importing Prefect takes seconds, so once is enough."""

import sys

from prefect.cli import app


def run_prefect(*arguments: str) -> None:
    """As `prefect ARGUMENTS`. Raises SystemExit if it fails."""
    sys.argv = ["prefect", *arguments]
    try:
        app()
    except SystemExit as end:
        if end.code:
            raise
