"""RQ's part of job_start.py, run by it in an environment of its own.

python job_start_rq.py SOCKET IDLE RUNS
"""

import json
import statistics
import sys
import time

import psutil


def nothing() -> None:
    pass


def sits() -> None:
    time.sleep(3)


def main(path: str, idle: int, runs: int) -> dict[str, float]:
    from redis import Redis
    from rq import Queue

    queue = Queue(connection=Redis(unix_socket_path=path))
    wait(queue.enqueue("job_start_rq.nothing"))
    times = []
    for _ in range(idle):
        time.sleep(0.2)
        job = queue.enqueue("job_start_rq.nothing")
        wait(job)
        times.append((job.started_at - job.enqueued_at).total_seconds())
    begun = time.monotonic()
    for job in [queue.enqueue("job_start_rq.nothing") for _ in range(runs)]:
        wait(job)
    seconds = time.monotonic() - begun
    job = queue.enqueue("job_start_rq.sits")
    time.sleep(1.5)
    memory = 0
    for process in psutil.process_iter():
        try:
            if "rq.cli" in process.cmdline() and not process.children():
                memory = process.memory_full_info().pss
        except psutil.Error:
            continue
    wait(job)
    return {
        "start_p50": round(statistics.median(times), 3),
        "start_p95": round(sorted(times)[max(0, round(0.95 * len(times)) - 1)], 3),
        "per_second": round(runs / seconds, 1),
        "memory_mib": round(memory / 2**20, 1),
    }


def wait(job: object) -> None:
    while not job.is_finished:
        time.sleep(0.002)
        job.refresh()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
