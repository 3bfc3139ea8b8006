"""From what a message says to the message itself: headers, text and HTML."""

from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import UUID

from casemill.mail.addresses import checked_address
from casemill.mail.contract import Message
from casemill.mail.templates import Rendered


def compose(id_: UUID, sender: Address, recipient: str, rendered: Rendered, now: datetime) -> Message:
    """Its Message-ID comes from its id alone: each try of a message is the same message to who receives it.

    Header values are set as structures, never as text, so no value starts a header of its own.
    """
    to = checked_address(recipient)
    content = EmailMessage(policy=policy.SMTP)
    content["From"] = sender
    content["To"] = Address(addr_spec=to)
    content["Subject"] = rendered.subject
    content["Date"] = format_datetime(now)
    content["Message-ID"] = f"<{id_}@{sender.domain}>"
    content["Auto-Submitted"] = "auto-generated"  # RFC 3834: answering machines stay silent
    content.set_content(rendered.text, cte="quoted-printable")
    content.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return Message(id_, sender.addr_spec, to, content)
