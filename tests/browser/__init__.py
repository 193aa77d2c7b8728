"""The report's page in a real browser: `nox -s page`."""
