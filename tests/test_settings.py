"""What can be configured is read once, from variables and the command line."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import URL

from casemill.settings import CHECKOUT, Settings, read_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CASEMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_all_data_lies_in_a_folder_here(tmp_path: Path):
    settings = read_settings()
    assert settings.home == tmp_path / ".casemill"
    assert settings.database == URL.create("sqlite", database=str(tmp_path / ".casemill" / "casemill.db"))
    for path in (settings.documents_folder, settings.search_file, settings.prefect_home):
        assert path.is_relative_to(settings.home)
    assert (settings.jobs_at_once, settings.jobs_per_user) == (10, 3)
    assert settings.project == CHECKOUT
    assert (CHECKOUT / "prefect.yaml").is_file()


def test_reading_settings_makes_nothing(tmp_path: Path):
    read_settings(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_variables_set_what_they_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEMILL_PROCESSES", "7")
    monkeypatch.setenv("CASEMILL_EXTRACTION__SECONDS", "5.5")
    settings = read_settings()
    assert settings.processes == 7
    assert settings.extraction.seconds == 5.5
    assert settings.extraction.pages == 20_000


def test_the_command_line_wins_over_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CASEMILL_HOME", "/elsewhere")
    monkeypatch.setenv("CASEMILL_PREFECT_PORT", "5000")
    settings = read_settings(tmp_path / "here", prefect_port=None)
    assert settings.home == tmp_path / "here"
    assert settings.prefect_port == 5000
    assert read_settings(None, prefect_port=6000).prefect_port == 6000


@pytest.mark.parametrize("home", ["~/mill", "some/where"])
def test_a_home_means_the_same_folder_wherever_a_process_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("CASEMILL_HOME", home)
    expected = tmp_path / ("me/mill" if home == "~/mill" else "some/where")
    assert read_settings().home == expected
    assert read_settings(Path(home)).home == expected


def test_the_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEMILL_DATABASE_URL", "postgresql+psycopg://me:opensesame@host/mill")
    settings = read_settings()
    assert settings.database.password == "opensesame"
    assert "opensesame" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CASEMILL_PROCESSES", "3")
    settings = read_settings(tmp_path / "here", prefect_port=5001)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_settings() == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CASEMILL_PROCESSES", "0"),
        ("CASEMILL_PREFECT_PORT", "70000"),
        ("CASEMILL_LEASE_SECONDS", "-1"),
        ("CASEMILL_EXTRACTION__MEMORY_MB", "1"),
        ("CASEMILL_JOBS_PER_USER", "three"),
    ],
)
def test_a_senseless_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("CASEMILL_").split("__")[-1].lower()):
        read_settings()


def test_settings_are_not_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().processes = 3


def test_the_time_zone_and_the_days_of_reminders_are_set(monkeypatch: pytest.MonkeyPatch):
    assert (read_settings().zone.key, read_settings().reminder_days) == ("UTC", (7, 3, 1))
    monkeypatch.setenv("CASEMILL_TIME_ZONE", "America/New_York")
    monkeypatch.setenv("CASEMILL_REMINDER_DAYS", "[14, 2]")
    settings = read_settings()
    assert (settings.zone.key, settings.reminder_days) == ("America/New_York", (14, 2))
    assert settings.environment()["CASEMILL_TIME_ZONE"] == "America/New_York"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIME_ZONE", "Europe/Atlantis"), ("TIME_ZONE", "../UTC"), ("REMINDER_DAYS", "[-1]")],
)
def test_what_is_no_time_zone_and_no_day_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(f"CASEMILL_{name}", value)
    with pytest.raises(ValidationError):
        read_settings()
