"""Settings and ignore rules over REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.factories import StateVersionFactory, WorkspaceFactory
from tests.workspaces.drift.checks import a_finished_check, drifted
from workspaces.drift.models import DriftIgnoreRule, DriftSettings
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
DEFAULTS = {
    "drift_check_enabled": True,
    "drift_check_start_time": "07:00:00",
    "drift_check_end_time": "22:00:00",
    "drift_check_interval": 1440,
    "time_zone": "",
    "continue_on_failure": False,
    "continue_on_success": False,
}


def test_a_workspace_begins_with_the_defaults(api: APIClient, base: str) -> None:
    assert api.get(f"{base}/drift-config").data == DEFAULTS
    assert not DriftSettings.objects.exists()


def test_what_is_given_is_changed_and_the_rest_stays(api: APIClient, base: str) -> None:
    night = {"drift_check_start_time": "22:00", "drift_check_end_time": "06:00:00"}
    api.put(f"{base}/drift-config", night, format="json")

    answer = api.put(f"{base}/drift-config", {"time_zone": "Asia/Tokyo"}, format="json")

    expected = DEFAULTS | {
        "drift_check_start_time": "22:00:00",
        "drift_check_end_time": "06:00:00",
        "time_zone": "Asia/Tokyo",
    }
    assert (answer.status_code, answer.data) == (200, expected)
    assert api.get(f"{base}/drift-config").data == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("drift_check_interval", 9),
        ("drift_check_interval", 43_201),
        ("drift_check_start_time", "25:00"),
        ("drift_check_end_time", "noon"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("drift_check_enabled", "perhaps"),
    ],
)
def test_a_bad_value_is_refused_by_name(api: APIClient, base: str, field: str, value: Any) -> None:
    answer = api.put(f"{base}/drift-config", {field: value}, format="json")

    assert (answer.status_code, list(answer.data["fields"])) == (400, [field])
    assert not DriftSettings.objects.exists()


RULE = {"address_pattern": "aws_eip.*", "attribute_path": "tags", "reason": "The bot tags them"}


def test_a_rule_is_made_changed_and_removed(api: APIClient, base: str) -> None:
    made = api.post(f"{base}/drift-ignore-rules", RULE, format="json")
    assert made.status_code == 201
    assert made.data["created_by"] == "ada"
    address = f"{base}/drift-ignore-rules/{made.data['rule_id']}"

    changed = api.patch(address, {"attribute_path": ""}, format="json")
    assert (changed.status_code, changed.data["attribute_path"]) == (200, "")
    assert api.get(f"{base}/drift-ignore-rules").data["items"] == [changed.data]

    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_a_rule_takes_effect_at_once(api: APIClient, base: str, workspace: Workspace) -> None:
    StateVersionFactory.create(workspace=workspace)
    a_finished_check(workspace, drifted())

    api.post(f"{base}/drift-ignore-rules", RULE | {"attribute_path": ""}, format="json")

    assert api.get(f"{base}/drift-status").data["has_drift"] is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address_pattern", ""),
        ("address_pattern", "x" * 501),
        ("reason", " "),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
    ],
)
def test_a_bad_rule_is_refused_by_name(api: APIClient, base: str, field: str, value: str) -> None:
    answer = api.post(f"{base}/drift-ignore-rules", RULE | {field: value}, format="json")

    assert (answer.status_code, list(answer.data["fields"])) == (400, [field])


def test_a_rule_may_expire(api: APIClient, base: str) -> None:
    moment = (timezone.now() + timedelta(days=7)).isoformat()

    answer = api.post(f"{base}/drift-ignore-rules", RULE | {"expires_at": moment}, format="json")

    assert answer.status_code == 201
    assert DriftIgnoreRule.objects.in_force().count() == 1


def test_a_rule_is_found_in_its_own_workspace_only(api: APIClient, base: str) -> None:
    made = api.post(f"{base}/drift-ignore-rules", RULE, format="json").data
    other = WorkspaceFactory.create(name="other")

    path = f"/api/v1/workspaces/{other.workspace_id}/drift-ignore-rules/{made['rule_id']}"

    assert api.delete(path).status_code == 404
    assert DriftIgnoreRule.objects.count() == 1
