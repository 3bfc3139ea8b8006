"""What Prefect knows of our jobs: the only place that talks to its API."""
