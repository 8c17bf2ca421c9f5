"""A pytest plugin: after a test that commits, rows are deleted where there are some.

Django truncates every table, and makes permissions and content types anew, which takes longer than most tests.
"""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = {"django_content_type", "auth_permission", "django_migrations"}
"""Made by migrating, and the same after any test."""


@pytest.fixture(autouse=True, scope="session")
def _tables_with_rows_are_emptied() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_tables())
        yield


def empty_tables() -> None:
    """Deletes all rows; foreign keys are looked at when all are gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL iacplatform.audit_retention = 'on'")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(" UNION ALL ".join(map(_has_rows, _tables())))
        for (table,) in cursor.fetchall():
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608  # the names are Django's


def _tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed} - KEPT)


def _has_rows(table: str) -> str:
    return f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")"  # noqa: S608
