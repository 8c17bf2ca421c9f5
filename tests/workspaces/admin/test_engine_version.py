"""Choosing the platform's default engine."""

import pytest
from django.test import Client

from tests.admin_pages import act, address, messages, text
from tests.domain import an_engine
from tests.factories import EngineVersionFactory
from workspaces.models import EngineVersion

pytestmark = pytest.mark.django_db


def test_a_version_becomes_the_default(browser: Client) -> None:
    old = an_engine()
    new = EngineVersionFactory.create(version="1.10.0")
    asked = text(act(browser, "make_default", new))
    assert "Every workspace that names no engine" in asked
    assert str(old) in asked
    response = act(browser, "make_default", new, confirmed="yes")
    assert messages(response) == ["terraform 1.10.0 is the platform's default now"]
    assert list(EngineVersion.objects.filter(is_default=True)) == [new]
    both = act(browser, "make_default", old, new)
    assert messages(both) == ["Select one version"]


def test_a_version_cannot_be_added_by_a_form(browser: Client) -> None:
    assert browser.post(address(EngineVersion, "add")).status_code == 403


def test_a_disabled_version_cannot_become_the_default(browser: Client) -> None:
    disabled = EngineVersionFactory.create(version="1.10.0", enabled=False)
    response = act(browser, "make_default", disabled, confirmed="yes")
    assert messages(response) == ["enabled: a disabled version cannot be the default"]
