"""The page about run triggers has every field and every status."""

import re

import pytest
from rest_framework import serializers

from tests.docs.test_completeness import REFERENCE
from triggers.api.serializers.executions import TriggerExecutionSerializer
from triggers.api.serializers.run_triggers import RunTriggerSerializer
from triggers.models import ExecutionStatus, TriggerCondition
from triggers.services.configuration import ELSEWHERE, EXISTS, ITSELF
from triggers.services.graph import CYCLE

PAGE = REFERENCE["run-triggers"]
SHORTENED = re.compile(r"_workspace_name$")


@pytest.mark.parametrize("serializer", [RunTriggerSerializer, TriggerExecutionSerializer])
def test_the_page_has_every_field(serializer: type[serializers.BaseSerializer[object]]) -> None:
    fields = {SHORTENED.sub("_workspace_id", name) for name in serializer().fields}  # type: ignore[attr-defined]

    assert {
        name for name in fields - {"created_at", "updated_at"} if f"`{name}`" not in PAGE
    } == set()


def test_the_page_has_every_status_and_every_refusal() -> None:
    words = [*(f"`{status}`" for status in [*ExecutionStatus.values, *TriggerCondition.values])]

    assert [each for each in [*words, ITSELF, EXISTS, CYCLE, ELSEWHERE] if each not in PAGE] == []
