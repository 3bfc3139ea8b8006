"""How long each class is kept can be changed, but never so that what is needed goes."""

from datetime import timedelta
from uuid import uuid4

import pytest

from casemill.errors import BadInput
from casemill.models import RetentionName
from casemill.operations.keep_for import keep_for, retention_in_force
from casemill.operations.retention import NAME_OF, Kind, Retention, bounds_of, unit_of
from casemill.settings import Settings
from casemill.workspace import Workspace


def set_(workspace: Workspace, name: RetentionName, value: float) -> None:
    with workspace.database.write() as session:
        keep_for(session, workspace.settings, name, value, uuid4())


def in_force(workspace: Workspace, settings: Settings | None = None) -> Retention:
    with workspace.database.read() as session:
        return retention_in_force(session, settings or workspace.settings)


def test_each_class_is_a_setting_with_a_unit_and_covers_something():
    assert [name.value for name in RetentionName] == list(Retention.model_fields)
    assert set(NAME_OF) == set(Kind)
    assert set(NAME_OF.values()) == set(RetentionName)
    assert {unit_of(name) for name in RetentionName} == {"minutes", "hours", "days"}


def test_what_is_set_holds_from_then_on_and_the_rest_is_as_in_the_settings(workspace: Workspace):
    assert in_force(workspace) == workspace.settings.retention
    set_(workspace, RetentionName.FAILED_RUN_DAYS, 20)
    set_(workspace, RetentionName.FAILED_RUN_DAYS, 21.5)
    assert in_force(workspace) == Retention(failed_run_days=21.5)
    assert in_force(workspace).kept(Kind.FAILED_RUNS) == timedelta(days=21.5)


@pytest.mark.parametrize("name", list(RetentionName), ids=str)
def test_bounds_can_be_set_and_nothing_beyond_them(workspace: Workspace, name: RetentionName):
    least, most = bounds_of(name)
    set_(workspace, RetentionName.HISTORY_DAYS, bounds_of(RetentionName.HISTORY_DAYS)[1])
    for value in (most, least):
        set_(workspace, name, value)
        assert getattr(in_force(workspace), name) == value
    for value in (most * 1.01, least - 0.01):
        with pytest.raises(BadInput, match=unit_of(name)):
            set_(workspace, name, value)
    assert getattr(in_force(workspace), name) == least


@pytest.mark.parametrize(
    ("name", "value"), [(RetentionName.FAILED_RUN_DAYS, 91), (RetentionName.FINISHED_RUN_HOURS, 91 * 24)]
)
def test_no_run_outlives_the_history_of_its_job(workspace: Workspace, name: RetentionName, value: float):
    with pytest.raises(BadInput, match="history_days"):
        set_(workspace, name, value)
    set_(workspace, RetentionName.HISTORY_DAYS, 100)
    set_(workspace, name, value)
    with pytest.raises(BadInput, match="at least as long"):
        set_(workspace, RetentionName.HISTORY_DAYS, 90)


def test_settings_that_no_longer_fit_what_was_set_lose_no_history(workspace: Workspace):
    """An admin keeps failed runs for 80 days; then somebody restarts with a history of 40."""
    set_(workspace, RetentionName.FAILED_RUN_DAYS, 80)
    settings = workspace.settings.model_copy(update={"retention": Retention(history_days=40)})
    found = in_force(workspace, settings)
    assert found.failed_run_days == 80
    assert found.kept(Kind.JOBS) >= timedelta(days=80)
