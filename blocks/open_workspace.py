"""The workspace of a process that runs jobs."""

import atexit
from functools import cache

from casemill.settings import read_settings
from casemill.workspace import Workspace


@cache
def open_workspace() -> Workspace:
    """One workspace a process: tasks share its sandbox and its database connections.

    Settings come from the environment, as they do on every host that runs jobs.
    """
    workspace = Workspace.open(read_settings())
    atexit.register(workspace.close)
    return workspace
