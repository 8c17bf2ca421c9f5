"""Why a request was not answered; the sentence may be shown to whoever typed the address.

No path, query, header or body is ever part of it, and no address of the inner network.
"""


class OutboundRefused(Exception):
    """We do not call this address, or do not send this request: the same again is refused again."""


class OutboundFailed(Exception):
    """The network, or the other side: later it may work."""
