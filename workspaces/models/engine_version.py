"""Engines that tasks may be run with."""

from django.db import models
from django.db.models import Q


class Engine(models.TextChoices):
    """Which program it is."""

    TERRAFORM = "terraform", "Terraform"
    OPENTOFU = "opentofu", "OpenTofu"


class EngineVersion(models.Model):
    """A released engine binary: where its zip archive is and what its sha256 must be."""

    engine = models.CharField(max_length=20, choices=Engine.choices, default=Engine.TERRAFORM)
    version = models.CharField(max_length=50)
    download_url = models.CharField(max_length=1000)
    checksum = models.CharField(max_length=64, help_text="sha256 of the zip archive, in hex")
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    deprecated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["engine", "version"]
        constraints = [
            models.UniqueConstraint(fields=["engine", "version"], name="one_row_an_engine_version"),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_engine"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(enabled=True),
                name="the_default_engine_is_enabled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.engine} {self.version}"
