"""Model fields whose values are encrypted in the database (design §7)."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from iacplatform.common.encryption import seal, unseal

if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField


class EncryptedBinaryField(_BinaryField):
    """Bytes, sealed with AES-256-GCM in the column; ``None`` stays NULL."""

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is not None and not prepared:
            value = seal(bytes(value))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Unseals what the column holds."""
        return None if value is None else unseal(bytes(value))


class EncryptedTextField(_BinaryField):
    """Text, sealed with AES-256-GCM in the column (as bytes); ``None`` stays NULL."""

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is not None and not prepared:
            value = seal(str(value).encode())
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Unseals what the column holds."""
        return None if value is None else unseal(bytes(value)).decode()

    def value_to_string(self, obj: models.Model) -> str:
        """Never serialises the clear text."""
        return ""
