"""How a stage attempt ended and what it made; stored in the transaction that closes the stage."""

from dataclasses import dataclass, field
from typing import Any, Literal

from iacplatform.terraform.plan import PlanSummary

Result = Literal["done", "failed", "cancelled", "handed_over", "postponed"]
StateSource = Literal["engine", "work_directory", "checkpoint", "nothing"]


@dataclass(frozen=True)
class InitOutput:
    """What ``init`` leaves for the next one: lock file and the hash that decides ``-upgrade``."""

    lock_file: str
    init_hash: str
    engine_version: str


@dataclass(frozen=True)
class PlanFileOutput:
    """The plan file that ``planning`` wrote and its sha256 (hex)."""

    content: bytes = field(repr=False)
    plan_hash: str


@dataclass(frozen=True)
class PlanOutput:
    """The plan as ``show -json`` tells it (the engine's own bytes) and what was read from it.

    In the summary the task's sensitive values are masked, wherever the plan shows them.
    """

    plan_json: bytes = field(repr=False)
    summary: PlanSummary


@dataclass(frozen=True)
class ApplyOutput:
    """The state file after ``applying`` (``None`` if there is none) and the root outputs.

    ``outputs`` maps a name to ``{"value", "type", "sensitive"}``, ``resource_ids`` an address to the
    cloud's id; sensitive values are masked in both. ``source`` says where the state was found:
    it is whole if that is ``engine`` or ``work_directory``.
    """

    state: bytes | None = field(repr=False)
    outputs: dict[str, Any] = field(default_factory=dict)
    resource_ids: dict[str, str] = field(default_factory=dict)
    source: StateSource = "engine"


@dataclass(frozen=True)
class SavedStateOutput:
    """What ``saving_state`` stored; ``lock_reason`` is set when all tries failed."""

    version: int | None = None
    lock_reason: str = ""


StageOutput = InitOutput | PlanFileOutput | PlanOutput | ApplyOutput | SavedStateOutput


@dataclass(frozen=True)
class StageOutcome:
    """The end of one attempt at one stage.

    ``handed_over`` means that the worker was told to stop and another one has to do the stage, which
    does not count as an attempt; ``postponed`` that the engine of an earlier attempt is still alive
    here, so that the stage has to be done elsewhere or, a rescue above all, later.
    ``message`` is what a person reads in the timeline: why it was skipped, or what failed (the
    engine's own words, whole). ``last_line`` is the number of the last log line written.
    """

    result: Result
    message: str = ""
    skipped: bool = False
    output: StageOutput | None = None
    last_line: int = 0
