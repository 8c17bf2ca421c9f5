"""What an operator sees of drift, and may do about it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.admin_pages import (
    act,
    colleague,
    list_page,
    messages,
    operator,
    page,
    refusals,
    signed_in,
    text,
)
from tests.domain import a_user
from tests.workspaces.drift.checks import (
    a_deployed_workspace,
    a_finished_check,
    a_running_check,
    drifted,
    status_of,
)
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftSettings, DriftStatus
from workspaces.drift.services.configuration import create_rule, update_settings
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return signed_in(operator())


@pytest.fixture
def workspace() -> Workspace:
    """One in which something drifted."""
    workspace = a_deployed_workspace()
    a_finished_check(
        workspace, drifted("aws_eip.gone", action="delete"), drifted("aws_eip.big", size=(1, "<b>"))
    )
    return workspace


def test_the_history_can_be_narrowed_by_severity(browser: Client, workspace: Workspace) -> None:
    a_finished_check(a_deployed_workspace("clean"))

    everything = text(browser.get(list_page(DriftCheck)))
    assert "shop" in everything
    assert "No drift" in everything
    worst = text(browser.get(list_page(DriftCheck, severity__exact="destroyed")))
    assert "2 drifted" in worst
    assert "No drift" not in worst


def test_a_check_shows_what_differs(browser: Client, workspace: Workspace) -> None:
    body = text(browser.get(page(DriftCheck.objects.get())))

    for shown in ("aws_eip.gone", "Destroyed", "size: 1 → &lt;b&gt;", "2 drifted"):
        assert shown in body, shown


def test_a_long_finding_is_cut(browser: Client) -> None:
    check = a_finished_check(
        a_deployed_workspace(), *(drifted(f"aws_eip.e{number}") for number in range(250))
    )

    assert "250 objects in all" in text(browser.get(page(check)))


def test_the_tasks_page_has_what_its_check_found(browser: Client, workspace: Workspace) -> None:
    body = text(browser.get(page(DriftCheck.objects.get().task)))

    assert "<h2>Drift check</h2>" in body
    assert "aws_eip.gone" in body


def test_a_status_says_where_the_workspace_stands(browser: Client, workspace: Workspace) -> None:
    body = text(browser.get(page(status_of(workspace))))

    for shown in ("2 drifted", "Destroyed", "Success", "ignore rules"):
        assert shown in body, shown
    listed = text(browser.get(list_page(DriftStatus, has_drift__exact="1")))
    assert "shop" in listed


def test_a_check_is_started_and_cancelled(browser: Client, workspace: Workspace) -> None:
    status = status_of(workspace)

    (said,) = messages(act(browser, "check_now", status))
    assert "was started" in said
    (said,) = messages(act(browser, "check_now", status))
    assert "wait for its end or cancel it" in said
    assert "end without a result" in text(act(browser, "cancel_check", status))
    (said,) = messages(act(browser, "cancel_check", status, confirmed="yes"))
    assert "1 checks are being cancelled" in said
    assert status_of(workspace).check_status == "cancelled"


def test_the_page_offers_the_action_that_makes_sense(browser: Client, workspace: Workspace) -> None:
    def offered() -> set[str]:
        context = browser.get(page(status_of(workspace))).context
        return {name for name, _ in context["object_actions"]}

    assert offered() == {"check_now"}
    a_running_check(workspace)
    assert offered() == {"cancel_check"}


def test_scheduled_checks_are_switched_off_and_on(browser: Client, workspace: Workspace) -> None:
    settings = update_settings(workspace, time_zone="Asia/Tokyo")
    assert "07:00 to 22:00 Asia/Tokyo" in text(browser.get(page(settings)))

    act(browser, "switch_off", settings)
    assert not DriftSettings.objects.get().drift_check_enabled
    act(browser, "switch_on", settings)
    assert DriftSettings.objects.get().drift_check_enabled


def test_a_rule_is_removed_after_asking(browser: Client, workspace: Workspace) -> None:
    rule = create_rule(workspace, user=a_user("grace"), address_pattern="*", reason="the bot")
    assert not status_of(workspace).has_drift

    asked = text(act(browser, "remove", rule))
    assert "the bot" in asked
    assert DriftIgnoreRule.objects.exists()

    act(browser, "remove", rule, confirmed="yes")
    assert not DriftIgnoreRule.objects.exists()
    assert status_of(workspace).has_drift


@pytest.mark.parametrize(("after", "shown"), [(None, "For ever"), (1, "Until "), (-1, "Expired ")])
def test_a_rule_says_how_long_it_counts(
    browser: Client, workspace: Workspace, after: int | None, shown: str
) -> None:
    moment = None if after is None else timezone.now() + timedelta(days=after)
    rule = create_rule(
        workspace, user=a_user("grace"), address_pattern="*", reason="known", expires_at=moment
    )

    assert shown in text(browser.get(page(rule)))


def test_nothing_is_changed_by_a_form(browser: Client, workspace: Workspace) -> None:
    rule = create_rule(workspace, user=a_user("grace"), address_pattern="x", reason="known")
    rows: list[Any] = [DriftCheck.objects.get(), status_of(workspace), rule]
    for row in [*rows, update_settings(workspace)]:
        assert refusals(browser, row) == [403, 403, 403]


def test_who_may_only_look_has_no_actions(workspace: Workspace) -> None:
    browser = signed_in(colleague("view_driftstatus"))

    act(browser, "check_now", status_of(workspace))

    assert DriftCheck.objects.count() == 1
    assert browser.get(page(status_of(workspace))).context["object_actions"] == []
