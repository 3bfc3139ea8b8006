"""The tables, one noun a file. Importing this module registers all of them."""

from casemill.models.batch import Batch, CaseStep, StepState
from casemill.models.citation import Citation
from casemill.models.claim import Attempt
from casemill.models.document import CaseDocument, Chunk, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.models.job import NOT_OVER, OVER, Job, JobStatus, JobSubStatus, JobType
from casemill.models.job_event import FeedKind, JobEvent
from casemill.models.owner import Case, Expert
from casemill.models.recorder_mark import RecorderMark
from casemill.models.task_attempt import ATTEMPT_NOT_OVER, ATTEMPT_OVER, AttemptStatus, TaskAttempt
from casemill.models.user import Role, User

__all__ = [
    "ATTEMPT_NOT_OVER",
    "ATTEMPT_OVER",
    "NOT_OVER",
    "OVER",
    "Attempt",
    "AttemptStatus",
    "Batch",
    "Case",
    "CaseDocument",
    "CaseStep",
    "Chunk",
    "Citation",
    "DocumentModel",
    "Expert",
    "ExpertDocument",
    "FeedKind",
    "Job",
    "JobEvent",
    "JobStatus",
    "JobSubStatus",
    "JobType",
    "ProcessingStatus",
    "RecorderMark",
    "Role",
    "StepState",
    "TaskAttempt",
    "User",
]
