"""The stages of a task: one module each, with ``run(stage) -> StageOutcome``."""
