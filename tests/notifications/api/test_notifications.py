"""Notifications over the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.common.errors import NotFound
from notifications.models import NotificationConfig, NotificationLog
from notifications.services.configuration import update_notification
from tests.factories import OrganizationFactory, UserFactory, plain_member
from tests.notifications.factories import (
    NOWHERE,
    AttachmentFactory,
    NotificationFactory,
    happen,
)
from tests.notifications.mail_server import MailServer
from tests.notifications.signatures import is_signed_webhook, lark_code
from tests.runtasks.service import Reply, Service

ALL = "/api/v1/notifications"
NEW = {"name": "ops", "notification_type": "webhook", "endpoint_url": NOWHERE}
MAIL = {"name": "ops", "notification_type": "email", "recipients": ["ops@example.com"]}
SLACK_URL = "https://hooks.slack.com/services/T0/B0/swordfish"

pytestmark = pytest.mark.django_db


def at(config: NotificationConfig) -> str:
    return f"{ALL}/{config.notification_id}"


def test_a_notification_has_the_documented_defaults(api: APIClient) -> None:
    """Reference §1.6."""
    answer = api.post(ALL, NEW)

    assert answer.status_code == 201, answer.json()
    shown = answer.json()
    assert shown["notification_id"].startswith("ntf-")
    expected = {
        "organization": "default",
        "name": "ops",
        "notification_type": "webhook",
        "endpoint_url": NOWHERE,
        "recipients": [],
        "secret_set": False,
        "custom_headers": {},
        "enabled": True,
        "is_global": False,
        "global_events": ["task_completed", "task_failed"],
        "retry_count": 3,
        "retry_interval_seconds": 30,
        "timeout_seconds": 30,
        "workspace_count": 0,
        "created_by": "ada",
    }
    assert {name: shown[name] for name in expected} == expected
    assert api.get(f"{ALL}/{shown['notification_id']}").json() == shown


def test_a_secret_and_headers_go_in_and_never_come_out(api: APIClient) -> None:
    """F39: secrets are never returned."""
    secrets = {"secret": "hunter2 hunter2", "custom_headers": {"Authorization": "swordfish"}}
    created = api.post(ALL, NEW | secrets)
    url = f"{ALL}/{created.json()['notification_id']}"

    assert created.json()["secret_set"] is True
    assert created.json()["custom_headers"] == {"Authorization": "***"}
    answers = [created, api.get(url), api.get(ALL), api.patch(url, {"description": "x"})]
    answers.append(api.get(f"{ALL}/available"))
    for answer in answers:
        assert "hunter2" not in answer.content.decode()
        assert "swordfish" not in answer.content.decode()
    stored = NotificationConfig.objects.get()
    assert (stored.secret, stored.custom_headers) == (
        "hunter2 hunter2",
        {"Authorization": "swordfish"},
    )
    assert api.patch(url, {"secret": ""}).json()["secret_set"] is False
    assert NotificationConfig.objects.get().secret is None


@pytest.mark.parametrize(
    ("kind", "url", "shown"),
    [
        ("slack", SLACK_URL, "https://hooks.slack.com/services/T0/B0/****"),
        (
            "lark_robot",
            "https://open.larksuite.com/open-apis/bot/v2/hook/swordfish",
            "https://open.larksuite.com/open-apis/bot/v2/hook/****",
        ),
        (
            "microsoft_teams",
            "https://x.logic.azure.com/workflows/1/invoke?sp=a/b&sig=swordfish#s",
            "https://x.logic.azure.com/workflows/1/****",
        ),
        ("slack", "https://hooks.slack.com?token=swordfish", "https://hooks.slack.com/****"),
    ],
)
def test_an_address_that_is_a_password_is_shown_without_its_tail(
    api: APIClient, kind: str, url: str, shown: str
) -> None:
    created = api.post(ALL, NEW | {"notification_type": kind, "endpoint_url": url})
    address = f"{ALL}/{created.json()['notification_id']}"

    for answer in (created, api.get(address), api.get(ALL)):
        assert "swordfish" not in answer.content.decode()
    assert created.json()["endpoint_url"] == shown


def test_what_was_shown_may_be_sent_back(api: APIClient) -> None:
    """A client that reads, changes a field and writes all of it loses nothing."""
    for kind, url in (("slack", SLACK_URL), ("webhook", NOWHERE)):
        config = NotificationFactory.create(notification_type=kind, endpoint_url=url)
        headers = {"X-Key": "swordfish"} if kind == "webhook" else {}
        NotificationConfig.objects.filter(pk=config.pk).update(custom_headers=headers)
        shown = api.get(at(config)).json()
        changed = api.put(at(config), {**shown, "description": "new"})

        assert changed.status_code == 200, changed.json()
        config.refresh_from_db()
        assert (config.endpoint_url, config.custom_headers) == (url, headers)
        assert config.description == "new"


def test_a_change_writes_nothing_that_was_not_given(member: User) -> None:
    """Of two people who change it at once, neither undoes what the other does."""
    mine = NotificationFactory.create(custom_headers={"X-Key": "old"})
    theirs = NotificationConfig.objects.get()
    update_notification(theirs, user=member, custom_headers={"X-Key": "new"}, secret="s")
    update_notification(mine, user=member, description="mine")

    stored = NotificationConfig.objects.get()
    assert (stored.custom_headers, stored.secret) == ({"X-Key": "new"}, "s")
    assert stored.description == "mine"


def test_the_values_of_headers_do_not_go_to_another_address(api: APIClient) -> None:
    """Else whoever may change the address could read what is never shown."""
    config = NotificationFactory.create(custom_headers={"Authorization": "swordfish"})
    elsewhere = {"endpoint_url": "https://evil.example.com/"}

    refused = [
        api.patch(at(config), elsewhere),
        api.patch(at(config), elsewhere | {"custom_headers": {"Authorization": "***"}}),
    ]
    assert {answer.status_code for answer in refused} == {400}
    assert list(refused[0].json()["fields"]) == ["custom_headers"]
    config.refresh_from_db()
    assert config.endpoint_url == NOWHERE
    again = elsewhere | {"custom_headers": {"Authorization": "new"}}
    assert api.patch(at(config), again).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "ops channel", "name can only contain letters, numbers, dashes and underscores"),
        ("name", "x" * 101, "Ensure"),
        ("notification_type", "pager", "is not a valid choice"),
        ("endpoint_url", "ftp://example.com", "Only http:// and https://"),
        ("endpoint_url", "", "give the address"),
        ("endpoint_url", "https://user:password@example.com", "user name"),
        ("endpoint_url", "http://169.254.169.254/", "may not be called"),
        ("endpoint_url", "https://x/" + "y" * 500, "Ensure"),
        ("recipients", ["ops@example.com"], "only e-mail has recipients"),
        ("custom_headers", {"X-IaC-Event": "forged"}, "is set by the platform"),
        ("custom_headers", ["X-Team"], "Expected a dictionary"),
        ("global_events", ["task_done"], "'task_done' is no event"),
        ("global_events", "task", "'task' is no event"),
        ("global_events", "", "Name at least one event"),
        ("global_events", 7, "Give a list of events"),
        ("retry_count", -1, "retry_count must be between 0 and 10"),
        ("retry_count", 11, "retry_count must be between 0 and 10"),
        ("retry_interval_seconds", 0, "retry_interval_seconds must be between 1 and 3600"),
        ("retry_interval_seconds", 3601, "retry_interval_seconds must be between 1 and 3600"),
        ("timeout_seconds", 4, "timeout_seconds must be between 5 and 120"),
        ("timeout_seconds", 121, "timeout_seconds must be between 5 and 120"),
        ("enabled", "perhaps", "Must be a valid boolean"),
    ],
)
def test_bad_input_names_the_field(api: APIClient, field: str, value: Any, sentence: str) -> None:
    answer = api.post(ALL, {**NEW, field: value})

    assert answer.status_code == 400, answer.json()
    assert sentence in answer.json()["fields"][field][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (MAIL | {"recipients": []}, "recipients"),
        (MAIL | {"recipients": ["ops"]}, "recipients.0"),
        (MAIL | {"recipients": ["ops@example.com\nBcc: eve@example.com"]}, "recipients.0"),
        (MAIL | {"recipients": ["Ops <ops@example.com>"]}, "recipients.0"),
        (MAIL | {"recipients": ["ops@example.com"] * 51}, "recipients"),
        (MAIL | {"endpoint_url": NOWHERE}, "endpoint_url"),
        (MAIL | {"secret": "x"}, "secret"),
        (MAIL | {"custom_headers": {"X-Team": "a"}}, "custom_headers"),
        (NEW | {"notification_type": "slack", "secret": "x"}, "secret"),
        (
            NEW | {"notification_type": "lark_robot", "custom_headers": {"X-T": "a"}},
            "custom_headers",
        ),
    ],
)
def test_each_type_has_fields_of_its_own(api: APIClient, body: dict[str, Any], field: str) -> None:
    answer = api.post(ALL, body)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_mail_has_recipients(api: APIClient) -> None:
    created = api.post(ALL, MAIL)

    assert created.status_code == 201, created.json()
    assert (created.json()["endpoint_url"], created.json()["recipients"]) == (
        "",
        ["ops@example.com"],
    )
    assert NotificationConfig.objects.get().endpoint_url is None


def test_a_type_stays(api: APIClient) -> None:
    config = NotificationFactory.create()

    assert api.patch(at(config), {"notification_type": "webhook"}).status_code == 200
    refused = api.patch(at(config), {"notification_type": "slack"})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["notification_type"])


@pytest.mark.parametrize(
    "events", ["task_failed , task_created,", ["task_failed", "task_created", "task_created"]]
)
def test_events_are_a_list_or_a_text_with_commas(api: APIClient, events: Any) -> None:
    """F40: white space is tolerated, parts of names are not."""
    answer = api.post(ALL, {**NEW, "global_events": events})

    assert answer.json()["global_events"] == ["task_created", "task_failed"]


def test_a_name_is_taken_once_in_an_organization(api: APIClient, administrator: APIClient) -> None:
    assert api.post(ALL, NEW).status_code == 201
    again = api.post(ALL, NEW)
    assert (again.status_code, list(again.json()["fields"])) == (409, ["name"])
    other = NotificationFactory.create()
    assert api.patch(at(other), {"name": "ops"}).status_code == 409
    everywhere = {**NEW, "organization": None}
    assert administrator.post(ALL, everywhere).status_code == 201
    assert administrator.post(ALL, everywhere).status_code == 409


def test_who_has_the_role_manages_what_is_the_organizations_and_administrators_the_rest(
    client_of: Callable[[User], APIClient], api: APIClient, administrator: APIClient
) -> None:
    shared = [
        NotificationFactory.create(is_global=True),
        NotificationFactory.create(organization=None),
    ]
    ours = NotificationFactory.create()

    plain = client_of(plain_member())
    refused = [
        plain.post(ALL, {**NEW, "is_global": True}),
        plain.post(ALL, {**NEW, "organization": None}),
        plain.patch(at(ours), {"is_global": True}),
    ]
    for config in shared:
        refused += [
            plain.patch(at(config), {"secret": "mine"}),
            plain.patch(at(config), {"is_global": False}),
            plain.delete(at(config)),
            plain.post(f"{at(config)}/test"),
        ]
    assert {answer.status_code for answer in refused} == {403}
    assert api.patch(at(ours), {"is_global": True}).status_code == 200
    assert api.patch(at(shared[1]), {"description": "x"}).status_code == 403
    assert {api.get(at(config)).status_code for config in shared} == {200}

    for config in shared:
        assert administrator.patch(at(config), {"secret": "x"}).status_code == 200
        assert administrator.delete(at(config)).status_code == 204


def test_nobody_sees_the_notifications_of_others(
    api: APIClient, administrator: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    theirs = NotificationFactory.create(organization=elsewhere)
    for client in (api, administrator):
        assert client.get(ALL).json()["total"] == 0
        assert client.get(f"{ALL}/available").json()["total"] == 0
        answers = [client.get(at(theirs)), client.delete(at(theirs)), client.patch(at(theirs), {})]
        answers.append(client.post(f"{at(theirs)}/test"))
        assert {answer.status_code for answer in answers} == {404}
    root = client_of(UserFactory.create(superuser=True, organizations=[]))
    assert root.get(at(theirs)).status_code == 200
    assert api.post(ALL, {**NEW, "organization": "elsewhere"}).status_code == 400
    assert APIClient().get(ALL).status_code == 401


def test_a_notification_that_workspaces_use_is_not_deleted(api: APIClient) -> None:
    """Reference §2.6: 409 with the number of workspaces."""
    config = NotificationFactory.create()
    AttachmentFactory.create_batch(2, notification=config)

    answer = api.delete(at(config))

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["workspace_count"]) == ("in_use", 2)
    assert api.get(at(config)).json()["workspace_count"] == 2


def test_the_logs_of_a_deleted_notification_stay(api: APIClient, administrator: APIClient) -> None:
    config = NotificationFactory.create(name="ops", everywhere=True)
    happen()

    assert administrator.delete(at(config)).status_code == 204
    log = NotificationLog.objects.get()
    assert (log.notification, log.notification_name) == (None, "ops")


def test_a_notification_that_is_deleted_meanwhile_is_not_changed(member: User) -> None:
    config = NotificationFactory.create()
    NotificationConfig.objects.all().delete()
    with pytest.raises(NotFound):
        update_notification(config, user=member, enabled=False)


def test_a_list_is_narrowed(api: APIClient) -> None:
    NotificationFactory.create(name="policy", description="Rego")
    NotificationFactory.create(name="mail", mail=True, enabled=False)
    NotificationFactory.create(name="everywhere", is_global=True, organization=None)

    for query, names in {
        "search=rego": ["policy"],
        "enabled=false": ["mail"],
        "is_global=true": ["everywhere"],
        "organization=default": ["mail", "policy"],
        "notification_type=email": ["mail"],
    }.items():
        items = api.get(f"{ALL}?{query}").json()["items"]
        assert [each["name"] for each in items] == names
    assert api.get(f"{ALL}?enabled=perhaps").status_code == 400
    assert api.get(f"{ALL}?notification_type=pager").status_code == 400


def test_the_enabled_ones_are_there_to_choose_from(api: APIClient) -> None:
    NotificationFactory.create(name="off", enabled=False)
    NotificationFactory.create(name="ops")

    (shown,) = api.get(f"{ALL}/available").json()["items"]

    assert shown["name"] == "ops"
    assert "endpoint_url" not in shown
    assert api.get(f"{ALL}/available?notification_type=email").json()["total"] == 0


def test_lists_take_a_fixed_number_of_queries(
    api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        AttachmentFactory.create(notification__created_by=UserFactory.create())
    for url in (ALL, f"{ALL}/available"):
        with django_assert_max_num_queries(8):
            assert api.get(f"{url}?page_size=100").json()["total"] == 12


# --- Tests


def test_a_test_message_says_that_it_is_one(api: APIClient, receiver: Service) -> None:
    """Reference §2.6, §6.2."""
    config = NotificationFactory.create(endpoint_url=receiver.url, secret="k", enabled=False)
    answer = api.post(f"{at(config)}/test", {"event": "task_failed", "test_message": "hello"})

    assert answer.status_code == 200, answer.json()
    told = answer.json()
    assert told.pop("response_time_ms") >= 0
    assert told == {
        "success": True,
        "status_code": 200,
        "message": "The receiver accepted the test message",
        "error_message": "",
    }
    sent = receiver.last.payload
    assert (sent["event"], sent["test"], sent["test_message"]) == ("task_failed", True, "hello")
    assert receiver.last.headers["X-IaC-Event"] == "task_failed"
    assert is_signed_webhook(receiver.last.headers, receiver.last.body, "k")
    assert not NotificationLog.objects.exists()


def test_a_test_tells_what_went_wrong(api: APIClient, receiver: Service) -> None:
    receiver.replies = [Reply(500)]
    refusing = api.post(f"{at(NotificationFactory.create(endpoint_url=receiver.url))}/test").json()
    nobody = api.post(f"{at(NotificationFactory.create())}/test").json()

    assert (refusing["success"], refusing["status_code"]) == (False, 500)
    assert refusing["error_message"] == "The receiver answered 500"
    assert (nobody["success"], nobody["status_code"]) == (False, None)
    assert "cannot be connected" in nobody["error_message"]
    assert receiver.last.payload["event"] == "task_completed"


@pytest.mark.parametrize("kind", ["lark_robot", "slack", "microsoft_teams"])
def test_every_type_can_be_tried(api: APIClient, receiver: Service, kind: str) -> None:
    receiver.replies = [Reply(200, b'{"code": 0}')]
    secret = "k" if kind == "lark_robot" else None
    config = NotificationFactory.create(
        notification_type=kind, endpoint_url=receiver.url, secret=secret
    )
    told = api.post(f"{at(config)}/test", {"test_message": "hello from a test"}).json()

    assert told["success"] is True
    assert "hello from a test" in receiver.last.body.decode()
    if secret:
        payload = receiver.last.payload
        assert lark_code(payload, secret, float(payload["timestamp"])) == 0


def test_mail_can_be_tried(api: APIClient, mail_server: MailServer) -> None:
    config = NotificationFactory.create(mail=True)

    assert api.post(f"{at(config)}/test").json()["success"] is True
    assert "(test)" in mail_server.mails[0].message["Subject"]


@pytest.mark.parametrize(("field", "value"), [("event", "task_done"), ("test_message", "x" * 501)])
def test_a_bad_test_names_the_field(api: APIClient, field: str, value: str) -> None:
    answer = api.post(f"{at(NotificationFactory.create())}/test", {field: value})

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
