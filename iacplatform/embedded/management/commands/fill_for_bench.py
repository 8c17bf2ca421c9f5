"""``manage.py fill_for_bench``: the rows that `make bench-api` reads."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from iacplatform.embedded.bench_rows import fill
from workspaces.models import Workspace


class Command(BaseCommand):
    """Fills a database that is empty; it is of no use for anything else afterwards."""

    help = "Fill an empty, migrated database with what `make bench-api` measures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--workspaces", type=int, default=1000)

    def handle(self, *_: Any, **options: Any) -> None:
        """Prints a token and what it is to ask for, as JSON."""
        if Workspace.objects.exists():
            raise CommandError("There are workspaces in this database already.")
        self.stdout.write(json.dumps(asdict(fill(options["workspaces"]))))
