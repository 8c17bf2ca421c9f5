"""Sizes that take their time: ``make test-long`` prints what they took."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection

from iacplatform.accounts.models import User
from tests.factories import OrganizationFactory, UserFactory, WorkspaceFactory
from tests.workspaces.cmdb.states import instance, resource, save
from workspaces.cmdb.models import ResourceIndex, SourceType, SyncTrigger
from workspaces.cmdb.services.search import search
from workspaces.cmdb.services.syncing import sync_workspace
from workspaces.models import Workspace

STATE_RESOURCES = 20_000
INDEXED_RESOURCES = 200_000
WORKSPACES = 200
SEARCHES = 30
TYPES = (
    *("aws_instance", "aws_s3_bucket", "aws_iam_role", "aws_security_group", "aws_subnet"),
    *("azurerm_virtual_machine", "google_compute_instance", "kubernetes_deployment"),
)
TEAMS = ("payments", "orders", "search", "billing", "identity", "platform")
STAGES = ("prod", "staging", "dev")
COMMON = ("aws", "prod", "main", "module", "arn:aws", "instance", "payments", "eu-west", "i-", "a")
ABSENT = ("nothing like it", "zzzz", "payments-999", "i-ffffffffffffffffffff", "qq")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
]


def seconds(act: Callable[[], Any]) -> float:
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


@pytest.mark.large
def test_a_state_of_twenty_thousand_resources_is_indexed_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = WorkspaceFactory.create()
    rng = random.Random(1)
    extra = {f"attribute_{number}": "x" * 30 for number in range(25)}
    instances = [
        instance(
            id=f"i-{rng.getrandbits(64):017x}",
            arn=f"arn:aws:ec2:eu-west-1:123456789012:instance/{number}",
            tags={"Name": f"web-{number}", "Env": "prod"},
            **extra,
        )
        | {"index_key": number}
        for number in range(STATE_RESOURCES)
    ]
    save(workspace, resource("aws_instance.web", *instances, module='module.eu["a"]'))

    first = seconds(lambda: sync_workspace(workspace, SyncTrigger.MANUAL))
    again = seconds(lambda: sync_workspace(workspace, SyncTrigger.MANUAL))
    instances[7]["attributes"]["id"] = "i-other"
    save(workspace, resource("aws_instance.web", *instances, module='module.eu["a"]'))
    changed = seconds(lambda: sync_workspace(workspace, SyncTrigger.MANUAL))

    with capsys.disabled():
        print(  # noqa: T201
            f"\ncmdb_sync_20000: first {first:.1f} s, the same again {again:.1f} s, "
            f"one changed {changed:.1f} s"
        )
    assert ResourceIndex.objects.filter(workspace=workspace).count() == STATE_RESOURCES
    assert ResourceIndex.objects.filter(state_version=2).count() == 1


def an_index(workspaces: list[Workspace], rng: random.Random) -> Iterator[ResourceIndex]:
    """Unsaved rows as large platforms have them, evenly spread over the workspaces."""
    for number in range(INDEXED_RESOURCES):
        kind, team, stage = rng.choice(TYPES), rng.choice(TEAMS), rng.choice(STAGES)
        service, code = f"{team}-{rng.randrange(200)}", f"{rng.getrandbits(64):017x}"
        yield ResourceIndex(
            workspace=workspaces[number % len(workspaces)],
            source_type=SourceType.TERRAFORM,
            terraform_address=f'module.{stage}.module.{service}["eu-{number % 3}"].{kind}.main[{number}]',
            resource_type=kind,
            resource_name="main",
            provider=kind.partition("_")[0],
            cloud_resource_id=f"i-{code}",
            cloud_resource_name=f"{service}-{stage}-{number % 40}",
            cloud_resource_arn=f"arn:aws:ec2:eu-west-{number % 3}:12345678901{number % 7}:{kind}/{code}",
            description=f"Managed by {team} in {stage}" if number % 3 == 0 else "",
            attributes={"id": code, "size": number % 9, "text": code * 10},
            tags={"Env": stage, "Team": team},
            digest=code,
        )


def searches(rng: random.Random) -> dict[str, list[str]]:
    """Texts as people search for them, by what they are."""
    ids = [rng.randrange(INDEXED_RESOURCES) for _ in range(SEARCHES)]
    first = ResourceIndex.objects.earliest("pk").pk
    rows = list(ResourceIndex.objects.filter(pk__in=[first + number for number in ids]))
    return {
        "id": [row.cloud_resource_id for row in rows],
        "beginning of an id": [row.cloud_resource_id[:7] for row in rows],
        "part of an id": [row.cloud_resource_id[6:12] for row in rows],
        "name": [row.cloud_resource_name for row in rows],
        "beginning of a name": [row.cloud_resource_name[:6] for row in rows],
        "ARN": [row.cloud_resource_arn for row in rows],
        "address": [row.terraform_address for row in rows],
        "part of an address": [row.terraform_address[14:34] for row in rows],
        "common": list(COMMON),
        "absent": list(ABSENT),
    }


def measure(user: User, texts: list[str]) -> list[float]:
    """Milliseconds of each search by a user, with finding out what the user may see."""

    def look_for(text: str) -> None:
        search(ResourceIndex.objects.visible_to(user), text, limit=50)

    return [1000 * seconds(partial(look_for, text)) for text in texts]


def test_two_hundred_thousand_resources_are_searched_fast(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(7)
    elsewhere = OrganizationFactory.create(name="elsewhere")
    workspaces = [
        WorkspaceFactory.create(**({} if number % 10 else {"organization": elsewhere}))
        for number in range(WORKSPACES)
    ]
    people = {"superuser": UserFactory.create(superuser=True), "member": UserFactory.create()}
    ResourceIndex.objects.bulk_create(an_index(workspaces, rng), batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE cmdb_resourceindex")  # which PostgreSQL does by itself
    lines = []
    for name, user in people.items():
        taken = {kind: measure(user, texts) for kind, texts in searches(rng).items()}
        every = [each for times in taken.values() for each in times]
        cuts = statistics.quantiles(every, n=20)
        lines.append(f"cmdb_search_{name}: p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms")
        lines += [
            f"  {kind}: p50 {statistics.median(times):.0f} ms, longest {max(times):.0f} ms"
            for kind, times in taken.items()
        ]

    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201
    row = ResourceIndex.objects.filter(workspace=workspaces[1]).latest("pk")
    for text in (row.cloud_resource_id, row.cloud_resource_arn, row.terraform_address):
        (hit,) = search(ResourceIndex.objects.visible_to(people["member"]), text, limit=50)
        assert hit.resource.pk == row.pk
