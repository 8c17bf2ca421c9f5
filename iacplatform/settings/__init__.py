"""Settings: ``base`` for every server, ``test`` for the tests, ``tooling`` for mypy and the like."""
