"""Who a provider's user is here."""

from django.conf import settings
from django.db import models


class OIDCIdentity(models.Model):
    """A user signs in as ``subject`` of ``issuer``: the only pair a provider promises to keep.

    Names and e-mail addresses change hands, and so they bind nobody (OpenID Connect Core 1.0, §5.7).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="oidc_identities"
    )
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "OpenID Connect identity"
        verbose_name_plural = "OpenID Connect identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_of_an_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"
