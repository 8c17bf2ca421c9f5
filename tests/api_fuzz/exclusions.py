"""What is found and is no fault: each with its reason."""

import re

CHECKS = {
    "positive_data_acceptance": "What the document allows may break a rule that no schema can say: a "
    "name that is taken, a workspace that is locked, an address that may not be called",
    "use_after_free": "Requests are about ids that are put into them, not about what one before made",
    "ensure_resource_availability": "The same",
}
"""Checks of schemathesis that are not made, and why."""
FAILURES: dict[str, tuple[str, str]] = {
    r"Invalid component: in body - .*: Incorrect type": (
        "negative_data_rejection",
        "A number is taken as the text of it and 0 as false, as Django REST framework does everywhere",
    ),
    r"Invalid component: in body\s+- violates `type` at \S+ \(was string, became (number|integer)\)": (
        "negative_data_rejection",
        "The same, said otherwise of several at once",
    ),
    r"Invalid component: parameter `(\w+)` in query - violates [\s\S]*[?&]\1=[& ]": (
        "negative_data_rejection",
        "A parameter that is there and empty is one that is not there",
    ),
    r"Invalid component: .* in query - .*: (Value not matching|String smaller)": (
        "negative_data_rejection",
        "A parameter that is there and empty is one that is not there",
    ),
    r"Invalid component: (Missing request body|positive test case)": (
        "negative_data_rejection",
        "Where no member is required, a body that is not there changes nothing",
    ),
    r"Unsupported method .* returned 404": (
        "unsupported_method",
        "What is switched off, such as signing in with OpenID Connect, is not there for any method",
    ),
}
"""What is in the sentence of a failure, and in the request after it → the check it is of, and why it is none."""


def is_excluded(check: str, told: str) -> bool:
    """Whether the table says of a failure that it is none."""
    return any(check == of and re.search(pattern, told) for pattern, (of, _) in FAILURES.items())
