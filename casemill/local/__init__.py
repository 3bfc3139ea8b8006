"""Casemill on one machine: what `casemill up` starts, and what the demo shows."""
