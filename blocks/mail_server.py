"""A mail server, as a Prefect block: where it is and as whom to send."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

from casemill.mail.smtp import Security, SmtpMailer, SmtpServer

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class MailServer(Block):
    """Sends messages by SMTP. Name it in CASEMILL_MAIL_BLOCK, as `mail-server/<name>`."""

    _block_type_name = "Mail Server"
    _block_type_slug = "mail-server"

    host: str = Field(description="Name of the server, as in its certificate.", min_length=1)
    port: int = Field(default=587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS.")
    security: Security = Field(
        default=Security.STARTTLS,
        description="starttls, tls (from the first byte), or none for a server on the same machine.",
    )
    user: str | None = Field(default=None, description="Who signs in. Empty: nobody does.")
    password: SecretStr | None = Field(default=None, description="Of the user.")
    timeout_seconds: float = Field(default=30, gt=0, le=120, description="Wait so long for each answer.")
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust besides the system's, as a PEM file on each host."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> "MailServer":
        if self.security == Security.NONE and self.host not in _THIS_MACHINE:
            raise ValueError("mail leaves this machine encrypted only: security is starttls or tls")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: give both or neither")
        return self

    def open(self) -> SmtpMailer:
        return SmtpMailer(
            SmtpServer(
                self.host,
                self.port,
                self.security,
                self.user,
                self.password.get_secret_value() if self.password else None,
                self.timeout_seconds,
                self.ca_file,
            )
        )
