"""What came of asking many jobs at once, as the API shows it."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from casemill.monitoring.each_job import JobResult


class ShownResult(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    job_id: UUID
    done: bool
    detail: str = Field(description="What was done, or why not.")

    @classmethod
    def of(cls, result: JobResult) -> Self:
        return cls.model_validate(result)
