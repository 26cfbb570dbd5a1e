"""The door to botocore: loads it when it is first used, asks again, and puts its errors into words."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from robotdata.dataset.exchange.again import TRIES, ask_again, clean_text
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.storage.errors import (
    StorageError,
    StorageMoved,
    StoragePassing,
    StorageRefused,
    StorageUnable,
)
from robotdata.distribution import extra_command

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
_FIRST_REGION = "us-east-1"
_CONNECT_S, _READ_S = 20.0, 60.0
_CONNECTIONS = 8
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_PASSING_CODES = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "BadDigest", "Throttling"}
_PASSING_CODES |= {"XAmzContentSHA256Mismatch", "IncompleteBody", "ThrottlingException", "TooManyRequests"}
_MOVED = {"NoSuchUpload", "PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "InvalidPart"}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
_NO_ROOM = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """Where the storage is, and who asks. No key appears in a text that is made of this.

    Without `key` and `secret` they are those of the user that runs robotdata: of the environment, of the profile in
    `~/.aws`, or of the machine's role. Without `endpoint` it is the one that is named there, or AWS.
    """

    endpoint: str = ""
    region: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@functools.cache
def library() -> Any:
    """Return botocore. Raises StorageRefused if it is not installed."""
    try:
        import botocore.config
        import botocore.exceptions
        import botocore.parsers
        import botocore.session
    except ImportError as error:
        problem = "Object storage needs botocore, which is not installed"
        raise StorageRefused(f"{problem}: run `{extra_command('storage')}`") from error
    logging.getLogger("botocore").setLevel(logging.ERROR)  # what it writes of a request holds its signature
    return botocore


def machine_has_keys() -> bool:
    """Return whether the user that runs robotdata has keys here. Raises StorageRefused."""
    lib = library()
    try:
        return lib.session.get_session().get_credentials() is not None
    except lib.exceptions.BotoCoreError as error:
        raise _misconfigured(error) from error


class Storage:
    """The storage, asked by one person. Every question is asked again while it fails in a way that passes."""

    def __init__(self, access: Access, *, stopped: threading.Event | None = None, tries: int = TRIES) -> None:
        self.access, self._tries = access, tries
        self.stopped = stopped or threading.Event()
        try:
            self.client = _client(access)
        except (library().exceptions.BotoCoreError, ValueError) as error:
            raise _misconfigured(error) from error
        self.host = urlsplit(self.client.meta.endpoint_url).netloc

    def ask(self, about: object, question: Callable[[], T]) -> T:
        """Return the answer about the place `about`.

        Raises StorageRefused, StorageMoved, StoragePassing after some tries, and Cancelled once `stopped` is set.
        """
        return ask_again(
            question,
            lambda error: error if isinstance(error, TransferError) else self._words(str(about), error),
            _retry_after,
            stopped=self.stopped,
            tries=self._tries,
        )

    def _words(self, about: str, error: Exception) -> StorageError:
        """Return the error of the client as one of ours."""
        lib = library().exceptions
        if isinstance(error, lib.ClientError):
            return self._answered(about, error)
        if isinstance(error, lib.SSLError):
            return StorageRefused(f"{self.host} has no certificate that is trusted here: check the address")
        if isinstance(error, lib.NoCredentialsError | lib.CredentialRetrievalError | lib.TokenRetrievalError):
            return _misconfigured(error)
        unreadable = library().parsers.ResponseParserError  # half an answer
        if isinstance(error, lib.HTTPClientError | lib.ConnectionError | lib.IncompleteReadError | unreadable):
            return StoragePassing(
                f"{self.host} cannot be reached ({type(error).__name__}): check the address and the network, then try "
                "again"
            )
        if isinstance(error, lib.BotoCoreError):
            return _misconfigured(error)
        raise error  # a file of ours cannot be read

    def _answered(self, about: str, error: Any) -> StorageError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        message = self._clean(str(error.response.get("Error", {}).get("Message", "")) or code or str(status))
        if code == "NotImplemented" or status == 501:
            return StorageUnable(
                f"{self.host} does not know what was asked of {about} ({message}): use another storage"
            )
        if code in _BAD_KEYS:
            return StorageRefused(f"{self.host} does not accept the keys ({message}): enter others")
        if code == "RequestTimeTooSkewed":
            return StorageRefused(f"The clock of this computer differs from that of {self.host}: set it")
        if code in _NO_ROOM or status == 507:
            return StorageRefused(f"{self.host} has no room left for {about} ({message}): free some, or ask for more")
        if code in _MOVED or status in {409, 412}:
            return StorageMoved(f"Somebody else is changing {about}: try again ({message})")
        if code in _PASSING_CODES or status in _PASSING:
            return StoragePassing(f"{self.host} answers {status} again and again ({message}): try again later")
        if code == "NoSuchBucket":
            return StorageRefused(f"{self.host} has no bucket for {about}: make it there, or check the name")
        if status in {401, 403}:
            return StorageRefused(
                f"The keys may not do that with {about} ({message}): use some that may list, read and write there"
            )
        if status == 404:
            return StorageMoved(f"A file of {about} is gone ({message}): try again")
        return StorageRefused(f"{self.host} refused {about} with {status} ({message}): check the address")

    def _clean(self, text: str) -> str:
        """Return text of the other side on one line, short, without a key in it."""
        for secret in (self.access.secret, self.access.key):
            if secret:
                text = text.replace(secret, "...")
        return clean_text(text)


def _client(access: Access) -> Any:
    lib = library()
    session = lib.session.get_session()
    keys = {"aws_access_key_id": access.key, "aws_secret_access_key": access.secret} if access.key else {}
    public = not keys and session.get_credentials() is None
    region = access.region or session.get_config_variable("region") or _FIRST_REGION

    def make(addressing: str) -> Any:
        config = lib.config.Config(
            # Each request is tried once: `ask` tries again, and can be stopped meanwhile.
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            max_pool_connections=_CONNECTIONS,
            # The signature holds the SHA-256 of what is sent, so every storage checks what arrived. The checksums of
            # botocore's own are unknown to some.
            s3={"payload_signing_enabled": True, "addressing_style": addressing},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="robotdata",
            **({"signature_version": lib.UNSIGNED} if public else {}),
        )
        where = {"region_name": region, "endpoint_url": access.endpoint or None}
        return session.create_client("s3", config=config, **where, **keys)

    client = make("auto")
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return client if host.endswith(_AMAZON) else make("path")  # MinIO and others have no name for each bucket


def _misconfigured(error: Exception) -> StorageRefused:
    return StorageRefused(
        f"The keys or the settings of the storage cannot be used ({clean_text(str(error))}): enter keys, or check "
        "AWS_PROFILE and ~/.aws of the user that runs robotdata"
    )


def _retry_after(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    headers: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers.get("retry-after", "")
