"""What the admin's lists have in common."""

import pytest
from django.contrib import admin
from django.test import Client

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.pagination import COUNT_CAP
from tests.factories import TaskFactory, UserFactory
from workspaces.models import WorkspaceTask

pytestmark = pytest.mark.django_db


def test_a_list_of_the_admin_is_counted_no_further_than_its_pages_go() -> None:
    task = TaskFactory.create()
    fields = {"workspace": task.workspace, "task_type": "plan_only", "execution_mode": "local"}
    WorkspaceTask.objects.bulk_create(WorkspaceTask(**fields) for _ in range(COUNT_CAP + 5))
    client = Client()
    client.force_login(UserFactory.create(superuser=True))

    changes = client.get("/admin/workspaces/workspacetask/").context["cl"]
    assert (changes.result_count, changes.full_result_count) == (COUNT_CAP, None)


def test_no_list_of_the_admin_counts_what_each_filter_would_find() -> None:
    ours = [each for each in admin.site._registry.values() if isinstance(each, ReadOnlyAdmin)]
    assert ours
    assert {each.show_facets for each in ours} == {admin.ShowFacets.NEVER}
