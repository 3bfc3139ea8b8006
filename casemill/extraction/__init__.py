"""Text out of uploaded files: one contract, a registry, one file per format, and a sandbox around it all."""
