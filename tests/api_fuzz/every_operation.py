"""Every operation of the OpenAPI document, called as the document says and as it does not.

It is no part of `make test`: `make test-api` runs it.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
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
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "423"]
MARK_OF_OTHERS = "organization-b-only"


@schemathesis.check
def nothing_of_others(context: Any, response: Any, case: Any) -> None:
    """No answer to those of one organization has what only another has."""
    sent = response.request.headers.get("Authorization")
    if sent in OURS_TOKENS:
        text = response.content.decode(errors="replace")
        asked = f"{response.request.url}{response.request.body!r}"
        if MARK_OF_OTHERS in text and MARK_OF_OTHERS not in asked:
            raise AssertionError(f"Shows what is theirs: {text[:300]}")


OURS_TOKENS: set[str] = set()


@pytest.fixture
def tenants(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Tenant, Tenant, Keys]]:
    """The organization that asks, the other one, and its rows."""
    monkeypatch.setattr(LoginThrottle, "get_rate", lambda self: None)
    ours = a_tenant("organization-a-only")
    before = keys()
    theirs = a_tenant(MARK_OF_OTHERS)
    owned = added(before)
    OURS_TOKENS.update(f"Bearer {token}" for token in ours.tokens.values())
    yield ours, theirs, owned


def described(address: str) -> BaseSchema:
    """What the server says of itself; statuses that it does not name are not documented."""
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    document = requests.get(f"http://{address}/api/schema/", headers=accept, timeout=60).json()
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default")
    schema = schemathesis.openapi.from_dict(document, config=configuration(address))
    return schema.include(path_regex=TALLY.expression) if TALLY.expression else schema


def configuration(address: str) -> SchemathesisConfig:
    """How schemathesis works: as its own file would say it."""
    return SchemathesisConfig.from_dict(
        {
            "seed": TALLY.seed,
            "base-url": f"http://{address}",
            "continue-on-failure": True,
            "request-timeout": 30,
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
            "cache": {"enabled": False},
            "checks": {
                **{name: {"enabled": False} for name in CHECKS},
                "negative_data_rejection": {"expected-statuses": REFUSALS},
            },
        }
    )


@pytest.mark.timeout(1800)
def test_the_api_keeps_what_its_document_says(
    web_server: str, tenants: tuple[Tenant, Tenant, Keys]
) -> None:
    ours, theirs, owned = tenants
    before = fingerprint(owned), references(owned)
    schema = described(web_server)
    tokens, before_call = aim_with(Aim(ours, theirs, a_superuser()))
    schemathesis.auth(refresh_interval=None)(tokens)
    schemathesis.hook(before_call)

    found = run(schema)

    TALLY.found = found
    assert (fingerprint(owned), references(owned)) == before
    assert not found


def run(schema: BaseSchema) -> list[str]:
    failures: dict[tuple[str, str, str], str] = {}
    started = time.monotonic()
    seconds = defaultdict(float)
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            failures[event.label, "error", str(event.value)[:200]] = str(event.value)
        if isinstance(event, events.FatalError):
            raise event.exception
        if not isinstance(event, events.ScenarioFinished):
            continue
        seconds[event.phase, event.recorder.label] += event.elapsed_time
        TALLY.operations.add(event.recorder.label)
        TALLY.cases += len(event.recorder.interactions)
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    shown = f"{failure.title} {failure.message}"
                    if is_excluded(check.name, shown):
                        continue
                    interaction = event.recorder.interactions[failure.case_id or case_id]
                    key = (
                        event.recorder.label,
                        check.name,
                        re.sub(r"\d+|'.*'|\".*\"", "", shown)[:80],
                    )
                    body = interaction.response.content[:300] if interaction.response else None
                    failures.setdefault(
                        key,
                        f"{key[0]} | {check.name} [{event.phase}]\n   {shown[:600]}\n   {interaction.request.method} {interaction.request.uri} {interaction.request.body!r:.300}\n   -> {interaction.response and interaction.response.status_code} {body!r}",
                    )
    TALLY.slowest = sorted(((v, str(k)) for k, v in seconds.items()), reverse=True)[:15]
    TALLY.seconds = time.monotonic() - started
    return list(failures.values())
