"""Settings, read from the environment once; `docs/configuration.md` lists every variable.

Safe by default: with `DATABASE_URL` set this is a production process, and whatever is missing stops it. Without one
the project runs its own PostgreSQL in `DATA_DIR`, for development, and makes the secrets it needs there.
"""

import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.dateparse import parse_datetime

from retivo import processes
from retivo.database import embedded_postgres
from retivo.development_secrets import development_secret
from retivo.threads import share, web_threads

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

env = environ.Env()
# A value that begins with "$", as a password may, is that text and not the name of another variable.
env.ENVIRON = {name: value.replace("$", r"\$") for name, value in os.environ.items()}
env.escape_proxy = True

DATA_DIR = embedded_postgres.data_dir()
USES_EMBEDDED_POSTGRES = embedded_postgres.is_configured()

# Development means: plain HTTP, generated secrets, webhooks to loopback. Never implied by an external database.
DEVELOPMENT = env.bool("RETIVO_DEVELOPMENT", default=USES_EMBEDDED_POSTGRES)
DEBUG = False


def _secret(name: str) -> str:
    value: str = env.str(name, default="")
    if value:
        return value
    if DEVELOPMENT:
        return development_secret(DATA_DIR, name)
    raise ImproperlyConfigured(f"Set {name}: outside development it has no default.")


SECRET_KEY = _secret("SECRET_KEY")
# Fernet keys, newest first: the first encrypts, all decrypt.
ENCRYPTION_KEYS = [key.strip() for key in _secret("ENCRYPTION_KEYS").split(",") if key.strip()]

# --- Database -------------------------------------------------------------------------------------------------------


def _database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = environ.Env.db_url_config(url)
    config["OPTIONS"] = {
        # Server-side parameters and prepared statements: planned once a connection, not once a request.
        "server_side_binding": True,
        "prepare_threshold": 3,
        # A host that is gone is noticed: in seconds, and milliseconds for the last one. See docs/database.md.
        "connect_timeout": 3,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        **config.get("OPTIONS", {}),
    }
    config["ENGINE"] = "retivo.database.backend"
    return config


def _databases() -> dict[str, dict[str, Any]]:
    """One for each login; `default` is the web's, or in a worker or a command the worker's.

    Where `DATABASE_URL` alone is set, all of them but the owner's are its.
    """
    if USES_EMBEDDED_POSTGRES:
        urls = embedded_postgres.urls(DATA_DIR)
    else:
        urls = {"web": env.str("DATABASE_URL"), "owner": env.str("DATABASE_OWNER_URL", default="")}
        for login in ("worker", "staff", "release"):
            urls[login] = env.str(f"DATABASE_{login.upper()}_URL", default="") or urls["web"]
    databases = {login: _database(url) for login, url in urls.items() if url}
    # A connection a thread, kept from request to request; see docs/decisions/0004.
    databases["default"] = databases["worker" if processes.is_background() else "web"] | {
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
    return databases


DATABASES = _databases()
# How long a process that starts waits for the database to be there.
DATABASE_WAIT_SECONDS = env.float("DATABASE_WAIT_SECONDS", default=300)
# In a transaction of a worker or a command, in seconds: for a lock, for a statement and between two statements. The
# web's are defaults of the runtime role; see retivo.database.deadlines.
BACKGROUND_TIMEOUTS = env.str("BACKGROUND_TIMEOUTS", default="5/60/60")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Counts what comes without a key, by its address. A Redis shares the counts over several processes and hosts.
CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}
if CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 100_000}

# --- Application ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "retivo",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "tenants",
    "integrations",
    "events",
    "learning",
    "delivery",
    "decisions",
    "partners",
]

MIDDLEWARE = [
    "retivo.api.middleware.RequestIdMiddleware",
    "retivo.sight.middleware.AnswerFirst",
    *(["retivo.tracing.TraceRequests"] if env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="") else []),
    "django.middleware.security.SecurityMiddleware",
    "retivo.api.middleware.HttpsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "retivo.api.middleware.BodyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "retivo.api.middleware.ApiMiddleware",
    # Of staff's pages alone.
    "tenants.staff.middleware.StaffPagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.staff.middleware.SessionGoesOnMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "tenants.second_factor.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = ["tenants.accounts.logins.Backend", "django.contrib.auth.backends.ModelBackend"]

ROOT_URLCONF = "retivo.urls"
WSGI_APPLICATION = "retivo.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

# The default prepares to sign a cookie, in API requests too.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "retivo.formats"

STATIC_URL = "/static/"
# Serve straight from the packages: no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- Staff pages ----------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Retivo",
    "SITE_HEADER": "Retivo",
    "SITE_SUBHEADER": "Staff pages",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/api/docs",
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("retivo/staff.css")],
    # Inline: a browser asks for /favicon.ico otherwise.
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "data:image/svg+xml,"}],
    "SIDEBAR": {"navigation": "retivo.admin.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("second_factor")},
        ]
    },
}

# --- Logins of staff: tenants.accounts.logins says how many may fail ------------------------------------------------

AXES_HANDLER = "tenants.accounts.logins.Handler"
AXES_FAILURE_LIMIT = 1  # of the bounds that are reached
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # whose failures a success deletes
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "tenants.accounts.logins.username_of"
AXES_CLIENT_IP_CALLABLE = "retivo.api.address.client_network"
AXES_LOCKOUT_CALLABLE = "tenants.accounts.logins.locked_out"
AXES_ENABLE_ADMIN = False  # its pages delete without an audit entry
AXES_VERBOSE = False

# --- Second factor of staff (tenants.second_factor) -------------------------------------------------------------------

# Whether every login with a password needs one. Without it, the logins of those who set one up do.
STAFF_REQUIRE_2FA = env.bool("STAFF_REQUIRE_2FA", default=not DEVELOPMENT)
OTP_TOTP_ISSUER = "Retivo"

# --- Sign-on of staff (tenants.sign_on), where OIDC_ISSUER says whose tokens count -----------------------------------

SIGN_ON_BACKEND = "tenants.sign_on.backend.Backend"
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")


def _of_provider(name: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: with OIDC_ISSUER it has no default.")
    if name.endswith("_ENDPOINT") and not (DEVELOPMENT or value.startswith("https://")):
        raise ImproperlyConfigured(f"{name} has to begin with https://, outside development.")
    return value


if OIDC_ISSUER:
    AUTHENTICATION_BACKENDS.append(SIGN_ON_BACKEND)
    OIDC_RP_CLIENT_ID, OIDC_RP_CLIENT_SECRET = _of_provider("OIDC_CLIENT_ID"), _of_provider("OIDC_CLIENT_SECRET")
    OIDC_OP_AUTHORIZATION_ENDPOINT = _of_provider("OIDC_AUTHORIZATION_ENDPOINT")
    OIDC_OP_TOKEN_ENDPOINT = _of_provider("OIDC_TOKEN_ENDPOINT")
    OIDC_OP_USER_ENDPOINT = _of_provider("OIDC_USERINFO_ENDPOINT")
    OIDC_OP_JWKS_ENDPOINT = _of_provider("OIDC_JWKS_ENDPOINT")
    OIDC_RP_SIGN_ALGO = env.str("OIDC_SIGN_ALGO", default="RS256")
    if not re.fullmatch("(RS|ES|HS)(256|384|512)", OIDC_RP_SIGN_ALGO):  # with another, the library takes no token
        raise ImproperlyConfigured("OIDC_SIGN_ALGO is RS256, ES256 or HS256, or one of these with 384 or 512.")
    OIDC_RP_SCOPES = env.str("OIDC_SCOPES", default="openid email profile")
    OIDC_USERNAME_CLAIM = env.str("OIDC_USERNAME_CLAIM", default="email")
    OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="groups")
    OIDC_STAFF_GROUP = env.str("OIDC_STAFF_GROUP", default="")
    OIDC_CREATE_USER = bool(OIDC_STAFF_GROUP)
    OIDC_USE_PKCE = True
    OIDC_TIMEOUT = 4  # seconds

# --- Sessions of staff: tenants.staff.middleware begins the time anew -------------------------------------------------

SESSION_COOKIE_AGE = env.int("STAFF_SESSION_IDLE_SECONDS", default=8 * 3600)
if SESSION_COOKIE_AGE <= 0:
    raise ImproperlyConfigured("STAFF_SESSION_IDLE_SECONDS is a number of seconds above 0.")

# --- Transport ------------------------------------------------------------------------------------------------------

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEVELOPMENT else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
MAX_BODY_BYTES = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES


def _public_url() -> str:
    """Where others reach this service, without a slash at the end; empty where nothing says it."""
    url: str = env.str("PUBLIC_URL", default="").rstrip("/")
    if not url:
        names = ["127.0.0.1:8000"] if DEVELOPMENT else [host for host in ALLOWED_HOSTS if host[0] not in ".*"]
        return f"{'http' if DEVELOPMENT else 'https'}://{names[0]}" if names else ""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url) or not (DEVELOPMENT or url.startswith("https://")):
        raise ImproperlyConfigured(f"PUBLIC_URL is as https://retivo.example; it is {url!r}.")
    return url


PUBLIC_URL = _public_url()

SECURE_SSL_REDIRECT = not DEVELOPMENT
SECURE_REDIRECT_EXEMPT = ["^api/"]  # plain HTTP is refused there: retivo.api.middleware.HttpsMiddleware
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# A promise for the whole domain that browsers keep for months: whoever runs Retivo makes it, or not.
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # which wants it on
SESSION_COOKIE_SECURE = not DEVELOPMENT
CSRF_COOKIE_SECURE = not DEVELOPMENT
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "retivo.staff.error_pages.csrf_failure"


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Of version 4, if that is what it stands for: so are addresses compared (`retivo.api.address`)."""
    first = network.network_address
    if isinstance(first, IPv6Address) and first.ipv4_mapped and network.prefixlen >= 96:
        return IPv4Network((first.ipv4_mapped, network.prefixlen - 96))
    return network


def _trusted_proxies() -> tuple[list[IPv4Network | IPv6Network], bool]:
    """The networks of the proxies in front, and whether one of them calls over a Unix socket."""
    texts = [text.strip() for text in env.str("TRUSTED_PROXIES", default="").split(",") if text.strip()]
    try:
        return [_unmapped(ip_network(text)) for text in texts if text != "unix"], "unix" in texts
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES lists networks such as 10.0.0.0/8,127.0.0.1, and `unix` for a socket: {error}. "
            "A number of proxies, as earlier releases took it, is no network."
        ) from error


TRUSTED_PROXIES, UNIX_SOCKET_IS_TRUSTED = _trusted_proxies()
if env.bool("TRUST_X_FORWARDED_PROTO", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- security.txt (retivo.api.security_txt) ---------------------------------------------------------------------------

SECURITY_CONTACT = env.list("SECURITY_CONTACT", default=[])


def _expires() -> datetime | None:
    if not SECURITY_CONTACT:
        return None
    if any(re.fullmatch(r"(mailto|https|tel):[!-~]+", contact) is None for contact in SECURITY_CONTACT):
        raise ImproperlyConfigured("SECURITY_CONTACT holds URIs that begin with mailto:, https: or tel:, with commas.")
    try:
        expires = parse_datetime(env.str("SECURITY_TXT_EXPIRES", default=""))
    except ValueError:  # as one in the 13th month
        expires = None
    if expires is None or expires.tzinfo is None:
        raise ImproperlyConfigured("With SECURITY_CONTACT set SECURITY_TXT_EXPIRES to a time as 2027-06-30T00:00:00Z.")
    return expires


SECURITY_TXT_EXPIRES = _expires()

# --- Shares of a process's threads (retivo.threads) -----------------------------------------------------------------


def _share(name: str, default: str) -> int:
    text = env.str(name, default="") or default
    try:
        part = Decimal(text)
        if 0 < part <= 1:
            return share(part, web_threads())
    except InvalidOperation:  # no number, or NaN
        pass
    raise ImproperlyConfigured(f"{name} is a part of the threads, above 0 and at most 1; it is {text!r}.")


TENANT_THREADS = _share("TENANT_SHARE_OF_THREADS", "0.5")
PARTNER_THREADS = _share("PARTNER_SHARE_OF_THREADS", "0.75")
STAFF_THREADS = _share("STAFF_SHARE_OF_THREADS", "0.25")
# More than a tenant's: when a process has just begun, every key is unknown to it.
UNKNOWN_KEYS_THREADS = share(Decimal("0.75"), web_threads())
# The API's docs and its description, which anyone may ask for.
OPEN_PAGES_THREADS = share(Decimal("0.25"), web_threads())

# --- Product --------------------------------------------------------------------------------------------------------

# For how long backups are kept, which a certificate of deletion tells.
BACKUPS_KEPT_DAYS = env.int("BACKUPS_KEPT_DAYS", default=7)
# Requests a key may make, as `<count>/<seconds>`; and a tenant with all its keys, where no other limit is set for it.
RATE_LIMIT = env.str("RATE_LIMIT", default="60000/60")
TENANT_RATE_LIMIT = env.str("TENANT_RATE_LIMIT", default="")
WEBHOOKS_MAY_USE_LOOPBACK_HTTP = DEVELOPMENT
WEBHOOK_PORTS = env.list("WEBHOOK_PORTS", cast=int, default=[443, 8443])

# Who holds it reads /metrics; without one, this host alone does.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=0)

# Sending actions. The contract's numbers; not from the environment, but another settings module may change them.
DELIVERY_TIMEOUT_SECONDS: float = 15
DELIVERY_RETRY_SECONDS: Sequence[float] = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
DELIVERY_LEASE_SECONDS = 60
DELIVERY_CIRCUIT_SECONDS: float = 30

# What a tenant spends of privacy in a year, as ε at δ = 1e-6 (docs/privacy.md).
PATTERNS_EPSILON = env.float("PATTERNS_EPSILON", default=1.0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.access.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["retivo.api.json.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["retivo.api.json.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "retivo.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "retivo.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "COERCE_DECIMAL_TO_STRING": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Retivo API",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": (
        "Send `Authorization: Bearer rt_live_…` with every request but the service's own. Bodies are JSON of at most "
        "1 MiB; a field that an operation does not know is refused by name. Times are RFC 3339 in UTC. Whatever is not "
        "a success is `application/problem+json`; act on its `code`, show its `error`. A method that a path does not "
        "have is 405, with those that it has in `Allow`."
    ),
    "TAGS": [
        {"name": "Events", "description": "What a tenant's end users do."},
        {
            "name": "Users",
            "description": "A tenant's end users. The paths and answers call them customers: they are the tenant's.",
        },
        {"name": "Customers", "description": "Tenants that a partner provisions, each isolated from all others."},
        {"name": "Keys", "description": "A partner's own API keys."},
        {"name": "Events of a partner", "description": "What a partner is told of: the feed, and its webhooks."},
        {"name": "Switches", "description": "What a partner holds, for all of its customers or for a part."},
        {"name": "Integrations", "description": "What a partner's platform can do, and who may use it."},
        {"name": "Roll-outs", "description": "Customers that are moved to another revision of an integration."},
        {"name": "Endpoints", "description": "Where actions are sent: health, recovery and certification."},
        {
            "name": "Action types",
            "description": "What can be done for users: a tenant's own, and what its partner shares.",
        },
        {"name": "Actions", "description": "What was dispatched to receivers, and what came of it."},
        {"name": "Connectors", "description": "What other vendors' SDKs and webhooks send, taken as it is."},
        {"name": "Playbooks", "description": "When a user is to be intervened with, and within which limits."},
        {"name": "Interventions", "description": "What playbooks plan for users, and what becomes of it."},
        {"name": "Decisions", "description": "What is best to be done for a user, and the ledger of what was decided."},
        {"name": "Analytics", "description": "Whether it helps."},
        {"name": "Stats", "description": "All of a partner's customers at a glance."},
        {"name": "Settings", "description": "What a tenant sees of itself, and may change."},
        {"name": "Audit", "description": "What was changed, when and by whom, in a signed chain."},
        {"name": "Service", "description": "Whether Retivo is well."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    # {customerId}, as the contract writes the paths.
    "CAMELIZE_NAMES": True,
    "PATH_CONVERTER_OVERRIDES": {"any_uuid": {"type": "string", "format": "uuid"}},
    "SORT_OPERATION_PARAMETERS": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "LearningConsent": "learning.receipts.serializers.CHOICES",
        "PlanTier": "tenants.models.PlanTier",
        "PlanStatus": "tenants.models.PlanStatus",
        "Layer": "tenants.models.Layer",
        "Scope": "tenants.models.Scope",
        "SwitchName": "tenants.serializers.SWITCHES",
        "KeyMode": "tenants.models.KeyMode",
        "SuspensionMode": "tenants.models.SuspensionMode",
        "KeyStatus": "tenants.models.KeyStatus",
        "UsageMetric": "events.models.UsageMetric",
        "UsageUnit": "events.models.UsageUnit",
        "UsageAlertScope": "events.models.AlertScope",
        "JobStatus": ["running", "completed"],
        "RolloutStatus": "integrations.models.RolloutStatus",
        "ActorType": "tenants.audit.serializers.ACTOR_TYPES",
        "ActionStatus": "delivery.models.ActionStatus",
        "OutcomeStatus": "delivery.models.OutcomeStatus",
        "EndpointStatus": "delivery.models.EndpointStatus",
        "EndpointRecoveryStatus": "delivery.models.RecoveryStatus",
        "CertificationStatus": "delivery.models.CertificationStatus",
        "LifecycleStage": "events.models.LifecycleStage",
        "RiskLevel": "events.models.RiskLevel",
        "PlaybookStatus": "decisions.models.PlaybookStatus",
        "LifecycleArea": "decisions.models.LifecycleArea",
        "InterventionStatus": "decisions.models.InterventionStatus",
        "Channel": "decisions.models.Channel",
        "CheckStatus": ["ok", "error"],
        "HealthStatus": ["ok", "degraded"],
    },
    "ENUM_SUFFIX": "",
    # From drf_spectacular_sidecar's static files, not from a CDN.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "docExpansion": "none",  # a page of subjects, not of all operations
        "tryItOutEnabled": True,
    },
}

LOGGING_CONFIG = "retivo.logging.configure"
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO")}

LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
