"""Trials: what admins give to users, change and take away."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from casemill.access.audit import audited
from casemill.models import Trial, TrialState
from casemill.models.columns import utc_now
from casemill.operations import trials
from casemill.web.deps import Admin, GivenWorkspace

router = APIRouter(tags=["trials"])

UserId = Annotated[UUID, Path(alias="id")]


class GivenTrial(BaseModel):
    """A plan that a user may try until a moment."""

    plan: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        description="Name of the plan, as the user reads it in messages.",
    )
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class ShownTrial(BaseModel):
    """A user's trial."""

    id: UUID
    user_id: UUID
    user: str = Field(description="The user's name.")
    plan: str
    starts_at: datetime
    ends_at: datetime
    state: TrialState
    state_at: datetime = Field(description="Since when it has been in this state.")

    @classmethod
    def of(cls, trial: Trial, user: str) -> Self:
        return cls(**trial.model_dump(exclude={"created_at"}), user=user)


class ShownTrials(BaseModel):
    """One page of trials; what ends first comes first."""

    trials: list[ShownTrial]
    total: int
    page: int
    pages: int


@router.get("/trials")
def list_trials(
    actor: Admin,  # noqa: ARG001  an admin may see all
    workspace: GivenWorkspace,
    state: Annotated[TrialState | None, Query(description="Only those in this state.")] = None,
    user: Annotated[
        list[UUID] | None, Query(max_length=200, description="Only those of these users.")
    ] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ShownTrials:
    """Trials of all users."""
    with workspace.database.read() as session:
        total, rows = trials.list_trials(session, state, page, per_page, user)
    shown = [ShownTrial.of(trial, name) for trial, name in rows]
    return ShownTrials(trials=shown, total=total, page=page, pages=-(-total // per_page))


@router.put("/users/{id}/trial")
def give_trial(user_id: UserId, given: GivenTrial, actor: Admin, workspace: GivenWorkspace) -> ShownTrial:
    """Gives the user this trial, in place of one they may have.

    The user is reminded of its end on the configured days before it, and told when it has ended.
    """
    with audited(workspace.database, actor, "trial.give", f"user:{user_id}") as detail:
        detail |= given.model_dump(mode="json")
        with workspace.database.write() as session:
            trial = trials.give_trial(
                session, user_id, given.plan.strip(), given.starts_at, given.ends_at, utc_now()
            )
            return ShownTrial.of(trial, trials.user_name(session, user_id))


@router.post("/users/{id}/trial/conversion")
def convert_trial(user_id: UserId, actor: Admin, workspace: GivenWorkspace) -> ShownTrial:
    """The user has taken the plan: no more reminders, and no end."""
    with (
        audited(workspace.database, actor, "trial.convert", f"user:{user_id}"),
        workspace.database.write() as session,
    ):
        trial = trials.convert_trial(session, user_id, utc_now())
        return ShownTrial.of(trial, trials.user_name(session, user_id))


@router.delete("/users/{id}/trial", status_code=HTTPStatus.NO_CONTENT)
def delete_trial(user_id: UserId, actor: Admin, workspace: GivenWorkspace) -> None:
    """Takes the trial away without a word to the user."""
    with (
        audited(workspace.database, actor, "trial.delete", f"user:{user_id}"),
        workspace.database.write() as session,
    ):
        trials.remove_trial(session, user_id)
