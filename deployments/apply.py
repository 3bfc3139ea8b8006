"""Brings a Prefect server to what prefect.yaml declares: pool and queues with limits, deployments, no strays.

    python deployments/apply.py                       (PREFECT_API_URL names the server)
    python deployments/apply.py --no-worker-runs      (also: jobs of this host that lost their process go on)

Doing it again changes nothing.
"""

import os
import sys
from contextlib import suppress

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.exceptions import ObjectAlreadyExists
from sqlmodel import select

from blocks.mail_server import MailServer
from casemill.db import Database
from casemill.local.prefect_command import run_prefect
from casemill.models import User
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import user_queue
from casemill.monitoring.limits import apply_limits
from casemill.monitoring.mail_limit import apply_mail_limit
from casemill.monitoring.missed_runs import collapse_all_missed
from casemill.monitoring.orphans import reschedule_orphans
from casemill.monitoring.planned_batches import bring_batch_schedules
from casemill.operations.limits import limits_in_force
from casemill.settings import Settings, read_settings
from casemill.worker.worker import WarmWorker


def apply(settings: Settings, *, no_worker_runs: bool) -> None:
    with get_client(sync_client=True) as client:
        apply_pool(client, settings)
        apply_mail_limit(client, settings.mail_per_minute)
        MailServer.register_type_and_schema()  # so that Prefect's UI has its form
        run_prefect("--no-prompt", "deploy", "--all")
        prune_strays(client, settings)
        apply_batch_schedules(client, settings)
        if missed := collapse_all_missed(client, settings.work_pool, utc_now()):
            print(f"{missed} runs of schedules were missed; of each schedule the newest makes up for them")
    if no_worker_runs and (count := reschedule_orphans(settings.work_pool, settings.local_worker)):
        print(f"{count} jobs were cut off when Casemill last stopped; they go on where they were")


def apply_pool(client: SyncPrefectClient, settings: Settings) -> None:
    """The work pool and a queue for each user, with the limits in force: what an admin set outlasts that.

    A pool that somebody paused stays paused. One that was made for Prefect's own worker stays of that type,
    which cannot be changed, and is served all the same: its queues and the runs in them are kept.
    """
    database = Database(settings.database)
    with database.read() as session:
        limits = limits_in_force(session, settings)
        users = session.exec(select(User.id)).all()
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(
            WorkPoolCreate(
                name=settings.work_pool,
                type=WarmWorker.type,
                base_job_template=WarmWorker.get_default_base_job_template(),
                concurrency_limit=limits.jobs_at_once,
            )
        )
    for user_id in users:
        user_queue(settings, user_id, database)
    database.close()
    apply_limits(client, settings.work_pool, limits)


def apply_batch_schedules(client: SyncPrefectClient, settings: Settings) -> None:
    """Users' schedules are rows of ours. Those that Prefect lost, with its database, it is told again."""
    database = Database(settings.database)
    if brought := bring_batch_schedules(client, database):
        print(f"{brought} schedules of users were brought back")
    database.close()


def prune_strays(client: SyncPrefectClient, settings: Settings) -> None:
    """Deletes deployments of our pool that prefect.yaml no longer lists: their schedules would go on."""
    declared = {
        (entry["entrypoint"].rsplit(":", 1)[1].replace("_", "-"), entry["name"])
        for entry in yaml.safe_load((settings.project / "prefect.yaml").read_text())["deployments"]
    }
    found = client.read_deployments(
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[settings.work_pool])),
        deployment_filter=DeploymentFilter(),
    )
    for deployment in found:
        flow = client.read_flow(deployment.flow_id)
        if (flow.name, deployment.name) not in declared:
            client.delete_deployment(deployment.id)
            print(f"Removed deployment {flow.name}/{deployment.name}: prefect.yaml does not list it")


if __name__ == "__main__":
    given = read_settings()
    os.environ.update(given.environment())  # prefect.yaml reads some of it, defaults too
    apply(given, no_worker_runs="--no-worker-runs" in sys.argv)
