"""Settings for `make bench-api`: what production has, and each answer says how many queries it took."""

from iacplatform.settings.base import *  # noqa: F403
from iacplatform.settings.base import MIDDLEWARE

MIDDLEWARE = ["iacplatform.embedded.query_count.count_queries", *MIDDLEWARE]
# What is measured is the platform, not how it refuses to be asked so often.
API_RATE_USER = None
