"""Workspaces when several people make the same one at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from iacplatform.common.errors import Conflict
from tests.factories import EngineVersionFactory, UserFactory
from workspaces.models import EngineVersion, Workspace
from workspaces.services.engine_versions import set_default
from workspaces.services.workspaces import create_workspace


@pytest.mark.django_db(transaction=True)
def test_of_several_workspaces_of_one_name_only_one_is_made() -> None:
    user = UserFactory.create()

    def create(_: int) -> str:
        try:
            return create_workspace(user=user, name="shop").name
        except Conflict as error:
            return next(iter(error.fields))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(create, range(4)))
    assert results == ["name", "name", "name", "shop"]
    assert Workspace.objects.count() == 1


@pytest.mark.django_db
def test_a_superuser_without_an_organization_creates_in_the_seeded_one() -> None:
    root = UserFactory.create(superuser=True, organizations=[])
    UserFactory.create()
    assert create_workspace(user=root, name="shop").organization.name == "default"


@pytest.mark.django_db
def test_the_default_engine_is_one() -> None:
    first, second = EngineVersionFactory.create(default=True), EngineVersionFactory.create()
    set_default(second)
    defaults = EngineVersion.objects.filter(is_default=True)
    assert list(defaults) == [second]
    assert first != second
