"""What can go wrong with the embedded services; each text is meant for a person at a terminal."""


class EmbeddedError(Exception):
    """Base of them all."""


class NotInstalledError(EmbeddedError):
    """A program is missing; the text says what to install or which variable to set."""


class ChildFailedError(EmbeddedError):
    """A child process ended by itself or was not ready in time; the text has its log's end."""


class DemoFailedError(EmbeddedError):
    """The demo did not come to its end; the text says where it stopped."""


class RunDirectoryInUseError(EmbeddedError):
    """Another command runs its services in this directory."""
