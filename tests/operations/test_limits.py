"""Limits: set by admins, else as the settings say."""

import pytest

from casemill.errors import BadInput
from casemill.models import LimitName
from casemill.operations.limits import limits_in_force, set_limit
from casemill.workspace import Workspace


def test_a_limit_is_what_the_settings_say_until_an_admin_sets_it(workspace: Workspace):
    with workspace.database.write() as session:
        assert limits_in_force(session, workspace.settings).jobs_per_user == 3
        set_limit(session, LimitName.JOBS_PER_USER, 5, None)
    with workspace.database.write() as session:
        set_limit(session, LimitName.JOBS_PER_USER, 6, None)
    with workspace.database.read() as session:
        assert limits_in_force(session, workspace.settings).jobs_per_user == 6
        assert limits_in_force(session, workspace.settings).jobs_at_once == 10


def test_a_limit_nothing_could_run_under_is_refused(desk: Workspace):
    with desk.database.write() as session, pytest.raises(BadInput, match="jobs_at_once is 1 to"):
        set_limit(session, LimitName.JOBS_AT_ONCE, 0, None)
