"""Settings for the test suite; everything else is what production has."""

from iacplatform.settings.base import *  # noqa: F403
from iacplatform.settings.base import DATABASES, REST_FRAMEWORK

# A pooled connection would keep the test database from being dropped.
DATABASES["default"]["OPTIONS"].pop("pool", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A test that counts requests sets a limit of its own.
API_RATE_USER = API_RATE_ANONYMOUS = None
REST_FRAMEWORK = {**REST_FRAMEWORK, "TEST_REQUEST_DEFAULT_FORMAT": "json"}
# Each client of a test makes the middleware anew: looking for all static files then takes longer than its request.
WHITENOISE_AUTOREFRESH = True
