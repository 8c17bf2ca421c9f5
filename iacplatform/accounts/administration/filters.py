"""What lists of organizations, members, teams and users can be narrowed by."""

from iacplatform.accounts.models import Membership, Organization, Team, User
from iacplatform.common.filtering import FilterSet, TextFilter, yes_or_no


class OrganizationFilter(FilterSet):
    """Organizations by name."""

    search = TextFilter("name", "display_name")

    class Meta:
        model = Organization
        fields: list[str] = []


class MemberFilter(FilterSet):
    """Members by name, and those who own the organization."""

    search = TextFilter("user__username")
    is_owner = yes_or_no()
    is_service = yes_or_no(field_name="user__is_service")

    class Meta:
        model = Membership
        fields: list[str] = []


class TeamFilter(FilterSet):
    """Teams by name."""

    search = TextFilter("name", "description")

    class Meta:
        model = Team
        fields: list[str] = []


class AccountFilter(FilterSet):
    """Users by name or address, and by what they are."""

    search = TextFilter("username", "email", "first_name", "last_name")
    is_active = yes_or_no()
    is_staff = yes_or_no()
    is_superuser = yes_or_no()
    is_service = yes_or_no()

    class Meta:
        model = User
        fields: list[str] = []
