"""Sealing with the primary key what an older key sealed, beside running workers.

A value that carries the primary key already is not read, so an interrupted rotation goes on where it
stopped. Each value is replaced by compare-and-set on its old bytes: what a worker writes meanwhile
stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import BinaryField, ExpressionWrapper, F, Func

from iacplatform.common.encryption import FORMAT, DecryptionError, keyring
from iacplatform.common.fields import EncryptedBinaryField


class Resealed(Enum):
    """What became of one value."""

    DONE = "re-encrypted"
    CHANGED = "changed meanwhile"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class EncryptedColumn:
    """An encrypted field of a model."""

    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.name}"

    def outdated(self) -> "models.QuerySet[Any]":
        """The rows whose value is not sealed with the primary key, in the order of their ids."""
        header = FORMAT + keyring()[0].key_id
        start = Func(
            F(self.name),
            template=f"substring(%(expressions)s from 1 for {len(header)})",
            output_field=BinaryField(),
        )
        filled = self.model._base_manager.exclude(**{self.name: None})
        rows: models.QuerySet[Any] = filled.alias(sealed_with=start).exclude(sealed_with=header)
        return rows.order_by("pk")

    def batches(self, size: int) -> Iterator[list[Any]]:
        """The ids of the outdated rows, at most ``size`` at a time; no row comes twice."""
        rows = self.outdated()
        while ids := list(rows.values_list("pk", flat=True)[:size]):
            yield ids
            rows = self.outdated().filter(pk__gt=ids[-1])

    def reseal(self, pk: Any) -> Resealed:
        """Seals one value with the primary key, unless somebody wrote it since it was read."""
        bytes_in_column = ExpressionWrapper(F(self.name), output_field=BinaryField())
        row = self.model._base_manager.filter(pk=pk).annotate(sealed=bytes_in_column)
        try:
            read = row.values_list("sealed", self.name).first()
        except DecryptionError:
            return Resealed.UNREADABLE
        if read is None:
            return Resealed.CHANGED
        sealed, content = read
        replaced = row.filter(sealed=sealed).update(**{self.name: content})
        return Resealed.DONE if replaced else Resealed.CHANGED


def encrypted_columns() -> list[EncryptedColumn]:
    """Every encrypted field of every installed app's models."""
    return [
        EncryptedColumn(model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedBinaryField)
    ]
