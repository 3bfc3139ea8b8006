"""Search compared with the database and put right, once an hour."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from prefect import State, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.open_workspace import open_workspace
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import label_job
from casemill.monitoring.recorded_json import recorded_text
from casemill.monitoring.telling import ProgressTeller, tell_result, telling_failures
from casemill.operations import search_sync as syncing
from casemill.operations.index_health import in_words, record_report
from casemill.operations.search_sync import Comparison, Difference, Findings
from casemill.search.contract import Owner, OwnerKind
from casemill.settings import read_settings
from casemill.steps.registry import RetryPolicy

with_retries = partial(
    task, cache_policy=NO_CACHE, on_completion=[tell_result], **telling_failures(RetryPolicy().task_options)
)


@with_retries
def compare_index(kind: OwnerKind, after: UUID | None) -> Comparison:
    """What search holds of the next cases or experts, compared with what is ready of them."""
    return syncing.compare_owners(open_workspace(), kind, after)


@with_retries
def find_orphans(after: Owner | None) -> tuple[Owner | None, list[Difference]]:
    """Of the next owners that search holds, those whom the database does not know."""
    return syncing.orphaned_owners(open_workspace(), after)


@with_retries(task_run_name="{kind} {owner_id}")
def repair_owner(kind: OwnerKind, owner_id: UUID) -> Difference | None:
    """Makes search hold what is ready of the owner. Doing it twice changes nothing."""
    return syncing.repair_owner(open_workspace(), kind, owner_id)


def all_differences(findings: Findings) -> Iterator[list[Difference]]:
    """What is wrong, some owners at a time: first of those that there are, then of those that are no more."""
    for kind in OwnerKind:
        after = None
        while True:
            compared = compare_index(kind, after)
            findings.owners += compared.owners
            findings.documents += compared.documents
            yield compared.differences
            after = compared.last
            if after is None:
                break
    held = None
    while True:
        held, orphans = find_orphans(held)
        yield orphans
        if held is None:
            break


def repair(different: list[Difference], findings: Findings) -> None:
    repairing = [(one, repair_owner.submit(one.kind, one.owner_id)) for one in different]
    wait([future for _, future in repairing])
    for one, future in repairing:
        is_repaired = future.state.is_completed() and future.result() is None
        findings.repaired += is_repaired
        findings.unrepaired += not is_repaired
        findings.note(one, "repaired" if is_repaired else "not repaired")


def run_name() -> str:
    return f"search sync{' · dry run' if runtime.flow_run.parameters.get('dry_run') else ''}"


@flow(
    name="search-sync",
    flow_run_name=run_name,
    timeout_seconds=24 * 3600,
    task_runner=ThreadPoolTaskRunner(max_workers=read_settings().processes),
)
def search_sync(dry_run: bool = False) -> State:
    """Makes search hold what the database says is ready, and says what was missing, stale or orphaned.

    Args:
        dry_run: Only say what is wrong.
    """
    database = open_workspace().database
    run_id = UUID(str(runtime.flow_run.id))
    label_job(run_id, ["type:sync"])
    progress, total, findings = ProgressTeller(run_id), syncing.count_owners(database), Findings()
    error = "it was stopped before its end"
    try:
        for different in all_differences(findings):
            if dry_run:
                for one in different:
                    findings.note(one, "left as it is")
            else:
                repair(different, findings)
            percent = min(99, 100 * findings.owners / max(total, 1))
            progress.tell(percent, f"{findings.owners} of {total} owners compared", findings.owners)
        error = None
    except Exception as broken:
        error = recorded_text(f"{type(broken).__name__}: {broken}")
        raise
    finally:
        report = findings.report(run_id, utc_now(), dry_run=dry_run, error=error)
        database.persist(partial(record_report, report=report))
    create_table_artifact(findings.rows, key="search-sync", description="What was wrong with search")
    said = in_words(report)
    progress.tell(100, said, findings.owners, last=True)
    return Failed(message=said) if report.unrepaired else Completed(message=said)
