"""A server that speaks as much of S3's protocol as checkpoints need, with objects in memory: `python s3_server.py`.

It says its port, and serves until its input ends. `make test-s3` runs the same tests on a server that speaks all of it.
"""
from __future__ import annotations

import hashlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

# When anything was changed: nobody asks for the true time.
CHANGED_HTTP, CHANGED_XML = "Sun, 22 Nov 2026 00:00:00 GMT", "2026-11-22T00:00:00.000Z"

objects: dict[str, bytes] = {}
lock = threading.Lock()


def tag(data: bytes) -> str:
    return '"%s"' % hashlib.md5(data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    @property
    def name(self) -> str:
        """The bucket and the key."""
        return unquote(urlsplit(self.path).path).lstrip("/")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            if self.headers.get("If-None-Match") == "*" and self.name in objects:
                return self.refuse(412, "PreconditionFailed")
            objects[self.name] = data
        self.answer(200, ETag=tag(data))

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in query:
            return self.list(query.get("prefix", [""])[0])
        data = objects.get(self.name)
        if data is None:
            return self.refuse(404, "NoSuchKey")
        headers = {"ETag": tag(data), "Last_Modified": CHANGED_HTTP}
        wanted = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted:
            return self.answer(200, data, **headers)
        begin, end = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
        if begin >= len(data):
            return self.refuse(416, "InvalidRange")
        self.answer(206, data[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(data)}", **headers)

    do_HEAD = do_GET

    def list(self, prefix: str) -> None:
        bucket = self.name.rstrip("/") + "/"
        with lock:
            found = sorted((name[len(bucket) :], data) for name, data in objects.items() if name.startswith(bucket + prefix))
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{CHANGED_XML}</LastModified><ETag>{tag(data)}</ETag>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data in found
        )
        self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())

    def do_POST(self) -> None:
        """Removes several."""
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", asked)]
        with lock:
            for key in keys:
                objects.pop(f"{self.name.rstrip('/')}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def do_DELETE(self) -> None:
        with lock:
            objects.pop(self.name, None)
        self.answer(204)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
