"""Model fields whose values are encrypted in the database (design §7)."""

import json
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
            value = seal(self.to_bytes(value))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Unseals what the column holds."""
        return None if value is None else self.from_bytes(unseal(bytes(value)))

    def to_bytes(self, value: Any) -> bytes:
        """What is sealed."""
        return bytes(value)

    def from_bytes(self, content: bytes) -> Any:
        """What was sealed."""
        return content

    def value_to_string(self, obj: models.Model) -> str:
        """Never serialises the clear text (``dumpdata``)."""
        return ""


class EncryptedTextField(EncryptedBinaryField):
    """Text, sealed with AES-256-GCM in the column; ``None`` stays NULL."""

    def to_bytes(self, value: Any) -> bytes:
        """What is sealed."""
        return str(value).encode()

    def from_bytes(self, content: bytes) -> str:
        """What was sealed."""
        return content.decode()


class EncryptedJSONField(EncryptedBinaryField):
    """What JSON can hold, sealed with AES-256-GCM in the column; ``None`` stays NULL."""

    def to_bytes(self, value: Any) -> bytes:
        """What is sealed."""
        return json.dumps(value).encode()

    def from_bytes(self, content: bytes) -> Any:
        """What was sealed."""
        return json.loads(content)
