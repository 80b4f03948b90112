"""A stand-in for the Hugging Face hub: files of data sets, its cache, and a server on loopback that answers like it."""

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

COMMIT = "77f3279092a1c1579b2250db8eafed0ad422088c"


def image_bytes(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Encode one image; grey for (height, width), colour for (height, width, 3)."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return stream.getvalue()


def images_of(pictures: Any) -> pa.Array:
    """Return a column as the hub stores images: encoded bytes, and the path each came from."""
    cells = [{"bytes": p if p is None or isinstance(p, bytes) else image_bytes(p), "path": None} for p in pictures]
    return pa.array(cells, type=pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def parquet(columns: Mapping[str, Any], features: Mapping[str, Any] | None = None) -> bytes:
    """Write a parquet file as the hub does, with its description of the columns in the schema's metadata."""
    table = pa.table(
        {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    )
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": dict(features)}})})
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    return stream.getvalue()


def classes(*names: str) -> dict[str, Any]:
    """Return the hub's description of a column of classes."""
    return {"names": list(names), "_type": "ClassLabel"}


IMAGE = {"_type": "Image"}
DIGITS = {"image": IMAGE, "label": classes(*"0123456789")}


def pictures(pixels: Any, labels: Any, features: Mapping[str, Any] = DIGITS) -> bytes:
    """Write a parquet file of images and labels."""
    return parquet({"image": images_of(pixels), "label": labels}, features)


def lay_out(
    cache: Path, repo: str, files: Mapping[str, bytes | str], revision: str = "main", commit: str = COMMIT
) -> Path:
    """Put a data set into a cache as the hub's client does, and return the folder of its snapshot."""
    root = cache / f"datasets--{repo.replace('/', '--')}"
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    named = root / "refs" / revision
    named.parent.mkdir(parents=True, exist_ok=True)
    named.write_text(commit)
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name, content in files.items():
        content = content.encode() if isinstance(content, str) else content
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(*[".."] * (len(link.relative_to(root).parts) - 1)) / "blobs" / blob.name)
    return snapshot


class Hub:
    """Contents of a server, a commit and files by data set and revision, and the requests that it got."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.gated: set[str] = set()
        self._revisions: dict[str, dict[str, str]] = {}
        self._files: dict[tuple[str, str], dict[str, bytes]] = {}

    def publish(
        self, repo: str, files: Mapping[str, bytes | str], revision: str = "main", commit: str = COMMIT
    ) -> None:
        self._revisions.setdefault(repo, {})[revision] = commit
        self._files[repo, commit] = {k: v.encode() if isinstance(v, str) else v for k, v in files.items()}

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        is_api = parts[0] == "api"
        _, owner, name, *rest = parts[1:] if is_api else parts
        repo = f"{owner}/{name}"
        if repo not in self._revisions:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if repo in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        revision = rest[1] if len(rest) > 1 else "main"
        commit = self._revisions[repo].get(revision, revision)
        if (repo, commit) not in self._files:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        files = self._files[repo, commit]
        if not is_api:
            content = files["/".join(rest[2:])]
            return 200, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": commit}, content
        if rest[:1] == ["tree"]:
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            return 200, {}, json.dumps(tree).encode()
        return 200, {}, json.dumps({"id": repo, "sha": commit, "siblings": [{"rfilename": f} for f in files]}).encode()


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a hub on loopback."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlparse(self.path).path
            hub.asked.append(path)
            status, headers, body = hub.answer(path)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
