"""A storage of the tests' own: a server that keeps real bytes, speaks S3's wire, and can misbehave.

It checks the signature (version 4), the SHA-256 and the MD5 of what it gets, knows conditions, ranges, pages of lists
and uploads in parts, whose smallest size it insists on. Every request goes through `trouble` first.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.fake_server import FakeServer, Handler

KEY, SECRET = "AKIAROBOT", "s3cret/of+robots"
LEAST_PART = 5 << 20
BUCKET = "lab"
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Refuse(Exception):
    """An answer with an error: its status, code and message."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


@dataclass
class Stored:
    """An object."""

    data: bytes
    etag: str
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Upload:
    """An upload in parts that was begun."""

    key: str
    metadata: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class FakeS3(FakeServer):
    """The server. `seen` are the requests as "METHOD path?query", `written` keys as they appeared."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self.written: list[str] = []
        self.parts_sent: list[tuple[str, int]] = []
        self.page = 1000
        self.public = False
        self.sealed = False  # it keeps objects encrypted with keys of KMS: no ETag is an MD5
        self.conditions = True  # it knows If-Match of what it writes
        self.endless = ""  # "repeats" or "empty": lists say that they have a further page, again and again
        self.numbers = itertools.count(1)

    def content(self, folder: str) -> dict[str, bytes]:
        """The objects of a folder by their relative paths."""
        begin = f"{folder}/"
        return {key[len(begin) :]: each.data for key, each in self.objects.items() if key.startswith(begin)}

    def fill(self, folder: str, files: dict[str, bytes]) -> None:
        """Put objects as another program does."""
        for name, data in files.items():
            self.objects[f"{folder}/{name}"] = Stored(data, self.etag(data))

    def etag(self, data: bytes) -> str:
        return _md5(b"sealed" * self.sealed + data).hex()

    def age_uploads(self) -> None:
        """Let the uploads that were begun be two days old."""
        for each in self.uploads.values():
            each.at -= timedelta(days=2)

    # What a request does; each returns status, headers and body.

    def listed(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        begin, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = [key for key in sorted(self.objects) if key.startswith(begin) and key > after]
        shown = keys[: self.page]
        more = len(keys) > len(shown)
        entries = "".join(
            f"<Contents><Key>{quote(key, safe='/')}</Key><Size>{len(self.objects[key].data)}</Size>"
            f"<ETag>&quot;{self.objects[key].etag}&quot;</ETag></Contents>"
            for key in shown
        )
        if self.endless:
            more, shown = True, shown or ["again"]
            entries = entries if self.endless == "repeats" else ""
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        return _xml(
            f"<ListBucketResult {NS}><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{entries}</ListBucketResult>"
        )

    def begun(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        entries = "".join(
            f"<Upload><Key>{escape(each.key)}</Key><UploadId>{number}</UploadId>"
            f"<Initiated>{each.at.isoformat()}</Initiated></Upload>"
            for number, each in self.uploads.items()
            if each.key.startswith(query.get("prefix", ""))
        )
        more = str(bool(self.endless)).lower()
        return _xml(
            f"<ListMultipartUploadsResult {NS}><IsTruncated>{more}</IsTruncated>{entries}</ListMultipartUploadsResult>"
        )

    def put(self, key: str, data: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        there = self.objects.get(key)
        if not self.conditions and {"if-match", "if-none-match"} & headers.keys():
            raise Refuse(501, "NotImplemented")
        if (match := headers.get("if-match")) and (there is None or match.strip('"') != there.etag):
            raise Refuse(412, "PreconditionFailed")
        if headers.get("if-none-match") == "*" and there is not None:
            raise Refuse(412, "PreconditionFailed")
        return self.store(key, Stored(data, self.etag(data), _metadata(headers)))

    def store(self, key: str, stored: Stored) -> tuple[int, dict[str, str], bytes]:
        self.objects[key] = stored
        self.written.append(key)
        return 200, {"ETag": f'"{stored.etag}"'}, b""

    def get(self, key: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        there = self.objects.get(key)
        if there is None:
            raise Refuse(404, "NoSuchKey")
        if (match := headers.get("if-match")) and match.strip('"') != there.etag:
            raise Refuse(412, "PreconditionFailed")
        answer = {"ETag": f'"{there.etag}"'} | {f"x-amz-meta-{name}": value for name, value in there.metadata.items()}
        answer |= {"x-amz-server-side-encryption": "aws:kms"} if self.sealed else {}
        if (asked := headers.get("range")) and (found := re.fullmatch(r"bytes=(\d+)-", asked)):
            at = int(found[1])
            if at >= len(there.data):
                raise Refuse(416, "InvalidRange")
            answer["Content-Range"] = f"bytes {at}-{len(there.data) - 1}/{len(there.data)}"
            return 206, answer, there.data[at:]
        return 200, answer, there.data

    def upload(
        self, method: str, key: str, query: dict[str, str], data: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if "uploads" in query:
            number = str(next(self.numbers))
            self.uploads[number] = Upload(key, _metadata(headers))
            kind = "InitiateMultipartUploadResult"
            return _xml(f"<{kind} {NS}><UploadId>{number}</UploadId></{kind}>")
        found = self.uploads.get(query["uploadId"])
        if found is None or found.key != key:
            raise Refuse(404, "NoSuchUpload")
        if method == "PUT":
            found.parts[int(query["partNumber"])] = data
            self.parts_sent.append((key, int(query["partNumber"])))
            return 200, {"ETag": f'"{self.etag(data)}"'}, b""
        if method == "GET":
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{self.etag(part)}&quot;</ETag></Part>"
                for number, part in sorted(found.parts.items())
            )
            return _xml(f"<ListPartsResult {NS}><IsTruncated>false</IsTruncated>{parts}</ListPartsResult>")
        if method == "DELETE":
            del self.uploads[query["uploadId"]]
            return 204, {}, b""
        return self.joined(query["uploadId"], data)

    def joined(self, number: str, data: bytes) -> tuple[int, dict[str, str], bytes]:
        found = self.uploads[number]
        asked = re.findall(rb"<Part>.*?</Part>", data, re.DOTALL)
        numbers_ = [int(re.search(rb"<PartNumber>(\d+)<", each)[1]) for each in asked]  # type: ignore[index]
        parts_ = [found.parts[each] for each in numbers_]
        for said, part in zip(asked, parts_, strict=True):
            if self.etag(part).encode() not in said:
                raise Refuse(400, "InvalidPart")
        if any(len(part) < LEAST_PART for part in parts_[:-1]):
            raise Refuse(400, "EntityTooSmall")
        etag = f"{self.etag(b''.join(map(_md5, parts_)))}-{len(parts_)}"
        self.store(found.key, Stored(b"".join(parts_), etag, found.metadata))
        del self.uploads[number]
        kind = "CompleteMultipartUploadResult"
        return _xml(f"<{kind} {NS}><ETag>&quot;{etag}&quot;</ETag></{kind}>")

    def answer(
        self, method: str, address: str, data: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        self.check(method, parts.path, query, data, headers)
        if bucket != BUCKET:
            raise Refuse(404, "NoSuchBucket")
        if not key:
            return self.begun(query) if "uploads" in query else self.listed(query)
        if "uploads" in query or "uploadId" in query:
            return self.upload(method, key, query, data, headers)
        if method == "PUT":
            return self.put(key, data, headers)
        if method == "DELETE":
            self.objects.pop(key, None)
            self.written.append(f"-{key}")
            return 204, {}, b""
        return self.get(key, headers)

    def check(self, method: str, path: str, query: dict[str, str], data: bytes, headers: dict[str, str]) -> None:
        """Refuse a request that is not signed by KEY, or whose body is not what was signed."""
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?"
            r"Signature=(\w+)",
            headers.get("authorization", ""),
        )
        if found is None:
            if self.public and method in {"GET", "HEAD"}:
                return
            raise Refuse(403, "AccessDenied", "Anonymous access is not allowed")
        key, day, region, names, signature = found.groups()
        if key != KEY:
            raise Refuse(403, "InvalidAccessKeyId", "The key does not exist in our records")
        digest = headers.get("x-amz-content-sha256", "")
        if digest != hashlib.sha256(data).hexdigest():
            raise Refuse(400, "XAmzContentSHA256Mismatch")
        if (md5 := headers.get("content-md5")) and md5 != base64.b64encode(_md5(data)).decode():
            raise Refuse(400, "BadDigest")
        asked = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in sorted(query.items()))
        lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names.split(";"))
        canonical = f"{method}\n{path}\n{asked}\n{lines}\n{names}\n{digest}"
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{day}/{region}/s3/aws4_request\n"
        text += hashlib.sha256(canonical.encode()).hexdigest()
        secret = f"AWS4{SECRET}".encode()
        for each in (day, region, "s3", "aws4_request", text):
            secret = hmac.new(secret, each.encode(), hashlib.sha256).digest()
        if secret.hex() != signature:
            raise Refuse(403, "SignatureDoesNotMatch", "The request signature does not match")


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def _metadata(headers: dict[str, str]) -> dict[str, str]:
    begin = "x-amz-meta-"
    return {name.removeprefix(begin): value for name, value in headers.items() if name.startswith(begin)}


def _xml(text: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


class _Handler(Handler):
    fake: FakeS3

    def do_GET(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.fake.lock:
            self.fake.seen.append(f"{self.command} {self.path}")
            count = len(self.fake.seen)
            trouble = self.fake.trouble(self.command, self.path, count)
        if trouble and trouble.when == "before":
            if not trouble.status:
                return self._cut()
            return self._send(trouble.status, trouble.headers, _error(trouble.message or "Trouble", "as asked"))
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            with self.fake.lock:
                status, more, body = self.fake.answer(self.command, self.path, data, headers)
        except Refuse as refused:
            status, more, body = refused.status, {}, _error(refused.code, refused.message)
        if trouble:  # it had its effect, and the answer is lost
            return self._cut()
        self._send(status, more, body)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>".encode()
