"""The warm worker: a Prefect worker that forks each run from a process that has everything imported.

worker.py ── asks Prefect for runs, sees each through to its end
  forks.py ── its fork parents, one for each directory of code, replaced when that code changed
    fork_parent.py ── the process itself: no threads, no event loop, forks on demand
      child.py ── what a forked process does: one run, as Prefect's own subprocess would
"""
