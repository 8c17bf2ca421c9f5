"""Users of the installation, for superusers."""

from collections.abc import Iterable

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.administration.accounts import create_account, update_account
from iacplatform.accounts.administration.filters import AccountFilter
from iacplatform.accounts.administration.serializers import AccountSerializer, NewAccountSerializer
from iacplatform.accounts.api import signed_in_user
from iacplatform.accounts.models import User
from iacplatform.common.conditional import conditional
from iacplatform.common.errors import Forbidden

OPENS_MORE = frozenset({"is_staff", "is_superuser", "password"})


@conditional()
class AccountViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[User]):
    """Every user; nobody is deleted, because what they did stays theirs: deactivate them."""

    queryset = User.objects.order_by("username")
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    lookup_url_kwarg = "user_id"

    @extend_schema(request=NewAccountSerializer, responses={201: AccountSerializer})
    def create(self, request: Request) -> Response:
        """Creates a user, who belongs to no organization yet."""
        serializer = NewAccountSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        check_token_may_set(request, serializer.validated_data)
        user = create_account(**serializer.validated_data)
        return Response(AccountSerializer(user).data, status=201)

    @extend_schema(request=NewAccountSerializer, responses=AccountSerializer)
    def partial_update(self, request: Request, **_: object) -> Response:
        """Changes the given fields; a new password or a deactivation ends all their sessions."""
        user = self.get_object()
        serializer = NewAccountSerializer(user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        check_token_may_set(request, serializer.validated_data)
        update_account(user, by=signed_in_user(request), **serializer.validated_data)
        return Response(AccountSerializer(user).data)


def check_token_may_set(request: Request, fields: Iterable[str]) -> None:
    """No token with scopes makes itself a user that opens more; raises ``Forbidden``."""
    if getattr(request.auth, "scopes", ()) and (named := sorted(OPENS_MORE.intersection(fields))):
        raise Forbidden(f"{named[0]} needs a token without scopes")
