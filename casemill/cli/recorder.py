"""`casemill recorder`"""

from casemill.cli.options import Home, require_prefect, settings_of, stdout
from casemill.db import Database
from casemill.migrations import migrate


def recorder(home: Home = None) -> None:
    """Record what Prefect does in our tables, until Ctrl-C. `casemill up` runs one already."""
    settings = settings_of(home)
    require_prefect(settings)
    from casemill.monitoring.recorder import (
        ended_by_signal,
        run_recorder,
    )  # Prefect, once it knows its server

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database)
    migrate(database)
    database.close()
    stdout.print("Recording; stop with Ctrl-C")
    run_recorder(settings, ended_by_signal())
