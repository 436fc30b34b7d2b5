"""A hub of models in this process, on 127.0.0.1: repositories, branches, LFS, commits, as the hub's own client asks."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

Files = dict[str, bytes]
Fault = tuple[int, str]
PAGE = 3


class Commit:
    def __init__(self, files: Files, title: str, description: str = "", parent: str = "") -> None:
        self.files, self.title, self.description, self.parent = files, title, description, parent
        self.oid = hashlib.sha1(repr((sorted(files.items()), title, parent)).encode()).hexdigest()


class Repo:
    """`branches` are lists of commits, the newest last; an LFS file is one whose name ends in .safetensors."""

    def __init__(self, visibility: str) -> None:
        self.visibility = visibility
        self.branches = {"main": [Commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")]}

    def commit(self, revision: str) -> Commit | None:
        if revision in self.branches:
            return self.branches[revision][-1]
        return next((c for b in self.branches.values() for c in b if c.oid == revision), None)


class FakeHub:
    """`tokens` may write or only read; `fault` answers a request instead of the hub; `stored` is what a commit keeps
    of a file's bytes; `before_commit` happens just before one. With `cas`, an address, files go there by Xet; only
    their digests are known here, so `lfs` must have their bytes already."""

    def __init__(self) -> None:
        self.repos = dict[str, Repo]()
        self.lfs = dict[str, bytes]()
        self.tokens = {"writer": True, "reader": False}
        self.asked = list[str]()
        self.fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self.stored: Callable[[str, bytes], bytes] = lambda name, data: data
        self.before_commit: Callable[[], None] = lambda: None
        self.cas = self.url = ""

    def put(self, repo: str, files: Files, title: str = "by hand", branch: str = "main") -> None:
        """Somebody commits these files to what is there."""
        line = self.repos.setdefault(repo, Repo("public")).branches[branch]
        line.append(Commit(line[-1].files | files, title, parent=line[-1].oid))

    def files(self, repo: str, branch: str = "main") -> Files:
        """What a branch holds, but for what the hub itself put there."""
        return {k: v for k, v in self.repos[repo].branches[branch][-1].files.items() if k != ".gitattributes"}


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def answer(self) -> None:
        split = urlsplit(self.path)
        path, body = split.path, self.body()
        self.hub.asked.append(f"{self.command} {path}")
        if fault := self.hub.fault(self.command, path):
            return self.reply(fault[0], {"error": fault[1]}, {"X-Error-Message": fault[1]})
        if path.startswith("/lfs/"):  # the store behind the hub, whose addresses are signed
            self.hub.lfs[path.removeprefix("/lfs/")] = body
            return self.reply(200, {})
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.hub.tokens:
            return self.reply(401, {"error": "Invalid username or password."}, {})
        if self.command == "POST" and "validate" not in path and not self.hub.tokens[token]:
            said = "You don't have the required permissions"
            return self.reply(403, {"error": said}, {"X-Error-Message": said})
        for pattern, method in ROUTES:
            if found := re.fullmatch(pattern, path):
                return method(self, body, parse_qs(split.query), *map(unquote, found.groups()))
        return self.reply(404, {"error": f"no such endpoint: {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 (the names that http.server asks for)

    def create(self, body: bytes, query: Any) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repos:
            return self.reply(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"})
        self.hub.repos[name] = Repo(asked.get("visibility") or ("private" if asked["private"] else "public"))
        return self.reply(200, {"url": f"{self.hub.url}/{name}"})

    def branch(self, body: bytes, query: Any, repo: str, branch: str) -> None:
        lines = self.hub.repos[repo].branches
        if branch in lines:
            return self.reply(409, {"error": "Reference already exists"})
        lines[branch] = [*lines["main"]]
        return self.reply(200, {})

    def info(self, body: bytes, query: Any, repo: str, revision: str = "main") -> None:
        if (commit := self.found(repo, revision)) is not None:
            self.reply(200, {"id": repo, "sha": commit.oid, "siblings": [{"rfilename": n} for n in commit.files]})

    def tree(self, body: bytes, query: dict[str, list[str]], repo: str, revision: str) -> None:
        """A page of entries, and a link to the next."""
        if (commit := self.found(repo, revision)) is None:
            return
        start = int(query.get("cursor", ["0"])[0])
        entries = [entry(name, data) for name, data in sorted(commit.files.items())]
        more = f'<{self.hub.url}{urlsplit(self.path).path}?recursive=true&cursor={start + PAGE}>; rel="next"'
        head = {"Link": more} if start + PAGE < len(entries) else {}
        self.reply(200, entries[start : start + PAGE], head)

    def validate(self, body: bytes, query: Any) -> None:
        parts = json.loads(body)["content"].split("---\n")
        try:
            yaml.safe_load(parts[1] if len(parts) > 2 else "")
        except yaml.YAMLError as error:
            return self.reply(400, {"errors": [{"message": str(error).splitlines()[0]}], "warnings": []})
        return self.reply(200, {"errors": [], "warnings": []})

    def preupload(self, body: bytes, query: Any, repo: str, revision: str) -> None:
        if (commit := self.found(repo, revision)) is None:
            return
        files = []
        for asked in json.loads(body)["files"]:
            name = asked["path"]
            told = {"path": name, "uploadMode": "lfs" if is_lfs(name) else "regular", "shouldIgnore": False}
            if name in commit.files:
                known = entry(name, commit.files[name])
                told["oid"] = known["lfs"]["oid"] if "lfs" in known else known["oid"]
            files.append(told)
        self.reply(200, {"files": files})

    def batch(self, body: bytes, query: Any, repo: str) -> None:
        objects = []
        for asked in json.loads(body)["objects"]:
            href = f"{self.hub.url}/lfs/{asked['oid']}"
            verify = f"{self.hub.url}/{repo}.git/verify"
            missing = asked["oid"] not in self.hub.lfs
            objects.append(
                asked | ({"actions": {"upload": {"href": href}, "verify": {"href": verify}}} if missing else {})
            )
        self.reply(200, {"transfer": "basic", "objects": objects})

    def verify(self, body: bytes, query: Any, repo: str) -> None:
        asked = json.loads(body)
        good = hashlib.sha256(self.hub.lfs[asked["oid"]]).hexdigest() == asked["oid"]
        self.reply(200 if good else 422, {})

    def commit(self, body: bytes, query: Any, repo: str, revision: str) -> None:
        self.hub.before_commit()
        line = self.hub.repos[repo].branches[revision]
        steps = [json.loads(text) for text in body.splitlines()]
        head, files = steps[0]["value"], dict(line[-1].files)
        if head.get("parentCommit", line[-1].oid) != line[-1].oid:
            return self.reply(412, {"error": "A commit has happened since. Please refresh and try again."})
        for step in steps[1:]:
            name = step["value"]["path"]
            if step["key"] == "deletedFile":
                del files[name]
            elif step["key"] == "lfsFile":
                files[name] = self.hub.stored(name, self.hub.lfs[step["value"]["oid"]])
            else:
                files[name] = self.hub.stored(name, base64.b64decode(step["value"]["content"]))
        line.append(Commit(files, head["summary"], head["description"], line[-1].oid))
        oid = line[-1].oid
        return self.reply(200, {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{repo}/commit/{oid}"})

    def resolve(self, body: bytes, query: Any, repo: str, revision: str, name: str) -> None:
        if (commit := self.found(repo, revision)) is None:
            return
        known = entry(name, commit.files[name])
        etag = known["lfs"]["oid"] if "lfs" in known else known["oid"]
        self.reply(200, commit.files[name], {"ETag": f'"{etag}"', "X-Repo-Commit": commit.oid})

    def xet_token(self, body: bytes, query: Any, repo: str, revision: str) -> None:
        told = {"X-Xet-Cas-Url": self.hub.cas, "X-Xet-Access-Token": "t", "X-Xet-Token-Expiration": "9999999999"}
        self.reply(200, {"casUrl": self.hub.cas, "accessToken": "t", "exp": 9999999999}, told)

    def found(self, repo: str, revision: str) -> Commit | None:
        if repo not in self.hub.repos:
            self.reply(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        commit = self.hub.repos[repo].commit(revision)
        if commit is None:
            self.reply(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return commit

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = list[bytes]()
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for key, text in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


MODEL = r"/api/models/([^/]+/[^/]+)"
ROUTES: list[tuple[str, Any]] = [
    (r"/api/repos/create", Handler.create),
    (r"/api/validate-yaml", Handler.validate),
    (MODEL, Handler.info),
    (MODEL + r"/revision/([^/]+)", Handler.info),
    (MODEL + r"/branch/([^/]+)", Handler.branch),
    (MODEL + r"/tree/([^/]+)", Handler.tree),
    (MODEL + r"/preupload/([^/]+)", Handler.preupload),
    (MODEL + r"/xet-write-token/([^/]+)", Handler.xet_token),
    (MODEL + r"/commit/([^/]+)", Handler.commit),
    (r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", Handler.batch),
    (r"/([^/]+/[^/]+)\.git/verify", Handler.verify),
    (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", Handler.resolve),
]


def is_lfs(name: str) -> bool:
    return name.endswith(".safetensors")


def entry(name: str, data: bytes) -> dict[str, Any]:
    """A file as a listing has it; an LFS file's blob is its pointer."""
    told: dict[str, Any] = {"type": "file", "path": name, "size": len(data)}
    if not is_lfs(name):
        return told | {"oid": blob(data)}
    oid = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n".encode()
    return told | {"oid": blob(pointer), "lfs": {"oid": oid, "size": len(data), "pointerSize": len(pointer)}}


def blob(data: bytes) -> str:
    """As git names a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
