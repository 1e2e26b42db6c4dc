"""A server that speaks as much of S3's protocol as checkpoints and outputs need, with objects in memory: `python s3_server.py`.

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
# Of objects that are uploaded in pieces, by the number of the upload: the pieces by their numbers.
uploads: dict[str, dict[int, bytes]] = {}
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

    @property
    def query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = self.query
        with lock:
            if "uploadId" in query:
                uploads[query["uploadId"]][int(query["partNumber"])] = data
                return self.answer(200, ETag=tag(data))
            if self.headers.get("If-None-Match") == "*" and self.name in objects:
                return self.refuse(412, "PreconditionFailed")
            objects[self.name] = data
        self.answer(200, ETag=tag(data))

    def do_GET(self) -> None:
        query = self.query
        if "list-type" in query:
            return self.list(query.get("prefix", ""), query.get("delimiter", ""))
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

    def list(self, prefix: str, delimiter: str) -> None:
        bucket = self.name.rstrip("/") + "/"
        with lock:
            found = sorted((name[len(bucket) :], data) for name, data in objects.items() if name.startswith(bucket + prefix))
        folders = {
            prefix + key[len(prefix) :].split(delimiter, 1)[0] + delimiter
            for key, _ in found
            if delimiter and delimiter in key[len(prefix) :]
        }
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{CHANGED_XML}</LastModified><ETag>{tag(data)}</ETag>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data in found
            if not any(key.startswith(folder) for folder in folders)
        )
        entries += "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders)
        )
        self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())

    def do_POST(self) -> None:
        asked, query = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(), self.query
        if "uploads" in query:
            self.begin_upload()
        elif "uploadId" in query:
            self.complete_upload(query["uploadId"])
        else:
            self.remove([unescape(key) for key in re.findall("<Key>(.*?)</Key>", asked)])

    def begin_upload(self) -> None:
        with lock:
            number = f"upload-{len(uploads)}"
            uploads[number] = {}
        bucket, key = map(escape, self.name.split("/", 1))
        self.answer(
            200,
            f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{number}</UploadId>"
            "</InitiateMultipartUploadResult>".encode(),
        )

    def complete_upload(self, number: str) -> None:
        with lock:
            data = b"".join(piece for _, piece in sorted(uploads[number].items()))
            objects[self.name] = data
        self.answer(
            200, f"<CompleteMultipartUploadResult><ETag>{tag(data)}</ETag></CompleteMultipartUploadResult>".encode()
        )

    def remove(self, keys: list[str]) -> None:
        with lock:
            for key in keys:
                objects.pop(f"{self.name.rstrip('/')}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def do_DELETE(self) -> None:
        with lock:
            if "uploadId" not in self.query:  # of an upload, which is given up
                objects.pop(self.name, None)
        self.answer(204)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
