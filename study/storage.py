"""Files in a place that every node sees: a mounted folder, or an object store through pyarrow.

A location is text: an absolute path, or ``s3://bucket/path`` or ``gs://bucket/path``, with pyarrow's
options behind a ``?`` (``endpoint_override``, ``scheme``, ``region``, ...). Every write is whole or absent: a
path gets its file by rename, a bucket its object by the last request of an upload, so a process that is
killed while it writes leaves what was there before. A bucket then keeps the parts of the upload, unseen,
until one of its lifecycle rules (AbortIncompleteMultipartUpload) takes them away.

Such a place can be gone for a minute (a server restarts, a cable is out). ``patiently`` tries again until
it is back; what is no outage (no room, no permission) is raised at once.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import torch

from trainables import checkpoint
from trainables.errors import unknown

Result = TypeVar("Result")

SCHEMES = ("s3", "gs")
PATIENCE_S = 600.0  # a place that has been gone for so long does not come back
SLOW_S = 10.0
PAUSES_S = (0.25, 15.0)  # between two attempts: the first, and what doubling it leads to
# What a network mount says while it is away. No error number: an object store; its errors carry none.
GONE = {
    errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ECONNABORTED, errno.ECONNRESET, errno.ECONNREFUSED,
    errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENODEV,
    errno.ENXIO, errno.ENOLINK, errno.EREMOTEIO, errno.ESHUTDOWN, errno.EPIPE, errno.EBADF, None,
}  # fmt: skip
# What an object store says that no waiting mends.
REFUSALS = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "PERMISSION_DENIED",
)


def is_url(location: str) -> bool:
    """Whether it lies in an object store."""
    return "://" in location


def problem(location: str) -> str | None:
    """What is wrong with a location that somebody gave, without the secrets in it; None: nothing."""
    if not is_url(location):
        return None
    parts = urlsplit(location)
    if parts.scheme not in SCHEMES:
        return unknown("kind of storage", f"{parts.scheme}://", [f"{name}://" for name in SCHEMES])
    if "@" in parts.netloc and parts.netloc != f"anonymous@{parts.hostname}":
        return (
            "has a key in it, and would be filed with it; nearest valid: "
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} and the provider's own "
            "variables or files (AWS_ACCESS_KEY_ID, ~/.aws/credentials, GOOGLE_APPLICATION_CREDENTIALS)"
        )
    if not parts.netloc:
        return f"{location!r} names no bucket; nearest valid: {parts.scheme}://BUCKET/FOLDER"
    return None


def homeless(location: str) -> bool:
    """Whether it lies below the home of somebody whom this machine does not know."""
    try:
        Path(location).expanduser()
    except RuntimeError:
        return True
    return False


def absolute(location: str) -> str:
    """The location as every process understands it. RuntimeError where it is ``homeless``."""
    return location if is_url(location) else str(Path(location).expanduser().absolute())


def join(location: str, *names: str) -> str:
    """The location of something inside a folder's."""
    if not is_url(location):
        return str(Path(location, *names))
    parts = urlsplit(location)
    return urlunsplit(parts._replace(path="/".join([parts.path.rstrip("/"), *names])))


def read(location: str) -> bytes:
    """FileNotFoundError: it is not there, though its place is. Any other OSError: the place is gone."""
    if not is_url(location):
        path = Path(location)
        with _folder_is_there(path):
            return path.read_bytes()
    files, key = _opened(location)
    with files.open_input_stream(key) as stream:
        return bytes(stream.read())


def write(location: str, data: bytes | memoryview) -> None:
    """Put a file in its place, whole: a kill at any moment leaves the old one or the new one."""
    if not is_url(location):
        _replace(Path(location), data)
        return
    files, key = _opened(location)
    # No ``with``: leaving it on an error would close, which is what makes an object of what has come so far.
    stream = files.open_output_stream(key)
    stream.write(data)
    stream.close()


def remove(location: str) -> None:
    """Delete a file; one that is not there is none."""
    with contextlib.suppress(FileNotFoundError):
        if is_url(location):
            files, key = _opened(location)
            files.delete_file(key)
        else:
            Path(location).unlink()


def make_folder(location: str) -> None:
    """A folder and those above it. Object stores need none."""
    if not is_url(location):
        Path(location).mkdir(parents=True, exist_ok=True)


def names(location: str) -> list[str]:
    """Names of the files in a folder; none where there is no such folder."""
    if not is_url(location):
        path = Path(location)
        return sorted(entry.name for entry in path.iterdir() if entry.is_file()) if path.is_dir() else []
    from pyarrow import fs

    files, key = _opened(location)
    found = files.get_file_info(fs.FileSelector(key, allow_not_found=True))
    return sorted(entry.base_name for entry in found if entry.type == fs.FileType.File)


def packed(state: dict[str, Any]) -> memoryview:
    """The bytes of the state of a training, as ``load`` reads them: a snapshot, whatever is trained on."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getbuffer()


def load(location: str) -> dict[str, Any]:
    """Read the state of a training; tensors and plain data only, nothing in it is executed.

    FileNotFoundError: there is none. Any other OSError: it cannot be read, and says nothing about the state.
    ConfigError: it is damaged. In memory all the way: what is wrong with /tmp here is nothing to a state.
    """
    return checkpoint.unpacked(read(location), location)


def gone(error: OSError) -> bool:
    """Whether a place that answers so may come back by itself."""
    return error.errno in GONE and not any(word in str(error) for word in REFUSALS)


def patiently(
    action: Callable[[], Result],
    limit_s: float = PATIENCE_S,
    tell: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """``action()``, again and again while the place is gone; after ``limit_s`` its error.

    ``tell`` gets one line when the waiting begins and one when it is over.
    """
    pause, began = PAUSES_S[0], clock()
    waiting = False
    while True:
        try:
            result = action()
        except OSError as error:
            if not gone(error) or clock() - began >= limit_s:
                raise
            if not waiting:
                limit = f"{limit_s / 60:.0f} min at most"
                tell(f"the storage does not answer ({why(error)}); waiting for it, {limit}")
            waiting = True
            sleep(min(pause, max(0.0, limit_s - (clock() - began))))
            pause = min(2 * pause, PAUSES_S[1])
            continue
        if waiting:
            tell(f"the storage answers again after {clock() - began:.0f} s; nothing was lost")
        return result


def watched(action: Callable[[], Result], tell: Callable[[str], None], after_s: float = SLOW_S) -> Result:
    """``action()``; a line where it takes long: a mount whose server is down may block, and not fail."""
    slow = f"a write has taken {after_s:.0f} s; waiting for the storage"
    timer = threading.Timer(after_s, lambda: tell(slow))
    timer.daemon = True
    timer.start()
    try:
        return action()
    finally:
        timer.cancel()


def why(error: OSError) -> str:
    """What the system or the object store said, in a few words."""
    text = error.strerror or " ".join(str(error).split()).rpartition(" Error ")[2] or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


@contextlib.contextmanager
def _folder_is_there(path: Path) -> Any:
    """A missing file means that its place is gone where the folder is missing too: an empty mount point."""
    try:
        yield
    except FileNotFoundError:
        if path.parent.is_dir():
            raise
        raise OSError(errno.ESTALE, f"{path.parent} is not there") from None


def _replace(path: Path, data: bytes | memoryview) -> None:
    # Host and process: a worker on a node that was cut off may still write the state of the same trial.
    scratch = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    with _folder_is_there(path):
        try:
            with scratch.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)


def _opened(location: str) -> tuple[Any, str]:
    """The object store of a URL, and the key in it."""
    parts = urlsplit(location)
    return _store(parts.scheme, parts.netloc, parts.query), f"{parts.hostname}{parts.path}".rstrip("/")


@cache
def _store(scheme: str, netloc: str, query: str) -> Any:
    from pyarrow import fs  # a quarter of a second, and most studies need none

    options = dict(parse_qsl(query))
    if scheme == "gs":  # it would try for a quarter of an hour by itself, and nobody would be told
        options.setdefault("retry_limit_seconds", "10")
    files, _ = fs.FileSystem.from_uri(urlunsplit(SplitResult(scheme, netloc, "/x", urlencode(options), "")))
    return files
