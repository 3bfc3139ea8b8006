"""Prefect block types: endpoints and credentials. Their `open()` returns a casemill object."""
