"""What the sandbox's endpoints do (reference §6.1, runtask-test-platform)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """How one address behaves.

    ``answer`` is the status that is called back, empty where nobody ever calls back; ``delayed`` comes
    after the delay, with progress before it; ``refuses_first`` answers 503 to the first webhook of
    each result.
    """

    does: str
    answer: str = ""
    delayed: bool = False
    refuses_first: bool = False


ENDPOINTS = {
    "/success": Endpoint("accepts and passes at once", "passed"),
    "/failure": Endpoint("accepts and fails at once", "failed"),
    "/timeout": Endpoint("accepts and never calls back"),
    "/delayed-success": Endpoint(
        "accepts, reports progress, passes after the delay", "passed", delayed=True
    ),
    "/flaky": Endpoint(
        "answers 503 to the first webhook of each result, then as /success",
        "passed",
        refuses_first=True,
    ),
}
TEST = "/test"
