"""`casemill mail ...`"""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column
from sqlmodel import col, select

from casemill.cli.options import Home, Json, open_workspace, print_json, settings_of, stdout
from casemill.cli.shown import listing, named
from casemill.mail.addresses import without_addresses
from casemill.mail.templates import SAMPLES, render
from casemill.models import MailKind, MailState, OutgoingMail
from casemill.models.columns import utc_now
from casemill.operations.outbox import send_again, shown_recipient

app = typer.Typer(help="Mail: what is sent, what was, and what it looks like.", no_args_is_help=True)


@app.command("preview")
def preview(
    kind: Annotated[MailKind, typer.Argument(help="Kind of message.")],
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the HTML to this file instead.", dir_okay=False)
    ] = None,
) -> None:
    """A message of this kind, filled with samples. Nothing is sent."""
    rendered = render(kind, SAMPLES[kind])
    if html is None:
        typer.echo(f"Subject: {rendered.subject}\n\n{rendered.text}", nl=False)
        return
    html.write_text(rendered.html, encoding="utf-8")
    stdout.print(f"Written to {html}; open it in a browser", markup=False, highlight=False)


@app.command("list")
def list_mail(
    state: Annotated[MailState | None, typer.Option(help="Only those.")] = None,
    kind: Annotated[MailKind | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """The outbox, the newest messages first; addresses are masked."""
    query = select(OutgoingMail).order_by(col(OutgoingMail.created_at).desc(), col(OutgoingMail.id))
    if state:
        query = query.where(OutgoingMail.state == state)
    if kind:
        query = query.where(OutgoingMail.kind == kind)
    with open_workspace(settings_of(home)) as workspace, workspace.database.read() as session:
        found = [_shown(mail) for mail in session.exec(query.limit(limit))]
    if as_json:
        print_json(found)
        return
    if not found:
        stdout.print("No message matches" if state or kind else "No messages yet")
        return
    table = listing(
        Column("kind, to, message", min_width=36, overflow="fold"), "state", "made, UTC", "said last"
    )
    for mail in found:
        made, tries = f"{mail['created_at']:%Y-%m-%d\n%H:%M}", mail["tries"]
        said = f"{mail['state']}\n{tries} {'try' if tries == 1 else 'tries'}"
        table.add_row(
            named(f"{mail['kind']}\n{mail['to']}", str(mail["id"])), said, made, escape(mail["said"])
        )
    stdout.print(table)


@app.command("again")
def again(
    mail_id: Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Id of the message.")], home: Home = None
) -> None:
    """Send a message again that failed, or of which nobody knows whether it was sent."""
    with open_workspace(settings_of(home)) as workspace:
        workspace.database.persist(lambda session: send_again(session, mail_id, utc_now()))
    stdout.print("It waits again; the next sweep of mail-delivery sends it, within five minutes")


def _shown(mail: OutgoingMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "kind": mail.kind,
        "to": shown_recipient(mail),
        "about": mail.subject_key,
        "state": mail.state,
        "tries": mail.attempts,
        "created_at": mail.created_at,
        "next_try_at": mail.next_try_at if mail.state == MailState.PENDING else None,
        "sent_at": mail.sent_at,
        "said": without_addresses(mail.words or "", mail.recipient),
    }
