"""`casemill schedule`, without a server: what it refuses before it asks one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from casemill.cli import app

AT, CRON = ("--at", "2026-11-23T22:00"), ("--cron", "0 22 * * *")


@pytest.mark.parametrize(
    "options",
    [
        CRON,
        ("--all", "--search", "smith", *CRON),
        ("--all", "--case", "a", *AT),
        ("--all",),
        ("--all", *AT, *CRON),
    ],
    ids=["no cases", "all and some", "all and one", "no time", "two times"],
)
def test_half_a_schedule_is_bad_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["schedule", "create", "nightly", *options, "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "--" in done.output
