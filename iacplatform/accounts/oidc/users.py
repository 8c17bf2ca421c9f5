"""From what a provider vouches for to a user of the platform."""

import re
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from iacplatform.accounts.models import Membership, Organization, Team, User
from iacplatform.accounts.oidc.client import SignInRefused
from iacplatform.accounts.oidc.models import OIDCIdentity
from iacplatform.accounts.organizations import hold_organization

UNFIT = re.compile(r"[^\w.@+-]+")
LONGEST_NAME = 150
LONGEST_SUBJECT = 255


def groups_of(claims: dict[str, Any]) -> list[str]:
    """The names in ``OIDC_GROUPS_CLAIM``: of teams, as the provider knows them; others are left out."""
    told = claims.get(settings.OIDC_GROUPS_CLAIM) if settings.OIDC_GROUPS_CLAIM else None
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return sorted({name for name in names if isinstance(name, str) and name})


def user_of(claims: dict[str, Any]) -> User:
    """The user that ``iss`` and ``sub`` are bound to, or a new one where ``OIDC_CREATE_USERS``.

    Nobody is found by name or e-mail address: a new person who has those of an existing account gets no
    part of it. Raises :class:`SignInRefused`.
    """
    subject = str(claims["sub"])
    if not subject or len(subject) > LONGEST_SUBJECT or "\0" in subject:
        raise SignInRefused("The provider's name for you cannot be stored")
    identity = _identity(claims["iss"], subject) or _created(claims, subject)
    if not identity.user.is_active:
        raise SignInRefused("This account is not active")
    OIDCIdentity.objects.filter(pk=identity.pk).update(last_used_at=Now())
    join_teams(identity.user, claims)
    return identity.user


def join_teams(user: User, claims: dict[str, Any]) -> None:
    """Puts a user into the teams of ``OIDC_ORGANIZATION`` that the provider names, and out of its others.

    Does nothing where no claim is set for that, or for a user who does not belong to the organization.
    """
    if not settings.OIDC_GROUPS_CLAIM:
        return
    home = Membership.objects.filter(user=user, organization__name=settings.OIDC_ORGANIZATION)
    with transaction.atomic():
        for organization_id in home.values_list("organization", flat=True):
            hold_organization(organization_id)  # nobody is taken out of it meanwhile
        teams = Team.objects.filter(organization__in=home.values("organization"))
        named = teams.filter(name__in=groups_of(claims))
        user.teams.remove(*teams.filter(members=user).exclude(pk__in=named.values("pk")))
        user.teams.add(*named)


def _identity(issuer: str, subject: str) -> OIDCIdentity | None:
    known = OIDCIdentity.objects.select_related("user")
    return known.filter(issuer=issuer, subject=subject).first()


def _created(claims: dict[str, Any], subject: str) -> OIDCIdentity:
    if not settings.OIDC_CREATE_USERS:
        raise SignInRefused("You have no account here: ask an administrator")
    try:
        with transaction.atomic():
            return _new_user(claims, subject)
    except IntegrityError:
        # The same person, twice at the same moment: one of the two was faster.
        identity = _identity(claims["iss"], subject)
        if identity is None:
            raise SignInRefused(TAKEN) from None
        return identity


TAKEN = "An account of this name exists already: ask an administrator to bind it to you"


def _new_user(claims: dict[str, Any], subject: str) -> OIDCIdentity:
    username = _username(claims)
    if User.objects.filter(username__iexact=username).exists():
        raise SignInRefused(TAKEN)
    user = User(username=username, **_personal(claims))
    user.set_unusable_password()
    user.save()
    if settings.OIDC_ORGANIZATION:
        organization = Organization.objects.filter(name=settings.OIDC_ORGANIZATION).first()
        if organization is None:
            raise SignInRefused("The organization of OIDC_ORGANIZATION does not exist")
        Membership.objects.create(organization=organization, user=user)
    return OIDCIdentity.objects.create(user=user, issuer=claims["iss"], subject=subject)


def _username(claims: dict[str, Any]) -> str:
    told = claims.get(settings.OIDC_USERNAME_CLAIM)
    username = UNFIT.sub("-", told).strip("-")[:LONGEST_NAME] if isinstance(told, str) else ""
    if not username:
        raise SignInRefused(f"The provider told no {settings.OIDC_USERNAME_CLAIM}")
    return username


def _personal(claims: dict[str, Any]) -> dict[str, str]:
    columns = {"email": ("email", 254), "first_name": ("given_name", 150)}
    columns["last_name"] = ("family_name", 150)
    told = {column: (claims.get(claim), length) for column, (claim, length) in columns.items()}
    return {
        column: value.replace("\0", "")[:length]
        for column, (value, length) in told.items()
        if isinstance(value, str)
    }
