"""Jobs as the API shows them."""

import re
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from casemill.models import Job, JobAsk, JobStatus, JobSubStatus, JobType

_NAMED_BY_PREFECT = re.compile(r"[a-z]+(-[a-z]+)+")


def title_of(job_id: UUID, name: str, flow_name: str | None) -> str:
    """What to call a job for people: its name; where Prefect gave it one at random, its flow's name.

    Our flows name their jobs once they begin; until then one is called artichoke-vicugna or the like.
    """
    if flow_name and _NAMED_BY_PREFECT.fullmatch(name):
        return flow_name.replace("-", " ").replace("_", " ").capitalize()
    return name or str(job_id)


class ShownJob(BaseModel):
    """A job in a list, and what every action on a job answers with."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    type: JobType
    name: str
    status: JobStatus
    sub_status: JobSubStatus | None
    progress: float = Field(ge=0, le=100, description="Percent.")
    progress_message: str | None
    processed: int | None = Field(description="Cases or documents it is through with.")
    user_id: UUID | None
    batch_id: UUID | None
    flow_name: str | None
    queue: str | None
    worker: str | None
    tags: list[str]
    created_at: datetime
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    execution_seconds: float
    attempts: int = Field(validation_alias="run_count", description="How often it was begun.")
    result: str | None
    error_type: str | None
    error: str | None
    error_fingerprint: str | None
    pinned: bool
    asked: JobAsk | None = Field(description="What was last asked of it and takes its time.")
    asked_at: datetime | None
    asked_why: str | None

    @computed_field
    @property
    def title(self) -> str:
        """What to call it for people."""
        return title_of(self.id, self.name, self.flow_name)

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls.model_validate(job)
