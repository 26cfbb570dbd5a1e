"""Settings: embedded by default, scaled out by environment variables alone (see docs/scale-out.md)."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from robotdata.distribution import extra_command
from robotdata.secret_files import cookie_name, read_or_make
from robotdata.time_zone import time_zone

BASE_DIR = Path(__file__).resolve().parent.parent
INSTALLED_FILES = Path(__file__).resolve().parent / "web_files"  # a wheel carries templates and static files here
WEB_FILES = INSTALLED_FILES if INSTALLED_FILES.is_dir() else BASE_DIR
TESTING = "pytest" in sys.modules

env = environ.Env()


def env_flag(name: str, default: bool) -> bool:
    """The variable as a flag; a typo stops the start and names the cure."""
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        return {"1": True, "0": False, "true": True, "false": False}[raw.lower()]
    except KeyError:
        raise ImproperlyConfigured(f"{name}={raw!r}: write 1 or 0") from None


def env_int(name: str, default: int, *, least: int) -> int:
    """The variable as a whole number not below `least`."""
    raw = os.environ.get(name) or str(default)
    if not raw.lstrip("-").isdigit() or int(raw) < least:
        raise ImproperlyConfigured(f"{name}={raw!r}: write a whole number of {least} or more")
    return int(raw)


def env_time_zone(name: str) -> str:
    """The time zone from the environment, else this computer's."""
    try:
        return time_zone(os.environ.get(name, ""))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def env_secret(name: str, path: Path) -> str:
    """The secret from the environment, else from `path`, made there (0600) at the first start."""
    if value := os.environ.get(name):
        return value
    try:
        return read_or_make(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def folder(path: Path, mode: int = 0o777) -> None:
    """Make it, unless it is there; a home that cannot be written to stops the start and names the cure."""
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{path} cannot be created ({error.strerror}). All data is kept in one folder that this user must be able "
        "to write to: repair its disk or its permissions, or choose another with ROBOTDATA_HOME=/some/folder."
    )


# --- our knobs -------------------------------------------------------------------------------------
HOME = Path(os.environ.get("ROBOTDATA_HOME") or Path.home() / "robotdata").expanduser().resolve()
folder(HOME, 0o700)
STATE_DIR = HOME / ".state"  # database, broker, secrets: nothing that a person looks for
folder(STATE_DIR, 0o700)
SPOOL_DIR = HOME / "spool"
DATASETS_DIR = HOME / "datasets"
STAGING_DIR = HOME / "staging"  # encoded and verified, not yet committed

ENCODE_THREADS = env_int("ROBOTDATA_ENCODE_THREADS", 0, least=0)  # 0: the encoder decides
ENCODE_WORKERS = env_int("ROBOTDATA_ENCODE_WORKERS", 1, least=1)
KEEP_RAW = env_flag("ROBOTDATA_KEEP_RAW", False)  # raw takes stay in the spool after their commit
DB_WAIT_S = env_int("ROBOTDATA_DB_WAIT_S", 20, least=1)  # for another process to be done with the database
JOB_LEASE_S = env_int("ROBOTDATA_JOB_LEASE_S", 20, least=2)
SWEEP_EVERY_S = 5.0  # seconds between two looks of a worker for what others have left
JOB_ATTEMPTS = env_int("ROBOTDATA_JOB_ATTEMPTS", 3, least=1)
HUB_ENDPOINT = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
if not HUB_ENDPOINT.startswith(("https://", "http://")):
    raise ImproperlyConfigured(f"HF_ENDPOINT={HUB_ENDPOINT!r}: write an address, as https://huggingface.co")

# --- Django ----------------------------------------------------------------------------------------
DEBUG = env_flag("ROBOTDATA_DEBUG", False)
SECRET_KEY = env_secret("ROBOTDATA_SECRET_KEY", STATE_DIR / "secret-key")
RIG_TOKEN = env_secret("ROBOTDATA_RIG_TOKEN", STATE_DIR / "rig-token")
ALLOWED_HOSTS = env.list("ROBOTDATA_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Addresses or networks whose X-Forwarded-* are believed.
PROXIES = [proxy.strip() for proxy in env.list("ROBOTDATA_PROXIES", default=[])]
for _proxy in PROXIES:
    try:
        ip_network(_proxy, strict=False)
    except ValueError:
        raise ImproperlyConfigured(f"ROBOTDATA_PROXIES: {_proxy!r} is neither an address nor a network") from None
CONNECTIONS = env_int("ROBOTDATA_CONNECTIONS", 256, least=8)  # of one address; robotdata.connections reads it itself
CSRF_TRUSTED_ORIGINS = env.list("ROBOTDATA_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "robotdata.apps.RobotdataConfig",
    "recorder.apps.RecorderConfig",
    "viewer.apps.ViewerConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "robotdata.compressed_static.compress_static",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "robotdata.middleware.refuse_nul",
    "robotdata.middleware.keep_one_thread",  # last: see there
]
ROOT_URLCONF = "robotdata.urls"
ASGI_APPLICATION = "robotdata.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [WEB_FILES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC" if TESTING else env_time_zone("ROBOTDATA_TIME_ZONE")
USE_TZ = True
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
_VALIDATORS = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]


def need_packages(variable: str, *modules: str) -> None:
    """Refuse to start where a setting wants packages that are not installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ImproperlyConfigured(
            f"{variable} needs {', '.join(missing)}, which is not installed: run `{extra_command('scale')}`."
        )


def env_database(name: str, default: str) -> dict[str, Any]:
    """Return the settings of the database in the variable; an address of another kind stops the start.

    The message leaves the address out, because there may be a password in it.
    """
    with warnings.catch_warnings(action="ignore"):  # it warns with the password
        try:
            database: dict[str, Any] = env.db_url_config(os.environ.get(name) or default)
        except (ValueError, TypeError, ImproperlyConfigured):
            database = {}
    if not str(database.get("ENGINE", "")).endswith(("sqlite3", "postgresql")):
        raise ImproperlyConfigured(
            f"{name} is not the address of a database: write postgres://user:password@host/robotdata, with %40 for an "
            "@ in the password, or leave it empty (the database is then a file in the home)."
        )
    return database


# --- database: SQLite unless told otherwise ----------------------------------------------------------
DATABASES = {"default": env_database("DATABASE_URL", f"sqlite:///{STATE_DIR / 'robotdata.sqlite3'}")}
# A thread keeps its connection for the next request (robotdata/request_handler.py keeps the threads).
DATABASES["default"].setdefault("CONN_MAX_AGE", 300)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL and IMMEDIATE together are what keeps three processes from locking one another out.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": DB_WAIT_S,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-20000; PRAGMA temp_store=MEMORY;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(STATE_DIR / f"test-{os.getpid()}.sqlite3")}

elif DATABASES["default"]["ENGINE"].endswith("postgresql"):
    need_packages("DATABASE_URL", "psycopg")
    # Without them a request waits without limit: for a row that another holds, or for a machine that is switched off.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": max(2, DB_WAIT_S),
        "options": f"-c lock_timeout={DB_WAIT_S}s",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    } | DATABASES["default"].get("OPTIONS", {})

# --- channels and celery -----------------------------------------------------------------------------
CHANNEL_URL = os.environ.get("CHANNEL_URL", "")
if CHANNEL_URL:
    need_packages("CHANNEL_URL", "channels_redis")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [CHANNEL_URL]},
    }
    if CHANNEL_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or "filesystem://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if CELERY_BROKER_URL.startswith("memory:"):
    raise ImproperlyConfigured(
        "CELERY_BROKER_URL=memory://: each process would have a queue of its own, and nothing would ever be encoded. "
        "Leave it empty (the queue is then a folder of the home), or name a redis:// or amqp:// that all of them reach."
    )
if CELERY_BROKER_URL == "filesystem://":
    _queue = STATE_DIR / "queue"
    for _folder in ("messages", "control"):
        folder(_queue / _folder)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "control_folder": str(_queue / "control"),
        "polling_interval": 0.2,
    }
elif CELERY_BROKER_URL.startswith(("redis://", "rediss://", "redis+socket://")):
    # kombu would try for 4 s, for each job of a batch, while a person waits: a bell is rather lost and rung again.
    need_packages("CELERY_BROKER_URL", "redis")
    CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 0, "socket_connect_timeout": 2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
# The row holds the truth, the message is a bell: an early ack avoids double runs of long encodes.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "recorder.worker.scheduler:Scheduler"
# An encoder's process that has grown so large is replaced after its job: FFmpeg's libraries give little back. In KiB.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = env_int("ROBOTDATA_WORKER_MB", 2048, least=256) * 1024

# --- static files ------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
folder(STATIC_ROOT)
STATICFILES_DIRS = [WEB_FILES / "static"]
# The API's page from here, not from elsewhere. As an app of Django's its package would be imported by every process.
if (_ninja := importlib.util.find_spec("ninja")) and _ninja.submodule_search_locations:
    STATICFILES_DIRS.append(Path(_ninja.submodule_search_locations[0]) / "static")
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- security ----------------------------------------------------------------------------------------
LOCAL_TLS = env_flag("ROBOTDATA_LOCAL_TLS", False)  # https with an authority of this home, which may be away tomorrow
HTTPS = env_flag("ROBOTDATA_HTTPS", False) or LOCAL_TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS and not LOCAL_TLS else 0
SESSION_COOKIE_NAME = cookie_name("session", HOME, os.environ.get("ROBOTDATA_SECRET_KEY", ""))
CSRF_COOKIE_NAME = cookie_name("csrf", HOME, os.environ.get("ROBOTDATA_SECRET_KEY", ""))
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "robotdata.sessions"
AUTHENTICATION_BACKENDS = ["robotdata.sessions.UserBackend"]
SESSION_COOKIE_AGE = 30 * 24 * 3600
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    # "No hostname was supplied" on every start of the folder that is our embedded broker.
    "loggers": {"kombu.connection": {"level": "ERROR"}},
    "root": {"handlers": ["console"], "level": os.environ.get("ROBOTDATA_LOG", "INFO")},
}
