"""Every operation of the OpenAPI document, called as the document says and as it does not.

It is no part of `make test`: `make test-api` runs it.
"""

import re
import time
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from iacplatform.accounts.throttling import LoginThrottle
from tests.api_fuzz.aiming import Aim, aim_with
from tests.api_fuzz.exclusions import CHECKS, is_excluded
from tests.api_fuzz.organizations import Tenant, a_superuser, a_tenant
from tests.api_fuzz.tally import TALLY
from tests.api_fuzz.untouched import Keys, added, fingerprint, keys, references
from tests.web_server import web_server

__all__ = ["web_server"]
THEIR_MARK = "organization-b-only"
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "423"]
LONGEST = 1800  # seconds
VALUES = re.compile(r"\d+|'.*'|\".*\"")
OUR_TOKENS: set[str] = set()


@schemathesis.check
def nothing_of_others(context: Any, response: Any, case: Any) -> None:
    """No answer to those of one organization has a text that only another has."""
    if response.request.headers.get("Authorization") not in OUR_TOKENS:
        return
    TALLY.looked_at += 1
    shown = response.content.decode(errors="replace")
    asked = f"{response.request.url}{response.request.body!r}"
    if THEIR_MARK in shown and THEIR_MARK not in asked:
        raise AssertionError(f"Shows what is theirs: {shown[:300]}")


@pytest.fixture
def tenants(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Tenant, Tenant, Keys]:
    """The organization that asks, the other one, and the rows of that; nobody signs in too often."""
    monkeypatch.setattr(LoginThrottle, "get_rate", lambda self: None)
    ours = a_tenant("organization-a-only")
    before = keys()
    theirs = a_tenant(THEIR_MARK)
    OUR_TOKENS.update(f"Bearer {token}" for token in ours.tokens.values())
    return ours, theirs, added(before)


@pytest.mark.timeout(LONGEST)
def test_the_api_does_what_its_document_says_and_shows_nothing_of_others(
    web_server: str, tenants: tuple[Tenant, Tenant, Keys]
) -> None:
    ours, theirs, owned = tenants
    before = fingerprint(owned), references(owned)
    tokens, before_call = aim_with(Aim(ours, theirs, a_superuser()))
    schemathesis.auth(refresh_interval=None)(tokens)
    schemathesis.hook(before_call)

    TALLY.found = called(described(web_server))

    assert (fingerprint(owned), references(owned)) == before
    assert TALLY.looked_at
    assert not TALLY.found, f"{len(TALLY.found)} failures, see below"


def described(address: str) -> BaseSchema:
    """What the server says of itself; a status that it does not name is not documented."""
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    document = requests.get(f"http://{address}/api/schema/", headers=accept, timeout=60).json()
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default")
    schema = schemathesis.openapi.from_dict(document, config=configuration(address))
    return schema.include(path_regex=TALLY.expression) if TALLY.expression else schema


def configuration(address: str) -> SchemathesisConfig:
    """How schemathesis works, in the words of its own file."""
    return SchemathesisConfig.from_dict(
        {
            "seed": TALLY.seed,
            "base-url": f"http://{address}",
            "continue-on-failure": True,
            "request-timeout": 30,
            "cache": {"enabled": False},
            "generation": {
                "max-examples": TALLY.examples,
                "deterministic": True,
                "no-shrink": True,
                "with-security-parameters": False,
                "database": "none",
            },
            "phases": {
                "stateful": {"enabled": False},
                "coverage": {"enabled": TALLY.coverage},
            },
            "checks": {
                **{name: {"enabled": False} for name in CHECKS},
                "negative_data_rejection": {"expected-statuses": REFUSALS},
            },
        }
    )


def called(schema: BaseSchema) -> list[str]:
    """Calls everything; gives a sentence for each kind of failure of an operation."""
    failures: dict[tuple[str, ...], str] = {}
    started = time.monotonic()
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            failures[event.label, str(event.value)] = f"{event.label} | {event.value!r}"
        if isinstance(event, events.ScenarioFinished):
            count(event)
            failures = failed(event) | failures
    TALLY.seconds = time.monotonic() - started
    return list(failures.values())


def count(event: events.ScenarioFinished) -> None:
    """Adds an operation and its requests."""
    if event.recorder.interactions:
        TALLY.operations.add(event.recorder.label)
    TALLY.cases += len(event.recorder.interactions)


def failed(event: events.ScenarioFinished) -> dict[tuple[str, ...], str]:
    """Operation, check and kind of failure → what was asked and answered."""
    found: dict[tuple[str, ...], str] = {}
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            sentence = f"{failure.title} {failure.message}"
            shown = exchange(event.recorder.interactions[failure.case_id or case_id])
            if not is_excluded(check.name, f"{sentence}\n{shown}"):
                key = (event.recorder.label, check.name, VALUES.sub("", sentence)[:80])
                found[key] = f"{key[0]} | {check.name}\n   {sentence:.600}\n{shown}"
    return found


def exchange(interaction: Any) -> str:
    """What was asked and answered."""
    request, response = interaction.request, interaction.response
    asked = f"   {request.method} {request.uri} {request.body!r:.300}"
    if response is None:
        return f"{asked}\n   no answer"
    return f"{asked}\n   {response.status_code} {response.content!r:.400}"
