"""Outcomes: the details of a result, one row a finding."""

from django.db import models

from runtasks.models.result import RunTaskResult


class TagLevel(models.TextChoices):
    """How a tag is shown."""

    NONE = "none", "None"
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


class RunTaskOutcome(models.Model):
    """One finding. ``body`` is a stranger's Markdown; ``tags`` maps a name to ``[{"label", "level"}]``."""

    result = models.ForeignKey(RunTaskResult, on_delete=models.CASCADE, related_name="outcomes")
    outcome_id = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        verbose_name = "run task outcome"
        constraints = [
            models.UniqueConstraint(
                fields=["result", "outcome_id"], name="one_outcome_an_id_of_a_result"
            ),
        ]

    def __str__(self) -> str:
        return self.outcome_id
