"""The tables, one noun a file. Importing this module registers all of them."""

from casemill.models.attempt_hour import AttemptHour, StaleHour
from casemill.models.audit import AuditRecord, AuditResult
from casemill.models.batch import Batch, CaseStep, StepState
from casemill.models.batch_schedule import BatchSchedule
from casemill.models.citation import Citation
from casemill.models.claim import Attempt
from casemill.models.cleanup_report import CleanupReport
from casemill.models.credential import ApiToken, LoginLink, LoginSession
from casemill.models.document import CaseDocument, Chunk, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.models.expert_claim import ClaimState, ExpertClaim
from casemill.models.index_report import IndexReport
from casemill.models.job import NOT_OVER, OVER, Job, JobAsk, JobStatus, JobSubStatus, JobType
from casemill.models.job_dependency import Condition, DependencyState, JobDependency
from casemill.models.job_event import FeedKind, JobEvent
from casemill.models.job_text import JobText
from casemill.models.kept_for import KeptFor, RetentionName
from casemill.models.limit import Limit, LimitName
from casemill.models.outgoing_mail import MailKind, MailState, OutgoingMail
from casemill.models.owner import Case, Expert
from casemill.models.pool import Alert, Severity, Worker, WorkQueue
from casemill.models.recorder_mark import RecorderMark
from casemill.models.task_attempt import ATTEMPT_NOT_OVER, ATTEMPT_OVER, AttemptStatus, TaskAttempt
from casemill.models.trial import ReminderOutcome, Trial, TrialReminder, TrialState
from casemill.models.user import Role, Scope, User

__all__ = [
    "ATTEMPT_NOT_OVER",
    "ATTEMPT_OVER",
    "NOT_OVER",
    "OVER",
    "Alert",
    "ApiToken",
    "Attempt",
    "AttemptHour",
    "AttemptStatus",
    "AuditRecord",
    "AuditResult",
    "Batch",
    "BatchSchedule",
    "Case",
    "CaseDocument",
    "CaseStep",
    "Chunk",
    "Citation",
    "ClaimState",
    "CleanupReport",
    "Condition",
    "DependencyState",
    "DocumentModel",
    "Expert",
    "ExpertClaim",
    "ExpertDocument",
    "FeedKind",
    "IndexReport",
    "Job",
    "JobAsk",
    "JobDependency",
    "JobEvent",
    "JobStatus",
    "JobSubStatus",
    "JobText",
    "JobType",
    "KeptFor",
    "Limit",
    "LimitName",
    "LoginLink",
    "LoginSession",
    "MailKind",
    "MailState",
    "OutgoingMail",
    "ProcessingStatus",
    "RecorderMark",
    "ReminderOutcome",
    "RetentionName",
    "Role",
    "Scope",
    "Severity",
    "StaleHour",
    "StepState",
    "TaskAttempt",
    "Trial",
    "TrialReminder",
    "TrialState",
    "User",
    "WorkQueue",
    "Worker",
]
