"""Searching: ranking, wildcards, who finds what."""

from typing import Any

import pytest

from iacplatform.accounts.levels import Level
from tests.factories import (
    OrganizationFactory,
    UserFactory,
    WorkspaceFactory,
    member_with,
    plain_member,
)
from tests.workspaces.cmdb.inventories import a_source
from workspaces.cmdb.models import ResourceIndex, SourceType
from workspaces.cmdb.services.overview import suggest
from workspaces.cmdb.services.search import SCORES, search
from workspaces.models import AccessGrant, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create(name="shop")


def put(workspace: Workspace, address: str, **fields: Any) -> ResourceIndex:
    values = {"resource_type": "aws_x", "resource_name": "x", "digest": address}
    return ResourceIndex.objects.create(
        workspace=workspace,
        source_type=SourceType.TERRAFORM,
        terraform_address=address,
        **(values | fields),
    )


def put_external(**fields: Any) -> ResourceIndex:
    source = fields.pop("external_source", None) or a_source()
    return ResourceIndex.objects.create(
        external_source=source,
        source_type=SourceType.EXTERNAL,
        primary_key_value=fields.get("cloud_resource_id", "key"),
        **fields,
    )


def found(text: str, limit: int = 50, rows: Any = None) -> list[tuple[str, float]]:
    among = ResourceIndex.objects.all() if rows is None else rows
    return [(str(hit.resource), hit.score) for hit in search(among, text, limit=limit)]


def test_hits_are_ranked_as_they_are_known(workspace: Workspace) -> None:
    """Reference §5.12: exact, beginning, part; id before name before ARN before description and address."""
    put(workspace, "a.find-in-address")
    put(workspace, "a.description", description="to find here")
    put(workspace, "a.part_arn", cloud_resource_arn="arn:find:x")
    put(workspace, "a.part_name", cloud_resource_name="a find")
    put(workspace, "a.part_id", cloud_resource_id="i-find-1")
    put(workspace, "a.begin_arn", cloud_resource_arn="find:x")
    put(workspace, "a.begin_name", cloud_resource_name="finder")
    put(workspace, "a.begin_id", cloud_resource_id="find-1")
    put(workspace, "a.arn", cloud_resource_arn="FIND")
    put(workspace, "a.name", cloud_resource_name="Find")
    put(workspace, "a.id", cloud_resource_id="find")
    put(workspace, "a.other", cloud_resource_id="fin", cloud_resource_name="f-i-n-d")

    assert found("find") == [
        ("a.id", 1.0),
        ("a.name", 0.9),
        ("a.arn", 0.85),
        ("a.begin_id", 0.8),
        ("a.begin_name", 0.7),
        ("a.begin_arn", 0.65),
        ("a.part_id", 0.6),
        ("a.part_name", 0.5),
        ("a.part_arn", 0.45),
        ("a.description", 0.4),
        ("a.find-in-address", 0.3),
    ]
    assert [score for _, score in found("find")] == list(SCORES.values())
    assert found("find", limit=3) == found("find")[:3]


def test_a_resource_that_is_found_in_many_ways_is_one_hit_with_the_best_score(
    workspace: Workspace,
) -> None:
    put(workspace, "a.web", cloud_resource_id="web", cloud_resource_name="web", description="web")

    assert found("web") == [("a.web", 1.0)]


def test_resources_of_terraform_come_before_external_ones(workspace: Workspace) -> None:
    put_external(cloud_resource_id="web", resource_type="vm", resource_name="best")
    put(workspace, "a.web-1")

    assert found("web") == [("a.web-1", 0.3), ("web", 1.0)]
    assert found("web", limit=1) == [("a.web-1", 0.3)]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("100%", ["a.percent"]),
        ("a_b", ["a.underscore"]),
        ("%", []),
        ("_", []),
        ("%%%", []),
        ("\\", ["a.slash"]),
        ("c:\\d", ["a.slash"]),
        ("quo'te", ["a.quote"]),
        ("ÄÖÜ", ["a.umlaut"]),
        ("漢字名", ["a.han"]),
    ],
)
def test_wildcards_are_characters_like_others(
    workspace: Workspace, text: str, hits: list[str]
) -> None:
    put(workspace, "a.percent", cloud_resource_name="load 100% now")
    put(workspace, "a.none", cloud_resource_name="load 1000 now")
    put(workspace, "a.underscore", cloud_resource_name="x a_b")
    put(workspace, "a.letter", cloud_resource_name="x axb")
    put(workspace, "a.slash", cloud_resource_name="\\c:\\d")
    put(workspace, "a.quote", cloud_resource_name="a quo'te")
    put(workspace, "a.umlaut", cloud_resource_name="x äöü")
    put(workspace, "a.han", cloud_resource_name="の漢字名です")

    assert [address for address, _ in found(text)] == hits


def test_one_or_two_characters_find_what_begins_with_them(workspace: Workspace) -> None:
    put(workspace, "a.begins", cloud_resource_id="i-1")
    put(workspace, "a.contains", cloud_resource_id="vi-1")

    assert [address for address, _ in found("i-")] == ["a.begins"]


def test_equal_hits_are_in_the_order_of_their_addresses(workspace: Workspace) -> None:
    for address in ("a.c", "a.a", "a.b"):
        put(workspace, address, cloud_resource_name="web")

    assert [address for address, _ in found("web")] == ["a.a", "a.b", "a.c"]


def test_everybody_finds_what_they_may_see(workspace: Workspace) -> None:
    """F44: resources of workspaces that the caller can read, external ones by organization."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    put(workspace, "a.ours", cloud_resource_name="web")
    put(WorkspaceFactory.create(organization=elsewhere), "a.theirs", cloud_resource_name="web")
    put_external(cloud_resource_id="web-ours", resource_type="vm", resource_name="x")
    theirs = a_source(organization=elsewhere)
    put_external(
        external_source=theirs, cloud_resource_id="web-theirs", resource_type="v", resource_name="x"
    )
    people = {
        "ours": (UserFactory.create(), ["a.ours", "web-ours"]),
        "theirs": (UserFactory.create(organizations=[elsewhere]), ["a.theirs", "web-theirs"]),
        "nobody": (UserFactory.create(organizations=[]), []),
        "all": (
            UserFactory.create(superuser=True),
            ["a.ours", "a.theirs", "web-ours", "web-theirs"],
        ),
    }

    for user, expected in people.values():
        rows = ResourceIndex.objects.visible_to(user)
        assert sorted(str(hit.resource) for hit in search(rows, "web", limit=50)) == expected
        assert rows.count() == len(expected)


def test_suggestions_are_values_of_the_best_hits_each_once(workspace: Workspace) -> None:
    for number in range(3):
        put(
            workspace,
            f"aws_x.r{number}",
            cloud_resource_name="payments-api",
            cloud_resource_id=f"pay-{number}",
        )

    assert suggest(ResourceIndex.objects.all(), "pay", limit=3) == [
        {"value": "payments-api", "kind": "name"},
        {"value": "pay-0", "kind": "id"},
        {"value": "pay-1", "kind": "id"},
    ]


def test_grants_say_what_is_found(workspace: Workspace) -> None:
    """F44: a workspace of one's organization that one may not read is not searched."""
    hidden = WorkspaceFactory.create()
    for place in (workspace, hidden):
        put(place, f"a.in{place.pk}", cloud_resource_name="web")
    user = member_with(Level.READ, organization=workspace.organization)
    assert ResourceIndex.objects.visible_to(user).count() == 2

    AccessGrant.objects.create(team=user.teams.get(), workspace=hidden, level=Level.NONE)
    rows = ResourceIndex.objects.visible_to(user)
    assert [hit.resource.workspace for hit in search(rows, "web", limit=9)] == [workspace]
    assert ResourceIndex.objects.visible_to(plain_member()).count() == 0
