"""What a batch can be told about its steps."""

from pydantic import BaseModel, ConfigDict, Field

from casemill.steps.chunking import ChunkOptions


class BatchOptions(BaseModel):
    """Options of a batch, shown as a form in the Prefect UI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chunk: ChunkOptions = Field(
        default_factory=ChunkOptions, title="Chunks", description="How the text is cut into chunks."
    )
