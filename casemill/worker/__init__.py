"""The warm worker: a Prefect worker that forks each run from a process that has everything imported.

worker.py ── asks Prefect for runs, sees each through to its end
  preparation.py ── what a run needs to be started
  hands.py ── the runs it has in hand, which may be asked to end meanwhile
  warm_processes.py ── its fork parents, one for each directory of code, replaced when that code changed
    warm_process.py ── one of them, as the worker sees it
      fork_parent.py ── the process itself: no threads, no event loop, forks on demand
        rehearsal.py ── what a run would load first, loaded once for all
        run_order.py ── what a forked process does: one run, as Prefect's own subprocess would
"""
