"""The worker of this machine, ending with the process that started it.

python -m casemill.local.prefect_worker POOL NAME
"""

import signal
import sys

from casemill.local.lifeline import end_with_parent
from casemill.local.prefect_command import run_prefect
from casemill.worker.family import worker_type

if __name__ == "__main__":
    end_with_parent()
    # Told to end, Prefect's worker sends itself a SIGINT, which a shell has its background commands ignore
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_prefect("worker", "start", "--pool", sys.argv[1], "--name", sys.argv[2], "--type", worker_type())
