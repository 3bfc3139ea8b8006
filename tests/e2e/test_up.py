"""`casemill up` and what people do with it, on a real server with a real worker."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psutil

from casemill.worker.orders import FLOW_RUN_ID, NO_RUN
from tests.e2e.conftest import (
    CASEMILL,
    CHECKOUT,
    Up,
    clean_environment,
    eventually,
    give_tables,
    processes_of,
    start_up,
    write_case,
)


def ledger(up: Up, batch_id: str) -> list[tuple[str, str, int]]:
    """(step, state, attempts) of every row."""
    query = "SELECT step, state, attempts FROM case_steps WHERE batch_id = ?"
    return up.rows(query, UUID(batch_id).hex)


def count(up: Up, query: str) -> int:
    return up.rows(query)[0][0]


def test_prefect_has_the_deployments_and_the_limits(up: Up) -> None:
    deployments = {found["entrypoint"] for found in up.prefect("/deployments/filter", {})}
    files = {path.stem for path in (CHECKOUT / "flows").glob("[!_]*.py")}
    assert deployments == {f"flows/{name}.py:{name}" for name in files}
    assert up.prefect("/work_pools/casemill")["concurrency_limit"] == 10


def test_the_doctor_finds_every_part_well(up: Up) -> None:
    health = {found["part"]: found["health"] for found in up.json("doctor")}
    assert health.pop("LibreOffice") in ("well", "missing")
    assert set(health.values()) == {"well"}


def test_real_filings_become_text_citations_and_search(up: Up, corpus: Path) -> None:
    outcome = up.json("extract", str(corpus / "cases"))
    assert outcome["status"] == "completed"
    cases = {case["case"]: case for case in outcome["cases"]}
    assert {state for case in cases.values() for state in case["steps"].values()} == {"completed"}
    mixed = {found["name"]: (found["status"], found["reason"]) for found in cases.pop("mixed")["documents"]}
    assert mixed == {
        "empty.pdf": ("failed", "empty file"),
        "scanned.pdf": ("failed", "no text found"),
        "word-doc.doc": ("ready", None),
        "word-docx.docx": ("ready", None),
        "word-perfect.wpd": ("failed", "unsupported format"),
    }
    for case in cases.values():
        for found in case["documents"]:
            assert (found["status"], found["characters"] > 0, found["citations"] > 0) == ("ready", True, True)
    hits = up.json("search", '"Employee Benefits Summary"', "--case", "ca5")["hits"]
    assert (hits[0]["document"], hits[0]["page"]) == ("ca5_00516242060.pdf", 2)
    queues = up.prefect("/work_pools/casemill/queues/filter", {})
    assert 3 in [queue["concurrency_limit"] for queue in queues if queue["name"].startswith("user-")]


def test_importing_a_folder_again_adds_nothing_and_reads_nothing_again(up: Up, tmp_path: Path) -> None:
    write_case(tmp_path / "again", "The same bytes.")
    first = up.json("extract", str(tmp_path))
    second = up.json("extract", str(tmp_path))
    assert first["cases"][0]["documents"] == second["cases"][0]["documents"]
    assert count(up, "SELECT attempts FROM case_documents WHERE name = 'again.pdf'") == 1


def test_prefects_own_command_runs_a_batch_too(up: Up, tmp_path: Path) -> None:
    write_case(tmp_path / "by hand", "Started by hand.")
    up.run("extract", str(tmp_path), "--steps", "parse")
    case_id = next(case["id"] for case in up.json("case", "list") if case["name"] == "by hand")
    subprocess.run(
        [
            *(sys.executable, "-m", "prefect", "deployment", "run", "extraction-batch/default", "--watch"),
            *("-p", f'case_ids=["{case_id}"]', "-p", 'steps=["citations"]'),
        ],
        check=True,
        capture_output=True,
        timeout=240,
        env=up.environment(),
    )
    newest = up.json("batch", "list")["batches"][0]
    assert newest["steps"] == ["parse", "chunk", "citations"]
    assert up.json("batch", "show", newest["batch_id"])["status"] == "completed"
    tagged = {"tags": {"all_": [f"batch:{newest['batch_id']}"]}}
    [run] = up.prefect("/flow_runs/filter", {"flow_runs": tagged})
    tasks = up.prefect("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert sorted(task["name"] for task in tasks) == [
        "by hand · chunk",
        "by hand · citations",
        "by hand · parse",
    ]
    artifacts = up.prefect("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {found["type"] for found in artifacts} == {"progress", "table"}


def test_an_uploaded_document_of_an_expert_is_found_minutes_later(up: Up, tmp_path: Path) -> None:
    cv = write_case(tmp_path / "cv", "Expert in corrosion of pipelines.")
    report = write_case(tmp_path / "report", "Metallurgical failure analysis.")
    added = up.json("document", "add", str(cv), str(report), "--expert", "Dr. Ada Stone")
    assert [found["is_new"] for found in added["documents"]] == [True, True]
    found = eventually(lambda: up.json("search", "--experts", "corrosion metallurgical")["experts"], 120)
    assert found[0]["expert"] == "Dr. Ada Stone"
    assert found[0]["matching_documents"] == 2


def test_a_killed_job_leaves_a_batch_that_goes_on_where_it_was(up: Up, tmp_path: Path) -> None:
    """kill -9 on the flow run's process in the middle, then the batch again: only undone steps run."""
    for number in range(60):
        write_case(tmp_path / f"killed {number:02}", f"Case {number}, 477 U.S. 317 (1986).", pages=3)
    extracting = subprocess.Popen(
        [CASEMILL, "extract", str(tmp_path), "--home", str(up.home), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    begun = (
        "SELECT count(*) FROM case_steps JOIN cases ON cases.id = case_id "
        "WHERE name LIKE 'killed%' AND state = 'completed'"
    )
    eventually(lambda: count(up, begun) >= 20, 120)
    engine = next(
        process
        for process in processes_of(up.home)
        if process.environ().get(FLOW_RUN_ID, NO_RUN) != NO_RUN and process.children()
    )
    readers = engine.children()
    engine.kill()
    _, alive = psutil.wait_procs(readers, timeout=5)
    assert not alive, "the sandbox's processes outlived the job"
    _, said = extracting.communicate(timeout=120)
    assert extracting.returncode == 1
    assert b"batch resume" in said
    batch_id = up.json("batch", "list")["batches"][0]["batch_id"]
    before = ledger(up, batch_id)
    assert {"completed"} < {state for _, state, _ in before}, "it was killed in the middle"
    assert up.json("batch", "resume", batch_id, "--watch")["status"] == "completed"
    after = ledger(up, batch_id)
    assert {state for _, state, _ in after} == {"completed"}
    done_before = sum(state == "completed" for _, state, _ in before)
    assert sum(attempts for _, _, attempts in after) <= len(after) + (len(after) - done_before)
    assert sum(attempts == 1 for _, _, attempts in after) >= done_before
    chunks = (
        "SELECT count(*) FROM chunks JOIN case_documents d ON d.id = case_document_id "
        "WHERE d.name LIKE 'killed%'"
    )
    assert count(up, chunks) == 60, "each result once"


def test_a_recorder_killed_in_the_middle_of_a_batch_misses_nothing(up: Up, tmp_path: Path) -> None:
    """kill -9 while events come in: it is started again, and each row is what Prefect says."""
    for number in range(40):
        write_case(tmp_path / f"recorded {number:02}", f"Case {number}, 477 U.S. 317 (1986).", pages=3)
    with subprocess.Popen(
        [CASEMILL, "extract", str(tmp_path), "--home", str(up.home), "--json"],
        stdout=subprocess.PIPE,
        env=clean_environment(),
    ) as extracting:
        recorded = (
            "SELECT count(*) FROM task_attempts WHERE name LIKE 'recorded%' AND status = 'success' "
            "AND task_attempts.job_id IS NOT NULL"
        )
        eventually(lambda: count(up, recorded) >= 20, 120)
        recorder = next(
            process for process in processes_of(up.home) if "casemill.local.recorder" in process.cmdline()
        )
        recorder.kill()
        assert count(up, recorded) < 160, "it was killed before the end"
        said, _ = extracting.communicate(timeout=120)
    batch_id = json.loads(said)["batch_id"]
    [run] = up.prefect("/flow_runs/filter", {"flow_runs": {"tags": {"all_": [f"batch:{batch_id}"]}}})
    eventually(lambda: up.json("job", "show", run["id"])["status"] == "completed", 60)
    eventually(lambda: count(up, recorded) == 160, 120)
    job = up.json("job", "show", run["id"])
    assert (job["type"], job["progress"], job["batch_id"]) == ("extraction", 100, batch_id)
    assert job["worker"]
    assert {attempt["status"] for attempt in job["attempts_of_tasks"]} == {"success"}
    assert job["state_history"][-1]["status"] == "completed"


def test_a_step_that_does_not_exist_is_bad_usage(up: Up, tmp_path: Path) -> None:
    write_case(tmp_path / "one", "One.")
    up.run("extract", str(tmp_path), "--steps", "pars", status=2)
    up.run("extract", str(tmp_path / "nothing here"), status=2)


def test_a_second_up_on_the_same_home_is_refused(up: Up) -> None:
    done = subprocess.run(
        [CASEMILL, "up", "--home", up.home], capture_output=True, text=True, env=clean_environment()
    )
    assert done.returncode == 1
    assert "running on" in done.stderr


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [CASEMILL, "up", "--home", tmp_path, "--prefect-port", port],
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr


def test_stopped_in_the_middle_it_goes_on_with_the_job_at_the_next_start(
    tmp_path: Path, prefect_template: Path
) -> None:
    """Ctrl-C ends everything within 10 s; the second start finds yesterday's data and finishes its job."""
    up = start_up(tmp_path / "home", prefect_template)
    for number in range(40):
        write_case(tmp_path / "folder" / f"{number:02}", f"Case {number}, 477 U.S. 317.", pages=3)
    with subprocess.Popen(
        [CASEMILL, "extract", str(tmp_path / "folder"), "--home", str(up.home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    ) as extracting:
        eventually(lambda: count(up, "SELECT count(*) FROM case_steps WHERE state = 'completed'") >= 5, 120)
        assert up.stop() < 10
        extracting.kill()
    assert processes_of(up.home) == []
    assert count(up, "SELECT count(*) FROM case_steps WHERE state != 'completed'") > 0

    again = start_up(up.home)
    try:
        batch_id = again.json("batch", "list")["batches"][0]["batch_id"]
        eventually(lambda: all(state == "completed" for _, state, _ in ledger(again, batch_id)), 180)
    finally:
        os.kill(again.process.pid, signal.SIGKILL)
        again.process.wait()
    eventually(lambda: processes_of(up.home) == [], 15)


def test_without_a_running_server_extract_starts_what_it_needs(
    tmp_path: Path, prefect_template: Path
) -> None:
    write_case(tmp_path / "cases" / "alone", "All alone.")
    give_tables(tmp_path / "home", prefect_template)
    done = subprocess.run(
        [CASEMILL, "extract", tmp_path / "cases", "--home", tmp_path / "home", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed"
    assert processes_of(tmp_path / "home") == []
