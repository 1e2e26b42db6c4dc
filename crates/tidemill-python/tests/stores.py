"""Files on other machines, as somebody else sees them who may read and write there."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Bucket:
    """A folder in a bucket of S3."""

    # Servers for tests check no signature, but some want to see one; and some take what has no type for a form.
    HEADERS = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request,"
        " SignedHeaders=host, Signature=0",
        "Content-Type": "application/octet-stream",
    }

    def __init__(self, location: str, endpoint: str) -> None:
        self.location, (self._bucket, self._prefix) = location, location.split("://")[1].split("/", 1)
        self._endpoint = endpoint.rstrip("/")

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self._endpoint}/{self._bucket}{path}", data, self.HEADERS, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def objects(self, part: str = "") -> dict[str, bytes]:
        """All objects with `part` in their name."""
        found = self._ask("GET", f"?list-type=2&prefix={self._prefix}/").decode()
        names = [name for name in re.findall("<Key>(.*?)</Key>", found) if part in name]
        return {name: self._ask("GET", "/" + urllib.parse.quote(name)) for name in names}

    def files(self) -> dict[str, bytes]:
        """All objects by their names in the folder."""
        return {name[len(self._prefix) + 1 :]: data for name, data in self.objects().items()}

    def write(self, name: str, data: bytes) -> None:
        self._ask("PUT", "/" + urllib.parse.quote(name), data)


def s3() -> Iterator[tuple[str, str]]:
    """The URL of a bucket, and where its server is: a small one of the tests' own, or `TIDEMILL_TEST_S3` and `AWS_ENDPOINT`."""
    if "TIDEMILL_TEST_S3" in os.environ:
        yield os.environ["TIDEMILL_TEST_S3"].rstrip("/"), os.environ["AWS_ENDPOINT"]
        return
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "s3_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ENDPOINT": endpoint, "ALLOW_HTTP": "true", "REGION": "us-east-1"}.items():
            patch.setenv(f"AWS_{name}", value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        yield "s3://bucket", endpoint
    server.communicate(timeout=60)


class Hdfs:
    """A folder of the HDFS that `TIDEMILL_TEST_HDFS` and, for everybody else, `TIDEMILL_TEST_WEBHDFS` name."""

    def __init__(self, folder: str) -> None:
        self.location, self._folder = f"{os.environ['TIDEMILL_TEST_HDFS']}/{folder}", folder

    def _ask(self, path: str, operation: str) -> bytes:
        server, path = os.environ["TIDEMILL_TEST_WEBHDFS"], urllib.parse.quote(path)
        with urllib.request.urlopen(f"{server}/webhdfs/v1/{path}?op={operation}", timeout=60) as answer:
            return answer.read()

    def files(self) -> dict[str, bytes]:
        """All files by their paths in the folder."""
        return {path[len(self._folder) + 1 :]: self._ask(path, "OPEN") for path in self._below(self._folder)}

    def _below(self, folder: str) -> Iterator[str]:
        try:
            listed: Any = json.loads(self._ask(folder, "LISTSTATUS"))
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return
        for entry in listed["FileStatuses"]["FileStatus"]:
            path = f"{folder}/{entry['pathSuffix']}"
            if entry["type"] == "DIRECTORY":
                yield from self._below(path)
            else:
                yield path
