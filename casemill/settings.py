"""Everything that can be configured, read once at an entry point and passed down."""

import os
import socket
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, NonNegativeInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

from casemill.extraction.contract import ExtractionLimits
from casemill.operations.retention import Retention

CHECKOUT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Read from variables named `CASEMILL_...`; nested ones as `CASEMILL_EXTRACTION__SECONDS`."""

    model_config = SettingsConfigDict(env_prefix="CASEMILL_", env_nested_delimiter="__", frozen=True)

    home: Path = Field(
        default=Path(".casemill"), description="Folder that holds all data of the embedded defaults."
    )
    project: Path = Field(default=CHECKOUT, description="Checkout with prefect.yaml, flows and deployments.")

    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL, e.g. postgresql+psycopg://...; default: an SQLite file in home.",
    )
    documents_block: str | None = Field(
        default=None,
        description="Prefect block that keeps documents, as type/name; default: a folder in home.",
    )

    prefect_port: int = Field(
        default=4200, ge=1, le=65535, description="Port of the embedded Prefect server."
    )
    api_port: int = Field(default=4300, ge=1, le=65535, description="Port of the API and its pages.")
    api_hosts: tuple[str, ...] = Field(
        default=("127.0.0.1", "localhost"), description="Names under which the API may be asked for."
    )
    upload_mb: int = Field(default=200, ge=1, description="Largest file that can be uploaded.")
    work_pool: str = Field(default="casemill", description="Prefect work pool that runs the deployments.")
    jobs_at_once: int = Field(
        default=10, ge=1, description="Limit of the work pool: jobs of all users together."
    )
    job_seconds: int = Field(default=72 * 3600, ge=60, description="A job that runs longer is stopped.")
    result_seconds: int = Field(
        default=500, ge=1, description="Results of tasks are kept so long, those of pinned jobs for good."
    )
    jobs_per_user: int = Field(default=3, ge=1, description="Limit of each user's work queue.")

    processes: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Documents one job reads at the same time, each in a process of its own.",
    )
    cases_per_job: int = Field(
        default=25, ge=1, description="Cases of a batch that one job works on; more are sharded."
    )
    lease_seconds: float = Field(
        default=60, gt=0, description="A claim not renewed for this long is taken back: its job is dead."
    )
    recorded_characters: int = Field(
        default=20_000,
        ge=100,
        description="Parameters and results of jobs are kept up to this length as JSON, then cut.",
    )
    time_zone: str = Field(
        default="UTC",
        description="Where days begin and end for reminders and daily jobs, as in Europe/Berlin.",
    )
    reminder_days: tuple[NonNegativeInt, ...] = Field(
        default=(7, 3, 1), description="How many days before a trial's last day its user is reminded."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Signs links in messages, on all hosts the same; default: a file in home, made once.",
    )
    mail_block: str | None = Field(
        default=None,
        description="Prefect block that sends mail, as mail-server/name; default: a folder in home.",
    )
    mail_from: str = Field(
        default="Casemill <casemill@localhost>", description="Who messages come from: Name <address>."
    )
    mail_per_minute: int = Field(default=60, ge=1, description="Messages that are sent in a minute, at most.")
    public_url: str | None = Field(
        default=None,
        description="Where people open the pages, for links in messages; its host is one of api_hosts.",
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
    )
    claim_hours: int = Field(
        default=48, ge=1, le=30 * 24, description="A link that confirms an expert's profile is good so long."
    )
    extraction: ExtractionLimits = Field(default_factory=ExtractionLimits)
    retention: Retention = Field(default_factory=Retention)

    @field_validator("home", "project")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name!r}; name one as in Europe/Berlin, or UTC")
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def database(self) -> URL:
        """For opening: it holds the password, though it does not show it."""
        if self.database_url is not None:
            return make_url(self.database_url.get_secret_value())
        return URL.create("sqlite", database=str(self.home / "casemill.db"))

    @property
    def local_worker(self) -> str:
        """The name of the worker that `casemill up` starts on this host."""
        return f"up@{socket.gethostname()}"

    @property
    def documents_folder(self) -> Path:
        return self.home / "documents"

    @property
    def mail_folder(self) -> Path:
        return self.home / "mail"

    @property
    def links_url(self) -> str:
        """What links in messages begin with; no slash at its end."""
        return (self.public_url or f"http://127.0.0.1:{self.api_port}").rstrip("/")

    @property
    def search_file(self) -> Path:
        return self.home / "search.db"

    @property
    def prefect_home(self) -> Path:
        return self.home / "prefect"

    @property
    def logs_folder(self) -> Path:
        return self.home / "logs"

    def environment(self) -> dict[str, str]:
        """The variables a child process needs, on top of ours, to read these same settings."""
        return {
            "CASEMILL_HOME": str(self.home),
            "CASEMILL_PROJECT": str(self.project),
            "CASEMILL_PREFECT_PORT": str(self.prefect_port),
            "CASEMILL_API_PORT": str(self.api_port),
            "CASEMILL_TIME_ZONE": self.time_zone,
        }


def read_settings(home: Path | None = None, **overrides: object) -> Settings:
    """Settings from the environment, with what the command line says on top."""
    given = {name: value for name, value in {"home": home, **overrides}.items() if value is not None}
    return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
