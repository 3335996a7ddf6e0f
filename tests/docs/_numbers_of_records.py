"""."""

PAGES: dict = {}
