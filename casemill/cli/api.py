"""`casemill api`"""

from casemill.cli.options import Home, Port, open_workspace, require_prefect, settings_of, stdout


def api(home: Home = None, port: Port = None) -> None:
    """Serve the API, until Ctrl-C. `casemill up` does so already."""
    settings = settings_of(home, api_port=port)
    require_prefect(settings)
    from casemill.local.api import serve  # Prefect, once it knows its server

    open_workspace(settings).close()
    stdout.print(f"Answering at http://127.0.0.1:{settings.api_port}/api/v1; stop with Ctrl-C")
    serve(settings)
