"""The recorder as a process of its own, ending with the one that started it.

python -m casemill.local.recorder
"""

from casemill.local.lifeline import end_with_parent
from casemill.monitoring.recorder import ended_by_signal, run_recorder
from casemill.settings import read_settings


def main() -> None:
    end_with_parent()
    run_recorder(read_settings(), ended_by_signal())


if __name__ == "__main__":
    main()
