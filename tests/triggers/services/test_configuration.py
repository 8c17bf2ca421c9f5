"""Which triggers there can be: no cycle, whoever makes it and however (F42)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.common.errors import Forbidden, InvalidInput, NotFound
from tests.domain import a_task, a_user, a_workspace
from tests.factories import OrganizationFactory, UserFactory, WorkspaceFactory, member_with
from tests.triggers.factories import chain, link
from triggers.models import RunTrigger
from triggers.services.configuration import (
    End,
    create_run_trigger,
    delete_run_trigger,
    linkable,
    switch_run_trigger,
)
from triggers.services.graph import CYCLE, reached_from
from workspaces.models import AccessGrant, Workspace

pytestmark = pytest.mark.django_db


def create(source: Workspace, target: Workspace, user: User | None = None) -> RunTrigger:
    return create_run_trigger(source, target, user=user or a_user(), other_end="target")


def test_a_cycle_is_refused() -> None:
    """F42: A→B→C→A refused."""
    a, _, c = chain("a", "b", "c")

    with pytest.raises(InvalidInput, match=CYCLE) as refusal:
        create(c, a)

    assert list(refusal.value.fields) == ["target_workspace_id"]


def test_a_cycle_over_a_disabled_trigger_is_refused() -> None:
    """F42: BFS over enabled and disabled triggers, so that re-enabling cannot create one."""
    a, _, c = chain("a", "b", "c")
    RunTrigger.objects.update(enabled=False)

    with pytest.raises(InvalidInput, match=CYCLE):
        create(c, a)


def test_a_trigger_that_closes_a_cycle_cannot_be_enabled_again() -> None:
    """F42: also where somebody wrote it past the service."""
    a, _, c = chain("a", "b", "c")
    back = link(c, a, enabled=False)

    with pytest.raises(InvalidInput, match=CYCLE) as refusal:
        switch_run_trigger(back, user=a_user(), enabled=True)

    assert list(refusal.value.fields) == ["enabled"]
    back.refresh_from_db()
    assert not back.enabled


def test_a_workspace_does_not_trigger_itself() -> None:
    """F42: self refused, and by the schema too."""
    a = a_workspace("a")
    with pytest.raises(InvalidInput, match="a workspace cannot trigger itself"):
        create(a, a)
    with pytest.raises(IntegrityError, match="no_workspace_triggers_itself"), transaction.atomic():
        link(a, a)


def test_a_pair_has_one_trigger() -> None:
    """F42: duplicate refused, and by the schema too."""
    a, b = chain("a", "b")
    with pytest.raises(InvalidInput, match="trigger already exists between these workspaces"):
        create(a, b)
    with pytest.raises(IntegrityError, match="one_run_trigger_a_pair"), transaction.atomic():
        link(a, b)


def test_two_ways_to_one_target_are_no_cycle() -> None:
    a, _, c = chain("a", "b", "c")

    assert create(a, c).enabled


def test_workspaces_of_two_organizations_are_not_linked() -> None:
    user = UserFactory.create(superuser=True)
    elsewhere = WorkspaceFactory.create(organization=OrganizationFactory.create(name="elsewhere"))

    with pytest.raises(InvalidInput, match="belongs to another organization"):
        create(a_workspace("a"), elsewhere, user)


def test_who_does_not_see_both_ends_links_nothing() -> None:
    """F42: user needs WRITE on both ends."""
    stranger = UserFactory.create(organizations=[OrganizationFactory.create(name="elsewhere")])
    a, b = a_workspace("a"), a_workspace("b")
    trigger = link(b, a)

    with pytest.raises(NotFound):
        create(a, b, stranger)
    with pytest.raises(NotFound):
        switch_run_trigger(trigger, user=stranger, enabled=False)
    with pytest.raises(NotFound):
        delete_run_trigger(trigger, user=stranger)


def test_switching_a_trigger_that_is_gone_says_so() -> None:
    chain("a", "b")
    trigger = RunTrigger.objects.get()
    RunTrigger.objects.all().delete()

    with pytest.raises(NotFound):
        switch_run_trigger(trigger, user=a_user(), enabled=False)


@pytest.mark.parametrize(
    ("end", "names"), [("target", ["free", "leaf"]), ("source", ["free", "root"])]
)
def test_only_what_can_be_linked_is_offered(end: End, names: list[str]) -> None:
    """Reference §2.5: already linked and cycle-forming ones excluded."""
    _, before, middle, after, _ = chain("root", "before", "middle", "after", "leaf")
    a_workspace("free")
    WorkspaceFactory.create(organization=OrganizationFactory.create(name="elsewhere"))

    found = linkable(middle, user=a_user(), other_end=end)

    assert [each.name for each in found] == names
    assert reached_from(middle, "upstream") >= {before.pk}
    assert reached_from(middle, "downstream") >= {after.pk}


def test_a_long_chain_with_many_ways_is_walked_once() -> None:
    """30 levels with two workspaces each: 2³⁰ ways from one end to the other."""
    levels = [[a_workspace(f"{level}{side}") for side in "ab"] for level in range(30)]
    RunTrigger.objects.bulk_create(
        RunTrigger(source=source, target=target)
        for here, there in pairwise(levels)
        for source in here
        for target in there
    )

    assert len(reached_from(levels[0][0], "downstream")) == 58
    with pytest.raises(InvalidInput, match=CYCLE):
        create(levels[-1][0], levels[0][0])


# --- At once


@pytest.mark.django_db(transaction=True)
def test_of_two_triggers_that_make_a_cycle_together_one_is_refused() -> None:
    """F42: also when two are made at once, by two connections."""
    user = a_user()
    for number in range(10):
        a, b = a_workspace(f"a{number}"), a_workspace(f"b{number}")
        together = threading.Barrier(2)

        def attempt(
            ends: tuple[Workspace, Workspace], together: threading.Barrier = together
        ) -> bool:
            try:
                together.wait()
                create(*ends, user)
            except InvalidInput:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(attempt, [(a, b), (b, a)])) == [False, True]
        assert RunTrigger.objects.filter(source__in=[a, b]).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_who_link_at_once_never_make_a_cycle() -> None:
    """F42: every pair of six workspaces in both directions, from six connections."""
    user = a_user()
    workspaces = [a_workspace(name) for name in "abcdef"]
    pairs = [(x, y) for x in workspaces for y in workspaces if x != y]

    def attempt(ends: tuple[Workspace, Workspace]) -> bool:
        try:
            create(*ends, user)
        except InvalidInput:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        made = sum(pool.map(attempt, pairs))

    assert made == 15  # an order of the six
    assert all(each.pk not in reached_from(each, "downstream") for each in workspaces)


@pytest.mark.django_db(transaction=True)
def test_a_trigger_is_deleted_while_tasks_are_created_and_both_succeed() -> None:
    """A task is not refused because somebody removes a trigger at the same moment."""
    user = a_user()
    a, b = a_workspace("a"), a_workspace("b")
    end = threading.Event()

    def link_and_delete() -> int:
        count = 0
        try:
            while not end.is_set():
                trigger = create(a, b, user)
                delete_run_trigger(trigger, user=user)
                count += 1
        finally:
            connection.close()
        return count

    with ThreadPoolExecutor(1) as pool:
        linking = pool.submit(link_and_delete)
        try:
            for _ in range(100):
                a_task(a)
        finally:
            end.set()
        assert linking.result() > 0

    assert a.tasks.count() == 100


@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("has", [Level.READ, Level.PLAN])
def test_who_may_not_write_to_both_ends_links_nothing(short: int, has: Level) -> None:
    """F42: to see one end is not enough, whichever it is."""
    first, second = ends = [a_workspace("a"), a_workspace("b")]
    user = member_with(has, workspace=ends[short])
    AccessGrant.objects.create(team=user.teams.get(), workspace=ends[1 - short], level=Level.ADMIN)
    back = link(second, first)

    with pytest.raises(Forbidden, match=ends[short].name):
        create(first, second, user)
    with pytest.raises(Forbidden):
        switch_run_trigger(back, user=user, enabled=False)
    with pytest.raises(Forbidden):
        delete_run_trigger(back, user=user)
    assert RunTrigger.objects.get().enabled


def test_who_may_write_to_both_ends_links_them() -> None:
    """F42: no level elsewhere is needed."""
    a, b = a_workspace("a"), a_workspace("b")
    user = member_with(Level.WRITE, workspace=a)
    AccessGrant.objects.create(team=user.teams.get(), workspace=b, level=Level.WRITE)

    trigger = create(a, b, user)
    switch_run_trigger(trigger, user=user, enabled=False)
    delete_run_trigger(trigger, user=user)
    assert not RunTrigger.objects.exists()


def test_only_what_one_may_write_to_is_offered() -> None:
    """F42"""
    a, seen, mine, _ = (a_workspace(name) for name in ("a", "seen", "mine", "hidden"))
    user = member_with(Level.WRITE, workspace=a)
    for workspace, level in ((seen, Level.READ), (mine, Level.WRITE)):
        AccessGrant.objects.create(team=user.teams.get(), workspace=workspace, level=level)

    assert list(linkable(a, user=user, other_end="target")) == [mine]
    assert list(linkable(a, user=user, other_end="source")) == [mine]
