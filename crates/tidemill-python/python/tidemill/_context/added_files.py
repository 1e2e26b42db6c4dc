"""Bringing a file, a folder or an archive into the folder that tasks read from."""

from __future__ import annotations

import os
import urllib.parse
from typing import NoReturn

_LOCAL = ("", "file", "local")
_REMOTE = ("http", "https", "ftp")


def take(path: str, folder: str, recursive: bool) -> str:
    """Copies what `path` names into `folder`, and gives the copy's path.

    Adding the same file again does nothing; another file of a name that is taken is refused, as in Spark.
    """
    import filecmp
    import shutil

    parsed = urllib.parse.urlparse(path)
    if parsed.scheme in _REMOTE:
        from urllib.request import urlopen

        target = os.path.join(folder, os.path.basename(parsed.path))
        if not os.path.exists(target):
            with urlopen(path) as source, open(target + ".part", "wb") as file:
                shutil.copyfileobj(source, file)
            os.replace(target + ".part", target)
        return target
    source_path = _local(path)
    if not os.path.exists(source_path):
        _refuse("File file:%s does not exist" % os.path.abspath(source_path))
    target = os.path.join(folder, os.path.basename(source_path.rstrip("/")))
    if os.path.isdir(source_path):
        if not recursive:
            _refuse(
                "[UNSUPPORTED_ADD_FILE.DIRECTORY] Don't support add file. The file %s is a directory, and recursive is "
                "not turned on: call addFile(path, recursive=True)" % uri(path)
            )
        shutil.copytree(source_path, target, dirs_exist_ok=True)
    elif not os.path.exists(target):
        shutil.copy2(source_path, target + ".part")
        os.replace(target + ".part", target)
    elif not filecmp.cmp(source_path, target, shallow=False):
        _refuse("File %s was already registered with a different content: give it another name" % target)
    return target


def unpack(path: str, folder: str) -> str:
    """Unpacks the archive `path` (or `path#name`) into a folder of its name in `folder`."""
    import tarfile
    import zipfile

    address, _, name = path.partition("#")
    source = _local(address)
    if not os.path.isfile(source):
        _refuse("File file:%s does not exist" % os.path.abspath(source))
    target = os.path.join(folder, name or os.path.basename(source))
    if os.path.exists(target):
        return target
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as tar:
            # Members that would land outside of the folder are refused where this Python can do so.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(target, filter="data")
            else:
                tar.extractall(target)
    else:
        _refuse("%s is no archive that can be unpacked: .zip, .jar, .tar, .tar.gz or .tgz" % address)
    return target


def uri(path: str) -> str:
    """`path` as a URI, as Spark lists it.

    >>> from tidemill._context.added_files import uri
    >>> uri("/tmp/a.txt"), uri("http://host/a.txt")
    ('file:/tmp/a.txt', 'http://host/a.txt')
    """
    parsed = urllib.parse.urlparse(path)
    if parsed.scheme in _LOCAL:
        return "file:" + os.path.abspath(parsed.path) + ("#" + parsed.fragment if parsed.fragment else "")
    return path


def _local(path: str) -> str:
    parsed = urllib.parse.urlparse(path)
    if parsed.scheme == "":
        return path
    if parsed.scheme in _LOCAL:
        return urllib.parse.unquote(parsed.path)
    _refuse("%s is in a file system that is not there: give a local path, or an http or ftp URL" % path)


def _refuse(message: str) -> NoReturn:
    from tidemill.errors.engine import engine_error

    raise engine_error(message, "input")
