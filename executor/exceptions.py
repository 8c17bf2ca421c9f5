"""What can go wrong while a stage is run."""

from executor.core.accessor import AttemptLost


class Fenced(AttemptLost):
    """The claim is no longer ours: another attempt has the stage, so nothing may be written."""
