"""What a run is asked for, and what it counts."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """One run of ``python -m tests.api_fuzz``."""

    examples: int = 10
    seed: int = 6
    coverage: bool = True
    expression: str = ""
    cases: int = 0
    seconds: float = 0
    found: list[str] = field(default_factory=list)
    looked_at: int = 0
    operations: set[str] = field(default_factory=set)


TALLY = Tally()
