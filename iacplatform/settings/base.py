"""Django's settings, every one of them read from the environment (docs/reference/settings.md).

A name that ends in ``_FILE`` gives the path of a file with the value: for secrets that an orchestrator mounts.
"""

import socket
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from iacplatform.common.rates import parse_rate
from iacplatform.common.redis_url import broker_url
from iacplatform.logging import configure_structlog, logging_config

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent.parent


def secret(name: str, default: str | None = None) -> str:
    """Reads ``name`` or the file that ``{name}_FILE`` names; raises where neither is set.

    What has no default must not be empty: anybody could sign with an empty secret.
    """
    path = env.str(f"{name}_FILE", "")
    if path:
        value = Path(path).read_text().strip()
    else:
        value = env.str(name) if default is None else env.str(name, default)
    if default != "" and not value:
        raise ImproperlyConfigured(f"{name} is empty")
    return str(value)


# --- Secrets
SECRET_KEY = secret("SECRET_KEY")
ENCRYPTION_KEYS = [key for key in secret("ENCRYPTION_KEYS").split(",") if key]
JWT_SECRET = secret("JWT_SECRET", SECRET_KEY)
SETUP_TOKEN = secret("SETUP_TOKEN", "")
JWT_LIFETIME_SECONDS = env.int("JWT_LIFETIME_SECONDS", 8 * 3600)

# --- Web
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ALLOWED_ORIGINS: list[str] = env.list("ALLOWED_ORIGINS", [])
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000")
SECURE_COOKIES = env.bool("SECURE_COOKIES", BASE_URL.startswith("https://"))
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("DATA_UPLOAD_MAX_MEMORY_SIZE", 10 * 1024**2)
ROOT_URLCONF = "iacplatform.urls"
ASGI_APPLICATION = "iacplatform.asgi.application"
STATIC_URL = "static/"
# Only for an installation that collects its static files; without it they are served from the packages.
STATIC_ROOT = env.str("STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = True

INSTALLED_APPS = [
    # Its pages are looked for where there are addresses: a worker starts without them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_filters",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "iacplatform.accounts",
    "iacplatform.common",
    "iacplatform.embedded",
    "workspaces",
    "workspaces.cmdb",
    "workspaces.drift",
    "executor",
    "runtasks",
    "notifications",
    "triggers",
]
MIDDLEWARE = [
    "iacplatform.common.request_ids.request_id",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "iacplatform.accounts.audit.middleware.AdminAuditMiddleware",
    "iacplatform.accounts.audit.requests.end_entries",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database and Redis
DATABASES = {"default": env.dj_db_url("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "iacplatform.common.postgresql"
# A peer that is gone without a word is noticed within 25 s, on both sides: neither may wait for TCP's own
# two hours, the server least of all, which keeps the rows of a dead client's transaction locked.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c idle_in_transaction_session_timeout=60s",
} | DATABASES["default"].get("OPTIONS", {})
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": env.int("DATABASE_POOL_SIZE", 24),
    "timeout": 10,
    # After that the pool begins anew with whoever asks next. It waits twice as long each time, and claims
    # must be renewed, and requests answered, as soon as PostgreSQL is back.
    "reconnect_timeout": 3,
}
# A statement more for each use of a connection: for web servers. Workers try again by themselves.
DATABASES["default"]["CHECK_POOLED"] = env.bool("DATABASE_HEALTH_CHECKS", False)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL")

# --- Users
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Sign-in with an OpenID provider (docs/how-to/sign-in-with-openid-connect.md)
OIDC_ISSUER = env.str("OIDC_ISSUER", "")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = secret("OIDC_CLIENT_SECRET", "")
OIDC_USERNAME_CLAIM = env.str("OIDC_USERNAME_CLAIM", "preferred_username")
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", "")
OIDC_CREATE_USERS = env.bool("OIDC_CREATE_USERS", False)
OIDC_ORGANIZATION = env.str("OIDC_ORGANIZATION", "")

# --- Audit log (docs/reference/audit-log.md); 0: kept for ever
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", 0)

# --- REST
# Requests that one token, or one address without any, has; 0: no limit (docs/how-to/use-the-api.md).
API_RATE_USER = parse_rate(env.str("API_RATE_USER", "1200/min"))
API_RATE_ANONYMOUS = parse_rate(env.str("API_RATE_ANONYMOUS", "60/min"))
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "iacplatform.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["iacplatform.accounts.permissions.AccessPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["iacplatform.common.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["iacplatform.common.filtering.ListFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "iacplatform.common.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "iacplatform.common.openapi.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["iacplatform.common.rate_limits.RateLimit"],
    "DEFAULT_THROTTLE_RATES": {
        "login": env.str("LOGIN_RATE", "10/min"),
        "login_account": env.str("LOGIN_ACCOUNT_RATE", "30/min"),
    },
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS has nothing to add to the OpenAPI document
    "EXCEPTION_HANDLER": "iacplatform.common.api_errors.exception_handler",
    # How many proxies may be believed about a client's address (limits count by it).
    "NUM_PROXIES": env.int("NUM_PROXIES", 0),
    "PAGE_SIZE": 20,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "iacplatform",
    "DESCRIPTION": "A self-hosted run platform for Terraform and OpenTofu.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "PATH_CONVERTER_OVERRIDES": {"pk": int},
    "ENUM_NAME_OVERRIDES": {
        "AccessLevelEnum": "iacplatform.accounts.levels.LEVEL_WORDS",
        "TaskStatusEnum": "workspaces.task_status.TaskStatus",
        "StageStatusEnum": "workspaces.task_status.StageStatus",
        "StageEnum": "workspaces.task_status.Stage",
        "TaskTypeEnum": "workspaces.task_status.TaskType",
        "RequestedTaskTypeEnum": "workspaces.api.serializers.tasks.REQUESTED_TYPES",
        "OutputsSharingEnum": "workspaces.models.OutputsSharing",
        "DriftCheckStatusEnum": "workspaces.drift.models.CheckStatus",
        "DriftSeverityEnum": "workspaces.drift.models.Severity",
        "OutboxStatusEnum": "iacplatform.common.models.OutboxStatus",
        "RunTaskStageEnum": "runtasks.models.RunTaskStage",
        "RunTaskResultStatusEnum": "runtasks.models.ResultStatus",
        "RunTaskCallbackStatusEnum": "runtasks.api.serializers.callbacks.STATUSES",
        "EnforcementLevelEnum": "runtasks.models.EnforcementLevel",
        "TriggerExecutionStatusEnum": "triggers.models.ExecutionStatus",
        "CMDBSyncStatusEnum": "workspaces.cmdb.models.SyncStatus",
        "CMDBSyncTriggerEnum": "workspaces.cmdb.models.SyncTrigger",
        "CMDBSourceTypeEnum": "workspaces.cmdb.models.SourceType",
        "CMDBPullStatusEnum": "workspaces.cmdb.models.PullStatus",
        "SignatureFormatEnum": "runtasks.models.SignatureFormat",
        "NotificationTypeEnum": "notifications.models.NotificationType",
        "NotificationLogStatusEnum": "notifications.models.LogStatus",
        "TaskEventEnum": "workspaces.task_events.EventName",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "iacplatform.common.openapi.document_errors",
        "iacplatform.openapi_examples.add_examples",
    ],
}

# --- Celery: a message is only a hint, the stage row is the truth (docs/explanation/pipeline.md)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", broker_url(REDIS_URL))
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_POOL = "executor.thread_pool:ThreadPool"
CELERY_WORKER_CONSUMER = "executor.hint_consumer:HintConsumer"
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A hint that is lost costs nothing; a record of who has which would have to be kept in Redis too,
    # and acknowledging over a connection that is gone ends the worker (kombu 5.7).
    "ack_emulation": False,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # A hint that cannot be sent now is sent by the sweep: no request waits for Redis.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "executor.tasks.sweep",
        "schedule": 2.0,
        "options": {"queue": "control", "expires": 3},
    },
    "expire-results": {
        "task": "runtasks.tasks.expire_results",
        "schedule": 2.0,
        "options": {"queue": "control", "expires": 3},
    },
    "fire-due-triggers": {
        "task": "triggers.tasks.fire_due",
        "schedule": 2.0,
        "options": {"queue": "control", "expires": 3},
    },
    "schedule-drift-checks": {
        "task": "workspaces.drift.tasks.schedule_checks",
        "schedule": 30.0,
        "options": {"queue": "control", "expires": 30},
    },
    "prune-drift-checks": {
        "task": "workspaces.drift.tasks.prune_checks",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "deliver-due": {
        "task": "iacplatform.common.tasks.deliver_due",
        "schedule": 2.0,
        "options": {"queue": "delivery", "expires": 60},
    },
    "prune-notification-logs": {
        "task": "notifications.tasks.prune_logs",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "prune-states": {
        "task": "workspaces.tasks.prune_states",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "sweep-cmdb": {
        "task": "workspaces.cmdb.tasks.sweep",
        "schedule": 10.0,
        "options": {"queue": "control", "expires": 10},
    },
    "prune-idempotency-keys": {
        "task": "iacplatform.common.tasks.prune_idempotency_keys",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "prune-audit-log": {
        "task": "iacplatform.accounts.tasks.prune_audit_log",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "prune-revoked-access-tokens": {
        "task": "iacplatform.accounts.tasks.prune_revoked_access_tokens",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
    "prune-outbox": {
        "task": "iacplatform.common.tasks.prune_outbox",
        "schedule": 3600.0,
        "options": {"queue": "control", "expires": 3600},
    },
}

# --- Idempotency keys (docs/how-to/use-the-api.md)
IDEMPOTENCY_KEEP_HOURS = env.float("IDEMPOTENCY_KEEP_HOURS", 24.0)

# --- Outbox and outbound HTTP (docs/explanation/outbox.md)
# Kind of entry → paths of the function that delivers it and of the one that is told when it dies.
OUTBOX_DELIVERERS: dict[str, dict[str, str]] = {
    "runtasks.webhook": {
        "deliver": "runtasks.services.webhooks.deliver",
        "on_dead": "runtasks.services.webhooks.give_up",
    },
    "notifications.message": {
        "deliver": "notifications.services.delivery.deliver",
        "on_dead": "notifications.services.delivery.give_up",
    },
    "cmdb.sync": {"deliver": "workspaces.cmdb.services.sync_requests.deliver"},
    "cmdb.pull": {"deliver": "workspaces.cmdb.services.pulling.deliver"},
}
OUTBOX_DESTINATION_CONCURRENCY = env.int("OUTBOX_DESTINATION_CONCURRENCY", 4)
OUTBOX_LEASE_SECONDS = env.float("OUTBOX_LEASE_SECONDS", 150.0)
OUTBOX_KEEP_DAYS = env.int("OUTBOX_KEEP_DAYS", 30)
OUTBOUND_ALLOWED_NETWORKS: list[str] = env.list("OUTBOUND_ALLOWED_NETWORKS", [])
OUTBOUND_PROXY = env.str("OUTBOUND_PROXY", "")
OUTBOUND_CA_FILE = env.str("OUTBOUND_CA_FILE", "")

# --- Tasks
# Functions that are told of each event of a task, in the transaction that causes it. Drift comes last: when
# it says that something has drifted, the others know already that the check has ended.
TASK_EVENT_SUBSCRIBERS = [
    "workspaces.cmdb.subscriber.follow",
    "triggers.subscriber.follow",
    "notifications.subscriber.follow",
    "workspaces.drift.subscriber.follow",
]

# --- Stages
# Functions that say what the admin's start page counts, in the order of the page.
START_PAGE_SECTIONS = [
    "workspaces.admin.start_page.trouble",
    "workspaces.admin.start_page.waiting",
    "workspaces.admin.start_page.failures",
    "iacplatform.common.outbox.start_page.deliveries",
    "notifications.admin.start_page.messages",
    "runtasks.admin.start_page.answers",
    "triggers.admin.start_page.executions",
    "workspaces.drift.admin.start_page.drift",
    "workspaces.cmdb.admin.start_page.inventory",
]
# Functions that say, for the admin's page of a task, what their app knows of it.
TASK_PAGE_SECTIONS = [
    "runtasks.admin.task_section.results_section",
    "notifications.admin.task_section.messages_section",
    "triggers.admin.task_section.triggers_section",
    "workspaces.drift.admin.task_section.drift_section",
]
STAGE_GATES: list[str] = env.list("STAGE_GATES", ["runtasks.gates.RunTaskGate"])
LEASE_SECONDS = env.float("LEASE_SECONDS", 20.0)
RENEW_SECONDS = env.float("RENEW_SECONDS", 5.0)
RESCUE_HOST_WAIT_SECONDS = env.float("RESCUE_HOST_WAIT_SECONDS", 15.0)
DRAIN_GRACE_SECONDS = env.float("DRAIN_GRACE_SECONDS", 3600.0)
WORKER_HOST = env.str("WORKER_HOST", socket.gethostname())
DATA_DIR = env.path("DATA_DIR", BASE_DIR / ".run" / "data")
WORK_ROOT = env.path("WORK_ROOT", DATA_DIR / "work")
ENGINES_DIR = env.path("ENGINES_DIR", DATA_DIR / "engines")
PLUGIN_CACHE_DIR = env.path("PLUGIN_CACHE_DIR", DATA_DIR / "plugins")
STATE_BACKUP_DIR = env.path("STATE_BACKUP_DIR", DATA_DIR / "state-backups")
ENGINE_URL_SCHEMES = env.list("ENGINE_URL_SCHEMES", ["https"])
ENGINE_CLI_CONFIG_FILE = env.str("ENGINE_CLI_CONFIG_FILE", "")
PLAN_GRACE_SECONDS = env.float("PLAN_GRACE_SECONDS", 30.0)
INIT_RETRY_WAITS = env.list("INIT_RETRY_WAITS", [5.0, 10.0], subcast=float)
STATE_SAVE_WAITS = env.list("STATE_SAVE_WAITS", [2.0, 4.0, 6.0, 8.0], subcast=float)
APPLY_GRACE_SECONDS = env.float("APPLY_GRACE_SECONDS", 300.0)
FORCE_GRACE_SECONDS = env.float("FORCE_GRACE_SECONDS", 10.0)
# 0: no limit. A workspace may have shorter ones.
PLAN_TIMEOUT_SECONDS = env.int("PLAN_TIMEOUT_SECONDS", 3600)
APPLY_TIMEOUT_SECONDS = env.int("APPLY_TIMEOUT_SECONDS", 6 * 3600)
SILENCE_TIMEOUT_SECONDS = env.int("SILENCE_TIMEOUT_SECONDS", 1800)

# --- Uploaded configurations
ARCHIVE_MAX_BYTES = env.int("ARCHIVE_MAX_BYTES", 20 * 1024**2)
ARCHIVE_MAX_UNPACKED_BYTES = env.int("ARCHIVE_MAX_UNPACKED_BYTES", 100 * 1024**2)
ARCHIVE_MAX_FILES = env.int("ARCHIVE_MAX_FILES", 5000)

# --- States
STATE_MAX_BYTES = env.int("STATE_MAX_BYTES", 50 * 1024**2)
# 0: all. A workspace may have its own.
STATE_KEEP_VERSIONS = env.int("STATE_KEEP_VERSIONS", 0)
STATE_KEEP_DAYS = env.int("STATE_KEEP_DAYS", 0)

# --- Run tasks
RUN_TASK_WEBHOOK_WAITS = env.list("RUN_TASK_WEBHOOK_WAITS", [1.0, 5.0, 15.0], subcast=float)
RUN_TASK_WEBHOOK_TIMEOUT_SECONDS = env.float("RUN_TASK_WEBHOOK_TIMEOUT_SECONDS", 30.0)
RUN_TASK_CALLBACK_MAX_BYTES = env.int("RUN_TASK_CALLBACK_MAX_BYTES", 32 * 1024**2)

# --- Notifications
NOTIFICATION_LOG_KEEP_DAYS = env.int("NOTIFICATION_LOG_KEEP_DAYS", 90)
# Empty: no e-mail is sent.
EMAIL_HOST = env.str("EMAIL_HOST", "")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = secret("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "iacplatform@localhost")

# --- Drift
DRIFT_MAX_CONCURRENT = env.int("DRIFT_MAX_CONCURRENT", 2)
DRIFT_TIME_ZONE = ZoneInfo(
    env.str("DRIFT_TIME_ZONE", "UTC")
).key  # a name that is none is said at once
DRIFT_KEEP_DAYS = env.int("DRIFT_KEEP_DAYS", 90)

# --- Language, time, log
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = ["iacplatform.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
# The middleware above has made the header fit for a log; Celery's messages carry the id along.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOGGING_CONFIG = "logging.config.dictConfig"
LOG_FORMAT = env.str("LOG_FORMAT", "json")
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL)
configure_structlog()
