"""What an operator sees of run triggers, and may do to them."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

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
from tests.domain import a_task, a_user, a_workspace
from tests.triggers.factories import applied_task, chain, link, only_execution, triggered_tasks
from triggers.models import RunTrigger, TaskTriggerExecution
from triggers.services.firing import fire_due
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return signed_in(operator())


def waiting_execution() -> TaskTriggerExecution:
    """One whose target is locked."""
    network, shop = chain("network", "shop")
    lock_workspace(shop, user=a_user(), reason="Moving house")
    applied_task(network)
    fire_due()
    return only_execution()


def test_a_trigger_is_shown_with_both_ends(browser: Client) -> None:
    chain("network", "shop", auto_apply=True)
    trigger = RunTrigger.objects.get()
    for body in (text(browser.get(page(trigger))), text(browser.get(list_page(RunTrigger)))):
        for shown in ("network", "shop", "is applied by itself", "0 tasks", "badge-good"):
            assert shown in body, shown


def test_a_trigger_is_switched_off_and_on(browser: Client) -> None:
    chain("network", "shop")
    trigger = RunTrigger.objects.get()

    assert messages(act(browser, "disable", trigger)) == ["network → shop is disabled"]
    trigger.refresh_from_db()
    assert not trigger.enabled
    assert messages(act(browser, "enable", trigger)) == ["network → shop is enabled"]


def test_a_trigger_that_would_close_a_cycle_stays_off(browser: Client) -> None:
    """F42: re-enabling cannot create a cycle, in the admin neither."""
    network, shop = chain("network", "shop")
    back = link(shop, network, enabled=False)

    (told,) = messages(act(browser, "enable", back))

    assert "would create a circular dependency" in told
    back.refresh_from_db()
    assert not back.enabled


def test_what_waits_and_why_is_found_by_a_filter(browser: Client) -> None:
    execution = waiting_execution()
    a_task(Workspace.objects.get(name="network"))
    body = text(browser.get(list_page(TaskTriggerExecution, waits="yes")))

    assert execution.execution_id in body
    assert "Due, waits" in body
    assert "Waits: The workspace is locked by ada: Moving house" in body
    assert "1 trigger execution" in body
    assert "Moving house" in text(browser.get(page(execution)))


def test_what_waits_is_skipped_after_asking_and_can_be_tried_again(browser: Client) -> None:
    execution = waiting_execution()
    assert "These targets get no task" in text(act(browser, "skip", execution))
    assert only_execution().waits

    done = act(browser, "skip", execution, confirmed="yes")
    assert messages(done) == [f"task #{execution.source_task_id} → shop is skipped"]
    assert (only_execution().status, only_execution().message) == ("skipped", "Skipped by olivia")

    done = act(browser, "try_again", execution, confirmed="yes")
    assert messages(done) == [f"task #{execution.source_task_id} → shop is due again"]
    assert only_execution().waits


def test_what_has_been_triggered_is_refused_with_a_sentence(browser: Client) -> None:
    network, _ = chain("network", "shop")
    applied_task(network)
    fire_due()

    (told,) = messages(act(browser, "skip", only_execution(), confirmed="yes"))

    assert told == "The trigger of shop is triggered and cannot be switched"


def test_nothing_is_changed_by_a_form(browser: Client) -> None:
    waiting_execution()
    for row in (RunTrigger.objects.get(), only_execution()):
        assert refusals(browser, row) == [403, 403, 403]


def test_who_may_only_look_cannot_act() -> None:
    execution = waiting_execution()
    browser = signed_in(colleague("view_tasktriggerexecution", "view_runtrigger"))
    assert 'value="skip"' not in text(browser.get(page(execution)))
    act(browser, "skip", execution, confirmed="yes")
    act(browser, "disable", RunTrigger.objects.get())

    assert only_execution().waits
    assert RunTrigger.objects.get().enabled


def test_the_page_of_a_task_shows_what_it_triggers_and_by_what_it_was_triggered(
    browser: Client,
) -> None:
    network, shop, _ = chain("network", "shop", "report")
    source = applied_task(network)
    fire_due()
    (made,) = triggered_tasks(shop)
    of_source, of_made = text(browser.get(page(source))), text(browser.get(page(made)))

    assert "<h2>Run triggers</h2>" in of_source
    assert f"task #{made.pk}" in of_source
    assert "Triggered by <a" in of_made
    assert f"task #{source.pk}" in of_made
    assert "report" in of_made


def test_a_task_without_triggers_has_no_such_section(browser: Client) -> None:
    task = a_task(a_workspace())

    assert "<h2>Run triggers</h2>" not in text(browser.get(page(task)))


def test_the_page_of_what_has_lost_its_target_is_shown(browser: Client) -> None:
    execution = waiting_execution()
    Workspace.objects.filter(name="shop").delete()

    body = text(browser.get(page(execution)))

    assert "shop (deleted)" in body


def test_lists_take_a_fixed_number_of_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    network = a_workspace("network")
    for number in range(8):
        link(network, a_workspace(f"target-{number}"))
    applied_task(network)
    fire_due()
    for model in (RunTrigger, TaskTriggerExecution):
        with django_assert_max_num_queries(12):
            text(browser.get(list_page(model)))
