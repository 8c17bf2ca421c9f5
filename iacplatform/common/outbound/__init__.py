"""The one way out: every HTTP request to an address that a user typed is sent from here.

See docs/explanation/security.md.
"""

from iacplatform.common.outbound.client import OutboundResponse, check_url, send
from iacplatform.common.outbound.errors import OutboundFailed, OutboundRefused

__all__ = ["OutboundFailed", "OutboundRefused", "OutboundResponse", "check_url", "send"]
