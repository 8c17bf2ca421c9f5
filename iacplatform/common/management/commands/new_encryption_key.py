"""``manage.py new_encryption_key``: a key for ``ENCRYPTION_KEYS``."""

import base64
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints a fresh key and nothing else, so that a script can read it."""

    help = "Prints a new AES-256 key in URL-safe base64; put it first in ENCRYPTION_KEYS."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prints the key."""
        key = AESGCM.generate_key(bit_length=256)
        self.stdout.write(base64.urlsafe_b64encode(key).decode())
