"""Trials given to users: made, moved from state to state, listed, taken away."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from casemill.errors import BadInput, NotFound, Refused
from casemill.models import Trial, TrialState, User

NEXT: dict[TrialState, tuple[TrialState, ...]] = {
    TrialState.ACTIVE: (TrialState.EXPIRED, TrialState.CONVERTED),
    TrialState.EXPIRED: (TrialState.ACTIVE, TrialState.CONVERTED),
    TrialState.CONVERTED: (),
}

_YEARS = range(2000, 3000)  # a trial outside of them is a slip of the keyboard


def give_trial(
    session: Session, user_id: UUID, plan: str, starts_at: datetime, ends_at: datetime, now: datetime
) -> Trial:
    """The user's trial is this one from now on. Giving the same again changes nothing.

    A trial that had expired is active again if its new end is to come. Raises NotFound, BadInput, and Refused
    for a trial that has been converted.
    """
    if starts_at.year not in _YEARS or ends_at.year not in _YEARS:
        raise BadInput(f"A trial starts and ends between the years {_YEARS[0]} and {_YEARS[-1]}")
    if ends_at <= starts_at:
        raise BadInput("The trial would end before it starts; give it an end that is after its start")
    user_name(session, user_id, hold=True)  # two who give the same user a trial take turns
    trial = session.exec(select(Trial).where(Trial.user_id == user_id).with_for_update()).first()
    if trial is None:
        trial = Trial(user_id=user_id, plan=plan, starts_at=starts_at, ends_at=ends_at, state_at=now)
    elif trial.state == TrialState.CONVERTED:
        raise Refused("The user has taken the plan already; delete the trial first to give them another")
    trial.plan, trial.starts_at, trial.ends_at = plan, starts_at, ends_at
    session.add(trial)
    session.flush()
    if trial.state == TrialState.EXPIRED and ends_at > now:
        move_trial(session, trial.id, TrialState.ACTIVE, now)
    session.refresh(trial)
    return trial


def convert_trial(session: Session, user_id: UUID, now: datetime) -> Trial:
    """The user has taken the plan: no more reminders, and no end. Raises NotFound and Refused."""
    trial = trial_of(session, user_id)
    if not move_trial(session, trial.id, TrialState.CONVERTED, now):
        raise Refused("The user has taken the plan already; there is nothing left to convert")
    session.refresh(trial)
    return trial


def remove_trial(session: Session, user_id: UUID) -> None:
    """Without a word to the user. Raises NotFound."""
    session.delete(trial_of(session, user_id))


def trial_of(session: Session, user_id: UUID) -> Trial:
    """Raises NotFound."""
    trial = session.exec(select(Trial).where(Trial.user_id == user_id)).first()
    if trial is None:
        raise NotFound(f"User {user_id} has no trial; GET /trials shows which there are")
    return trial


def move_trial(session: Session, trial_id: UUID, to: TrialState, now: datetime) -> bool:
    """True for the one who moved it there; False if it was not where `to` can be reached from."""
    sources = [state for state in TrialState if to in NEXT[state]]
    moved = session.exec(
        update(Trial)
        .where(col(Trial.id) == trial_id, col(Trial.state).in_(sources))
        .values(state=to, state_at=now)
        .execution_options(synchronize_session=False)
    )
    return moved.rowcount == 1


def list_trials(
    session: Session,
    state: TrialState | None,
    page: int,
    per_page: int,
    users: Sequence[UUID] | None = None,
) -> tuple[int, Sequence[tuple[Trial, str]]]:
    """How many there are, and one page of them with the names of their users; what ends first comes first."""
    where = [] if state is None else [col(Trial.state) == state]
    if users is not None:
        where.append(col(Trial.user_id).in_(users))
    total = session.exec(select(func.count()).select_from(Trial).where(*where)).one()
    rows = session.exec(
        select(Trial, User.name)
        .join(User)
        .where(*where)
        .order_by(col(Trial.ends_at), col(Trial.id))
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return total, rows.all()


def user_name(session: Session, user_id: UUID, *, hold: bool = False) -> str:
    """Raises NotFound. Holds the user until the transaction ends, if asked for."""
    query = select(User.name).where(User.id == user_id)
    name = session.exec(query.with_for_update() if hold else query).first()
    if name is None:
        raise NotFound(f"There is no user {user_id}; `casemill user list` shows who there is")
    return name
