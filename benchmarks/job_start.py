"""How soon jobs start and how many get done: with Prefect's process worker, the warm worker, and RQ.

    python benchmarks/job_start.py                          (all of it: about 25 minutes on two slow cores)
    python benchmarks/job_start.py --runs 20 --only warm sqlite

Each database has one Prefect server, which both workers are measured on in turn. PostgreSQL is measured where
its server programs are found, RQ where the program redis-server is: RQ (BSD licence) and its client for Redis
(MIT) are installed into a folder that is deleted afterwards; they are no dependency of ours.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

FLOWS = """
import time
from prefect import flow

@flow
def nothing():
    pass

@flow
def sits():
    time.sleep(600)
"""
WORKERS = {"stock": "process", "warm": "casemill"}
AT_ONCE = 10  # the limit of the pool
SITTING = 3
QUIET_SECONDS = 6.0  # between one run and the next: what a worker has just read of a deployment is forgotten
PATIENCE = 1800.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from created to started, one at a time; runs a second, all at once; CPU seconds of the server.

    memory_mib is what one run has of its own, pages that it shares with others counted in part. pace_ms is
    what the same piece of work took meanwhile: where it differs, the machine was faster or slower.
    """

    start_p50: float
    start_p95: float
    per_second: float
    memory_mib: float
    pace_ms: float = 0.0
    server_cpu: float | None = None
    server_share: float | None = None


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="job-start-") as folder:
        results: dict[str, Measured] = {}
        with suppress(KeyboardInterrupt):
            for name, measured in measure_all(Path(folder), options):
                results[name] = measured
                print(
                    f"{name:<22}", *(f"{key}={value}" for key, value in asdict(measured).items()), flush=True
                )
        if options.json:
            print(json.dumps({name: asdict(measured) for name, measured in results.items()}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="runs at once, for the throughput")
    parser.add_argument("--idle", type=int, default=20, help="runs one at a time, for the time to start")
    parser.add_argument("--only", nargs="*", default=[], help="of: sqlite postgresql stock warm rq")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure_all(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
    only = set(options.only)
    databases = [
        one for one in ("sqlite", "postgresql") if one in only or not only & {"sqlite", "postgresql"}
    ]
    kinds = [kind for kind in WORKERS if kind in only or not only & {*WORKERS, "rq"}]
    if "rq" in only or not only:
        if shutil.which("redis-server"):
            yield "rq", measure_rq(folder / "rq", options.idle, options.runs)
        else:
            print("rq: not measured, there is no redis-server here", file=sys.stderr)
    for database in databases if kinds else ():
        with ExitStack() as stack:
            try:
                url = stack.enter_context(database_url(database, folder))
            except LookupError as missing:
                print(f"{database}: not measured, {missing}", file=sys.stderr)
                continue
            server = stack.enter_context(prefect_server(url, folder / database))
            for kind in kinds:
                yield (
                    f"{kind} on {database}",
                    measure_worker(server, folder, kind, options.idle, options.runs),
                )


@contextmanager
def database_url(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
        return
    from tests.postgres import PostgresMissing, postgres_server, run_sql

    try:
        with postgres_server() as path:
            run_sql(path, "CREATE DATABASE prefect")
            yield f"postgresql+asyncpg://postgres@/prefect?host={path}"
    except PostgresMissing as missing:
        raise LookupError(str(missing)) from None


@contextmanager
def prefect_server(url: str, home: Path) -> Iterator[psutil.Process]:
    """Started as `casemill up` does. The environment of this process then points to it."""
    home.mkdir(parents=True)
    port = free_port()
    os.environ.update(
        {
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        }
    )
    with program([sys.executable, "-m", "casemill.local.prefect_server"], home / "server.log") as server:
        with fresh_client() as client:
            until(lambda: client.api_healthcheck() is None, "Prefect's server to answer")
        yield server


def fresh_client() -> Any:
    """Of the server that the environment names now."""
    from prefect.client.orchestration import SyncPrefectClient

    return SyncPrefectClient(os.environ["PREFECT_API_URL"])


def measure_worker(server: psutil.Process, folder: Path, kind: str, idle: int, runs: int) -> Measured:
    from prefect.client.schemas.actions import WorkPoolCreate

    pool = f"{kind}-{uuid4().hex[:6]}"
    code = folder / pool
    code.mkdir()
    (code / "bench.py").write_text(FLOWS)
    with fresh_client() as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process", concurrency_limit=AT_ONCE))
        nothing, sits = (deploy(client, pool, code, name) for name in ("nothing", "sits"))
        command = [str(Path(sys.executable).with_name("prefect")), "worker", "start", "--type", WORKERS[kind]]
        with program([*command, "--pool", pool], code / "worker.log"):
            over(client, [start(client, nothing)])
            times, paces = [], []
            for _ in range(idle):
                paces.append(pace())
                time.sleep(QUIET_SECONDS)
                run_id = start(client, nothing)
                time.sleep(1)  # to be asked at once would keep the server from starting it
                [run] = over(client, [run_id])
                times.append((run.start_time - run.created).total_seconds())
            cpu, begun = cpu_seconds(server), time.monotonic()
            over(client, [start(client, nothing) for _ in range(runs)])
            seconds, cpu = time.monotonic() - begun, cpu_seconds(server) - cpu
            paces += [pace() for _ in range(idle)]
            return Measured(
                start_p50=round(statistics.median(times), 3),
                start_p95=round(p95(times), 3),
                per_second=round(runs / seconds, 2),
                memory_mib=round(memory_of_runs(client, sits), 1),
                pace_ms=round(statistics.median(paces), 1),
                server_cpu=round(cpu / runs, 3),
                server_share=round(cpu / seconds, 2),
            )


def deploy(client: Any, pool: str, code: Path, function: str) -> UUID:
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(code)}}
    return client.create_deployment(
        flow_id=client.create_flow_from_name(function),
        name=pool,
        entrypoint=f"bench.py:{function}",
        work_pool_name=pool,
        pull_steps=[step],
    )


def start(client: Any, deployment: UUID) -> UUID:
    return client.create_flow_run_from_deployment(deployment).id


def over(client: Any, run_ids: list[UUID], pause: float = 1.0) -> list[Any]:
    """The runs, when all are over; asked seldom, for the answers cost the server too."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    found: dict[UUID, Any] = {}

    def all_over() -> bool:
        left = [id for id in run_ids if id not in found][:200]
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=left))):
            if run.state is not None and run.state.is_final():
                found[run.id] = run
        return len(found) == len(run_ids)

    until(all_over, "runs to end", pause)
    return [found[id] for id in run_ids]


def memory_of_runs(client: Any, sits: UUID) -> float:
    """MiB of one of a few that sit beside one another."""
    from prefect.states import Cancelling

    run_ids = [start(client, sits) for _ in range(SITTING)]
    until(lambda: all(client.read_flow_run(id).state_name == "Running" for id in run_ids), "runs to begin")
    time.sleep(2)
    wanted = {str(id) for id in run_ids}
    total = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("PREFECT__FLOW_RUN_ID") in wanted:
                full = process.memory_full_info()
                total += getattr(full, "pss", None) or full.uss
    for id in run_ids:
        client.set_flow_run_state(id, Cancelling())
    over(client, run_ids)
    return total / SITTING / 2**20


def measure_rq(folder: Path, idle: int, runs: int) -> Measured:
    """In an environment of its own, by a program of its own: nothing of it is imported here."""
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "rq", "redis", "psutil"], check=True)
    path = folder / "redis.sock"
    redis = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    program_file = Path(__file__).with_name("job_start_rq.py")
    with program(redis, folder / "redis.log"):
        until(path.exists, "Redis to answer")
        with program(
            [
                str(python),
                "-m",
                "rq.cli",
                "worker",
                "--url",
                f"unix://{path}",
                "--path",
                str(program_file.parent),
            ],
            folder / "worker.log",
        ):
            paces = [pace() for _ in range(idle)]
            done = subprocess.run(
                [python, program_file, path, str(idle), str(runs)], check=True, capture_output=True, text=True
            )
    paces += [pace() for _ in range(idle)]
    return Measured(**json.loads(done.stdout), pace_ms=round(statistics.median(paces), 1))


def pace() -> float:
    begun = time.monotonic()
    for number in range(100_000):
        str(number)
    return 1000 * (time.monotonic() - begun)


@contextmanager
def program(command: list[str], log: Path) -> Iterator[psutil.Process]:
    """Ended, with all that it started, when the block is."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    known = psutil.Process(process.pid)
    try:
        yield known
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(true: Callable[[], Any], what: str, pause: float = 0.2, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s for {what}")
        time.sleep(pause)


def cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def p95(times: list[float]) -> float:
    return sorted(times)[max(0, round(0.95 * len(times)) - 1)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
