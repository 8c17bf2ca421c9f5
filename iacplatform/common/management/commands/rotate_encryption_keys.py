"""``manage.py rotate_encryption_keys``: after it, the older keys can go (design §7)."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from iacplatform.common.rotation import EncryptedColumn, Resealed, encrypted_columns


class Command(BaseCommand):
    """Re-encrypts what older keys encrypted; may be interrupted, and run beside workers."""

    help = (
        "Re-encrypts every value that is not encrypted with the first key of ENCRYPTION_KEYS. "
        "Restart all processes with the new key first in the list, then run this, then remove "
        "the old key. It can be interrupted and run again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument("--dry-run", action="store_true", help="only count the values")
        parser.add_argument("--batch-size", type=int, default=500, help="values per progress line")

    def handle(self, *_args: Any, dry_run: bool, batch_size: int, **_options: Any) -> None:
        """Counts, or re-encrypts column by column; fails where values with an old key are left."""
        if batch_size < 1:
            raise CommandError("--batch-size must be at least 1")
        columns = encrypted_columns()
        if not dry_run:
            for column in columns:
                self._rotate(column, batch_size)
        self._conclude(columns, dry_run=dry_run)

    def _rotate(self, column: EncryptedColumn, batch_size: int) -> None:
        counts: Counter[Resealed] = Counter()
        for ids in column.batches(batch_size):
            for pk in ids:
                outcome = column.reseal(pk)
                counts[outcome] += 1
                if outcome is Resealed.UNREADABLE:
                    self.stderr.write(f"{column} of row {pk}: no configured key opens it")
            progress = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
            self.stdout.write(f"{column}: {progress}")

    def _conclude(self, columns: list[EncryptedColumn], *, dry_run: bool) -> None:
        left = {column: column.outdated().count() for column in columns}
        for column, count in left.items():
            if count or dry_run:
                self.stdout.write(f"{column}: {count} not encrypted with the first key")
        total = sum(left.values())
        if dry_run:
            self.stdout.write(f"{total} values would be re-encrypted")
            return
        if total:
            raise CommandError(
                f"{total} values are not encrypted with the first key: keep the older keys. If no "
                "row is named above, a process wrote with an older key: restart it and run again"
            )
        self.stdout.write("Every value is encrypted with the first key: older keys can be removed")
