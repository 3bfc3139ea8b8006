"""`casemill up`: everything one machine needs, in the foreground."""

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from casemill.cli.options import Home, Port, PrefectPort, connect_prefect, open_workspace, settings_of, stdout
from casemill.db import Database
from casemill.local.stack import Stack, start_cleanup
from casemill.local.this_machine import login_path


def up(
    home: Home = None,
    port: Port = None,
    prefect_port: PrefectPort = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add a handful of cases with documents and run a batch over them.")
    ] = False,
) -> None:
    """Start Prefect's server with its UI, the deployments and a worker. Ctrl-C stops all of it."""
    settings = settings_of(home, prefect_port, port)
    over = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        if over.is_set():
            raise KeyboardInterrupt  # asked twice: do not wait for what is under way
        over.set()

    with Stack(settings, say) as stack:
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        try:
            start_cleanup(stack.api_url)
        except OSError as error:
            say(f"No cleanup was started ({error}); the next one by its schedule makes up for it")
        if demo:
            connect_prefect(settings, stack.api_url)
            from casemill.local.demo import run_demo  # Prefect is imported after it knows its server

            with open_workspace(settings) as workspace:
                say(run_demo(workspace))
        database = Database(settings.database)
        path = login_path(database)
        database.close()
        stdout.print(f"\n[bold]Casemill is up.[/bold]  Sign in, once: [link]{stack.own_url}{path}[/link]")
        say(f"Prefect: {stack.ui_url}/runs")
        say(f"Data: {settings.home}    Logs: {settings.logs_folder}")
        say("Try:  casemill search 'summary judgment'    Stop with Ctrl-C")
        while not over.wait(1):
            stack.watch()
        say("Stopping")


def say(sentence: str) -> None:
    stdout.print(sentence, highlight=False, markup=False)
