"""Sizes that take their time: ``make test-large``."""

import pytest

from tests.system.platform import Platform

RESOURCES = 20_000

pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]


def test_a_plan_of_twenty_thousand_resources_goes_through_whole(platform: Platform) -> None:
    many = {"count": RESOURCES, "input": "${count.index}"}
    workspace = platform.workspace({"resource": {"terraform_data": {"many": many}}})

    task = workspace.start("plan_only")

    assert task.wait(seconds=500) == "success"
    detail = task.get()
    assert detail["changes_add"] == RESOURCES
    page = task.get("/resource-changes", page=200, page_size=100)
    assert (page["summary"]["add"], len(page["items"])) == (RESOURCES, 100)
    assert page["total_is_exact"] is False
    assert f"Plan: {RESOURCES} to add" in task.log("plan")
