"""``manage.py setup_token``: lets one person set up a new installation."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from iacplatform.accounts.setup.services import new_setup_token
from iacplatform.common.errors import Conflict


class Command(BaseCommand):
    """Prints a fresh token and nothing else, so that a script can read it."""

    help = "Prints the token that /setup asks for; an earlier one no longer works."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prints the token; raises ``CommandError`` once the platform has been set up."""
        try:
            self.stdout.write(new_setup_token())
        except Conflict as error:
            raise CommandError(str(error)) from None
