"""A PostgreSQL server for as long as the tests last."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg


class PostgresMissing(Exception):
    """There is no PostgreSQL server to be started here; the message says what to do about it."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The folder of the socket that a new, empty server listens on; user postgres needs no password.

    It does not keep anything safe, which makes it quick, and lives in a time zone that is not UTC.
    """
    initdb, postgres = _server_program("initdb"), _server_program("postgres")
    account = _other_account() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="casemill-postgres-"))  # a socket's path has to be short
    identity = {}
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    make = [initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8"]
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_connections": 200,
        "timezone": "America/New_York",
    }
    told = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    try:
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **identity)
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [postgres, "-D", data, *told], cwd=folder, stdout=log, stderr=log, **identity
            )
        try:
            _wait_until_it_answers(server, folder)
            yield str(folder)
        finally:
            server.send_signal(signal.SIGINT)  # "fast": ends the sessions there are
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_sql(socket: str, *statements: str) -> None:
    with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # pyright: ignore[reportArgumentType]


def _server_program(name: str) -> str:
    packaged: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found := shutil.which(name) or (packaged and str(packaged[-1])):
        return found
    raise PostgresMissing(
        f"needs PostgreSQL's server program {name}; `apt-get install postgresql` (or brew, or dnf) brings it"
    )


def _other_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise PostgresMissing(
            "PostgreSQL does not run as root; add an account postgres, or run the tests as somebody else"
        ) from None


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            return run_sql(str(folder), "SELECT 1")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}") from None
            time.sleep(0.05)
