"""Cases and experts as the API shows them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from casemill.models import ProcessingStatus, StepState
from casemill.operations.owner_standing import OwnerStanding
from casemill.operations.owners import LONGEST_NAME

MOST_CASES = 10_000
"""Of one batch, and of what is chosen at once."""


class ShownOwner(BaseModel):
    """What cases and experts have in common."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    created_at: datetime
    documents: dict[ProcessingStatus, int] = Field(description="How many have which status.")
    chunks: int = Field(description="Pieces their text is searched in.")
    is_indexed: bool = Field(description="Whether search holds all that is ready.")

    @classmethod
    def of(cls, standing: OwnerStanding) -> Self:
        return cls.model_validate(standing)


class ShownLastBatch(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    steps: dict[StepState, int] = Field(description="In how many of its steps this case is in which state.")


class ShownStepStanding(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    state: StepState = Field(description="In the newest batch that has the step, whoever's that is.")
    done_at: datetime | None = Field(description="When it was last completed, in any batch.")
    is_behind: bool = Field(description="Whether documents came to the case since it was completed.")


class ShownCase(ShownOwner):
    citations: int = Field(description="Found in its documents.")
    steps: dict[str, ShownStepStanding] = Field(description="The steps that were ever asked for.")
    last_batch: ShownLastBatch | None = Field(description="The newest one you can see.")


class CaseList(BaseModel):
    cases: list[ShownCase]
    total: int
    page: int
    pages: int


class CaseName(BaseModel):
    id: UUID
    name: str


class CaseNames(BaseModel):
    cases: list[CaseName] = Field(description=f"By name, at most {MOST_CASES}.")
    total: int = Field(description="How many match.")


class ExpertList(BaseModel):
    experts: list[ShownOwner]
    total: int
    page: int
    pages: int


class NewOwner(BaseModel):
    name: str = Field(min_length=1, max_length=4 * LONGEST_NAME, examples=["Smith v. Jones"])
