"""The steps of a case's extraction: one file a step, each registering itself."""
