"""The API and the pages: HTTP around operations, monitoring and access."""
