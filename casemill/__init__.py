"""Casemill: document work in the background, and the truth about it."""
