"""Who sees schedules, who stops them, and what they are told without Prefect."""

import pytest

from casemill.models import Role
from tests.web.conftest import NewClient
from tests.web.without_prefect import without_prefect  # noqa: F401  a fixture

API = "/api/v1"
PAUSE, RESUME, RUN = (
    f"/schedules/0198c0de-0000-7000-8000-000000000000/{what}" for what in ("pause", "resumption", "runs")
)


@pytest.mark.parametrize("path", [PAUSE, RESUME])
def test_only_admins_stop_and_resume_schedules(api_as: NewClient, path: str) -> None:
    assert api_as(Role.OPERATOR).post(f"{API}{path}").status_code == 403


def test_viewers_start_nothing(api_as: NewClient) -> None:
    answer = api_as(Role.VIEWER).post(f"{API}/deployments/extraction-batch/default/runs", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", [PAUSE, RESUME, RUN, "/deployments/extraction-batch/default/runs", None])
def test_without_prefect_it_is_worth_another_try(
    api_as: NewClient,
    without_prefect: None,  # noqa: F811
    path: str | None,
) -> None:
    admin = api_as(Role.ADMIN)
    answer = admin.post(f"{API}{path}", json={}) if path else admin.get(f"{API}/schedules")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_name_with_control_characters_is_none(api_as: NewClient) -> None:
    answer = api_as(Role.ADMIN).post(f"{API}/deployments/a%00b/runs", json={})
    assert answer.status_code in (404, 422)
