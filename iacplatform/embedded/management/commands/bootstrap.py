"""``manage.py bootstrap``: the database of a new installation, its administrator and its engine."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from iacplatform.accounts.models import DEFAULT_ORGANIZATION, Membership, Organization, User
from iacplatform.accounts.services import create_api_token
from iacplatform.accounts.setup.services import close_setup
from workspaces.models import EngineVersion
from workspaces.services.engine_versions import set_default

TOKEN_LIFETIME = timedelta(days=1)


class Command(BaseCommand):
    """Sets up what `make up` and `make demo` need; run again, it changes what differs."""

    help = "Migrate the database, create the first administrator and register an engine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--password", required=True)
        parser.add_argument("--engine", help="JSON: engine, version, download_url, checksum")

    def handle(self, *_: Any, **options: Any) -> None:
        """Prints the administrator's API token, valid for a day, as JSON."""
        call_command("migrate", verbosity=0, interactive=False)
        with transaction.atomic():
            user = _administrator(options["username"], options["password"])
            close_setup()
            if options["engine"]:
                _register_engine(json.loads(options["engine"]))
            _row, token = create_api_token(
                user, name="bootstrap", expires_at=timezone.now() + TOKEN_LIFETIME
            )
        self.stdout.write(json.dumps({"username": user.get_username(), "token": token}))


def _administrator(username: str, password: str) -> User:
    user, _ = User.objects.get_or_create(
        username=username, defaults={"is_staff": True, "is_superuser": True}
    )
    user.set_password(password)
    user.save(update_fields=["password"])
    organization = Organization.objects.get(name=DEFAULT_ORGANIZATION)
    Membership.objects.update_or_create(
        organization=organization, user=user, defaults={"is_owner": True}
    )
    return user


def _register_engine(archive: dict[str, str]) -> None:
    version, _ = EngineVersion.objects.update_or_create(
        engine=archive["engine"],
        version=archive["version"],
        defaults={"download_url": archive["download_url"], "checksum": archive["checksum"]},
    )
    set_default(version)
