"""A Hub of the tests' own: a server that keeps real bytes, speaks what huggingface_hub asks, and can misbehave.

It knows repositories, commits, tags, pull requests, LFS (basic and multipart) and byte ranges. It does not speak Xet,
so the client is told not to use it. Every request goes through `trouble` first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.fake_hub_parts import PAGE, TOKEN, USER, Commit, Refuse, Repo, git_sha1, mode, pointer
from tests.support.fake_server import FakeServer, Handler


class FakeHub(FakeServer):
    """The server. `seen` are the requests as "METHOD path", `stored` the uploads of each LFS object."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.stored: dict[str, int] = {}
        self.authorizations: list[str] = []
        self.part_bytes = 0  # uploads of more go in parts of so many bytes
        self.users = {TOKEN: USER}

    def content(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """The files of a revision, with the content of large ones."""
        commit = self.repos[repo].head(revision)
        assert commit is not None
        return {
            path: value if isinstance(value, bytes) else self.objects[value[1]] for path, value in commit.files.items()
        }

    def fill(self, repo: str, files: dict[str, bytes], *, private: bool = False) -> Repo:
        """Make a repository with these files, large ones by LFS."""
        made = self.repos[repo] = Repo(repo, private)
        entries: dict[str, Any] = {}
        for path, data in files.items():
            if mode(path, len(data)) == "lfs":
                oid = hashlib.sha256(data).hexdigest()
                self.objects[oid] = data
                entries[path] = ("lfs", oid, len(data))
            else:
                entries[path] = data
        self.commit(made, entries, "filled")
        return made

    def commit(self, repo: Repo, files: dict[str, Any], title: str, description: str = "", ref: str = "main") -> Commit:
        with self.lock:
            oid = hashlib.sha1(f"{repo.id} {len(repo.commits)} {title}".encode()).hexdigest()
            repo.commits[oid] = made = Commit(oid, files, title, description)
            repo.refs[ref] = oid
            return made


class _Handler(Handler):
    fake: FakeHub

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.route = parts.path
        with self.fake.lock:
            self.fake.seen.append(f"{self.command} {parts.path}")
            self.fake.authorizations.append(self.headers.get("Authorization", ""))
            trouble = self.fake.trouble(self.command, parts.path, len(self.fake.seen))
        if trouble and trouble.when == "before" and not trouble.status:
            return self._cut()
        self.body = self._read_body()
        if trouble and trouble.when == "before":
            return self._answer(trouble.status, {"error": trouble.message}, trouble.headers)
        try:
            answer = self._route()
        except Refuse as refusal:
            headers = {"X-Error-Code": refusal.code} if refusal.code else {}
            return self._answer(
                refusal.status, {"error": refusal.message}, headers | {"X-Error-Message": refusal.message}
            )
        if trouble:
            return self._cut()
        if answer is not None:
            self._answer(200, answer)
        return None

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionError
        return data

    def _cut(self) -> None:
        self.close_connection = True

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def user(self) -> str:
        header = self.headers.get("Authorization", "")
        if not header:
            return ""
        user = self.fake.users.get(header.removeprefix("Bearer "))
        if user is None:
            raise Refuse(401, "Invalid credentials in Authorization header")
        return user

    def _repo(self, name: str, *, write: bool = False) -> Repo:
        repo, user = self.fake.repos.get(name), self.user
        if repo is None or (repo.private and repo.id.split("/")[0] != user):
            raise Refuse(404 if user else 401, "Repository not found", "RepoNotFound")
        if repo.gated and repo.id.split("/")[0] != user:
            raise Refuse(403, "Access to dataset is restricted", "GatedRepo")
        if write and repo.id.split("/")[0] != user:
            raise Refuse(403, "You don't have the rights to write to this repo")
        return repo

    def _at(self, repo: Repo, revision: str) -> Commit:
        commit = repo.head(unquote(revision))
        if commit is None:
            raise Refuse(404, "Revision not found", "RevisionNotFound")
        return commit

    def _route(self) -> Any:
        for pattern, name in _ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {self.route}"):
                return getattr(self, name)(*match.groups())
        raise Refuse(404, f"no such address {self.route}")

    def whoami(self) -> Any:
        if not self.user:
            raise Refuse(401, "Invalid username or password.")
        return {"type": "user", "name": self.user, "orgs": [], "auth": {}}

    def create(self) -> Any:
        asked = json.loads(self.body)
        name = f"{asked['organization'] or self.user}/{asked['name']}"
        if name.split("/")[0] != self.user:
            raise Refuse(403, "You don't have the rights to create a dataset under this namespace")
        if name in self.fake.repos:
            self._answer(
                409, {"error": "You already created this dataset repo", "url": f"{self.fake.url}/datasets/{name}"}
            )
            return None
        self.fake.repos[name] = made = Repo(name, asked.get("visibility") == "private" or bool(asked.get("private")))
        self.fake.commit(made, {".gitattributes": b"*.parquet filter=lfs\n*.mp4 filter=lfs\n"}, "initial commit")
        return {"url": f"{self.fake.url}/datasets/{name}", "name": name}

    def info(self, name: str, revision: str | None = None) -> Any:
        repo = self._repo(name)
        commit = self._at(repo, revision or "main")
        siblings = [{"rfilename": path} for path in commit.files]
        return {"id": name, "sha": commit.oid, "private": repo.private, "tags": [], "siblings": siblings}

    def tree(self, name: str, revision: str) -> Any:
        files = sorted(self._at(self._repo(name), revision).files.items())
        first = int(self.query.get("cursor", "0"))
        entries = []
        for path, value in files[first : first + PAGE]:
            if isinstance(value, bytes):
                entries.append({"type": "file", "path": path, "size": len(value), "oid": git_sha1(value)})
                continue
            _, oid, size = value
            link = pointer(oid, size)
            entry = {"type": "file", "path": path, "size": size, "oid": git_sha1(link)}
            entries.append(entry | {"lfs": {"oid": oid, "size": size, "pointerSize": len(link)}})
        headers = {}
        if first + PAGE < len(files):
            following = f"{self.fake.url}{self.route}?recursive=True&cursor={first + PAGE}"
            headers["Link"] = f'<{following}>; rel="next"'
        self._answer(200, entries, headers)

    def preupload(self, name: str, revision: str) -> Any:
        repo = self._repo(name, write=self.query.get("create_pr") != "1")
        commit = self._at(repo, revision)
        files = []
        for asked in json.loads(self.body)["files"]:
            there = commit.files.get(asked["path"])
            oid = git_sha1(there) if isinstance(there, bytes) else there[1] if there else None
            kind = mode(asked["path"], asked["size"])
            files.append({"path": asked["path"], "uploadMode": kind, "shouldIgnore": False, "oid": oid})
        return {"files": files}

    def batch(self, name: str) -> Any:
        self._repo(name)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            oid, size = asked["oid"], asked["size"]
            entry: dict[str, Any] = {"oid": oid, "size": size}
            if oid not in self.fake.objects:
                upload: dict[str, Any] = {"href": f"{self.fake.url}/upload/{oid}?signature=secret"}
                if self.fake.part_bytes and size > self.fake.part_bytes:
                    count = -(-size // self.fake.part_bytes)
                    header = {str(n): f"{self.fake.url}/part/{oid}/{n}" for n in range(1, count + 1)}
                    upload = {"href": f"{self.fake.url}/complete/{oid}", "header": header}
                    header["chunk_size"] = str(self.fake.part_bytes)
                entry["actions"] = {"upload": upload}
            objects.append(entry)
        return {"transfer": "basic", "objects": objects}

    def upload(self, oid: str) -> Any:
        return self._store(oid, self.body)

    def part(self, oid: str, number: str) -> Any:
        self.fake.parts[oid, int(number)] = self.body
        self._answer(200, {}, {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})

    def complete(self, oid: str) -> Any:
        numbers = [part["partNumber"] for part in json.loads(self.body)["parts"]]
        return self._store(oid, b"".join(self.fake.parts[oid, number] for number in numbers))

    def _store(self, oid: str, data: bytes) -> Any:
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refuse(400, "the content has another hash")
        with self.fake.lock:
            self.fake.objects[oid] = data
            self.fake.stored[oid] = self.fake.stored.get(oid, 0) + 1
        return {}

    def commits(self, name: str, revision: str) -> Any:
        as_request = self.query.get("create_pr") == "1"
        with self.fake.lock:
            repo = self._repo(name, write=not as_request)
            parent = self._at(repo, revision)
            files, title, description = dict(parent.files), "", ""
            for line in self.body.splitlines():
                item = json.loads(line)
                value = item["value"]
                if item["key"] == "header":
                    title, description = value["summary"], value["description"]
                    if value.get("parentCommit", parent.oid) != parent.oid:
                        raise Refuse(412, "A commit has happened since. Please refresh and try again.")
                elif item["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif item["key"] == "lfsFile":
                    if value["oid"] not in self.fake.objects:
                        raise Refuse(400, f"LFS object {value['oid']} was not uploaded")
                    files[value["path"]] = ("lfs", value["oid"], len(self.fake.objects[value["oid"]]))
                elif item["key"] == "deletedFile" and files.pop(value["path"], None) is None:
                    raise Refuse(404, "A file with this name doesn't exist", "EntryNotFound")
            number = len(repo.requests) + 1
            made = self.fake.commit(repo, files, title, description, f"refs/pr/{number}" if as_request else "main")
            if as_request:
                repo.requests.append(number)
        url = f"{self.fake.url}/datasets/{name}"
        request = {"pullRequestUrl": f"{url}/discussions/{number}"} if as_request else {}
        return {"commitUrl": f"{url}/commit/{made.oid}", "commitOid": made.oid, **request}

    def discussions(self, name: str) -> Any:
        repo = self._repo(name)
        return {
            "discussions": [self._discussion(repo, n) for n in repo.requests],
            "start": 0,
            "count": len(repo.requests),
        }

    def discussion(self, name: str, number: str) -> Any:
        repo = self._repo(name)
        commit = self._at(repo, f"refs/pr/{number}")
        text = {"latest": {"raw": commit.description, "html": ""}, "edited": False, "hidden": False, "history": []}
        event = {"id": "1", "type": "comment", "createdAt": _TIME, "author": {"name": USER}, "data": text}
        more = {"events": [event], "changes": {"base": "refs/heads/main"}, "filesWithConflicts": False, "diffUrl": ""}
        return self._discussion(repo, int(number)) | more

    def _discussion(self, repo: Repo, number: int) -> dict[str, Any]:
        found = {"num": number, "title": "", "status": "open", "isPullRequest": True, "createdAt": _TIME}
        return found | {"author": {"name": USER}, "repo": {"name": repo.id, "type": "dataset"}}

    def refs(self, name: str) -> Any:
        repo = self._repo(name)
        tags = [(ref.removeprefix("tags/"), oid) for ref, oid in repo.refs.items() if ref.startswith("tags/")]
        listed = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in tags]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.refs["main"]}
        return {"branches": [main], "tags": listed, "converts": []}

    def tag(self, name: str, revision: str) -> Any:
        repo, tag = self._repo(name, write=True), json.loads(self.body)["tag"]
        if f"tags/{tag}" in repo.refs:
            raise Refuse(409, "Tag already exists")
        repo.refs[f"tags/{tag}"] = self._at(repo, revision).oid
        return {}

    def delete_tag(self, name: str, tag: str) -> Any:
        if self._repo(name, write=True).refs.pop(f"tags/{tag}", None) is None:
            raise Refuse(404, "Revision not found", "RevisionNotFound")
        return {}

    def validate(self) -> Any:
        return {"errors": [], "warnings": []}

    def resolve(self, name: str, revision: str, path: str) -> Any:
        value = self._at(self._repo(name), revision).files.get(unquote(path))
        if value is None:
            raise Refuse(404, "Entry not found", "EntryNotFound")
        if not isinstance(value, bytes):
            return self._answer(302, b"", {"Location": f"{self.fake.url}/cdn/{value[1]}"})
        return self._ranged(value)

    def cdn(self, oid: str) -> Any:
        return self._ranged(self.fake.objects[oid])

    def _ranged(self, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is None:
            return self._answer(200, data, {"ETag": f'"{git_sha1(data)}"'})
        first = int(asked[1])
        span = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self._answer(206, data[first:], {"Content-Range": span})


_TIME = "2026-11-01T12:00:00.000Z"
_NAME, _PART = r"/api/datasets/([^/]+/[^/]+)", "([^/]+)"
_ROUTES = [
    (r"GET /api/whoami-v2", "whoami"),
    (r"POST /api/repos/create", "create"),
    (r"POST /api/validate-yaml", "validate"),
    (rf"GET {_NAME}", "info"),
    (rf"GET {_NAME}/revision/{_PART}", "info"),
    (rf"GET {_NAME}/tree/{_PART}", "tree"),
    (rf"POST {_NAME}/preupload/{_PART}", "preupload"),
    (r"POST /datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
    (rf"PUT /upload/{_PART}", "upload"),
    (rf"PUT /part/{_PART}/{_PART}", "part"),
    (rf"POST /complete/{_PART}", "complete"),
    (rf"POST {_NAME}/commit/{_PART}", "commits"),
    (rf"GET {_NAME}/discussions", "discussions"),
    (rf"GET {_NAME}/discussions/{_PART}", "discussion"),
    (rf"GET {_NAME}/refs", "refs"),
    (rf"POST {_NAME}/tag/{_PART}", "tag"),
    (rf"DELETE {_NAME}/tag/{_PART}", "delete_tag"),
    (r"(?:GET|HEAD) /datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
    (rf"(?:GET|HEAD) /cdn/{_PART}", "cdn"),
]
