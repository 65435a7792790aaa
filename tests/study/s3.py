"""A server that speaks as much S3 as pyarrow's client asks for, on loopback, for tests without an account.

Objects in memory; uploads in parts, of which nothing is seen before the last request; an outage on demand.
The same tests run against moto, whose S3 is others' work, with ``-m slow`` where it is installed.
"""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "bucket"


class S3(ThreadingHTTPServer):
    """``url``: the location of a folder in its bucket. ``down``: every request is refused meanwhile;
    ``keeps``: every one that would delete.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.down = self.keeps = False
        self.written: list[str] = []  # keys, in order
        self.url = (
            f"s3://{BUCKET}/all?endpoint_override=127.0.0.1:{self.server_port}&scheme=http&region=us-east-1"
        )

    def __enter__(self) -> S3:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: S3
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve(self._get)

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_PUT(self) -> None:
        self._serve(self._put)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_DELETE(self) -> None:
        self._serve(self._delete)

    def _serve(self, answer: Any) -> None:
        parts = urlsplit(self.path)
        self.query = {
            name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        self.bucket, _, self.key = unquote(parts.path).lstrip("/").partition("/")
        self.body = self._body()
        if self.server.down:
            self._answer(503, b"<Error><Code>ServiceUnavailable</Code></Error>")
        elif self.bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        else:
            answer()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = _unchunked(self.rfile)
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # The client wraps what it sends once more, with a checksum behind it.
        wrapped = "aws-chunked" in (self.headers.get("Content-Encoding") or "")
        return _unchunked(io.BytesIO(data)) if wrapped else data

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _get(self) -> None:
        if not self.key:
            self._list()
            return
        data = self.server.objects.get(self.key)
        if data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        wanted = self.headers.get("Range")
        dates = {"Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": '"0"'}
        if self.command == "HEAD":
            self._answer(200, Content_Length=str(len(data)), **dates)
        elif wanted:
            first, last = wanted.removeprefix("bytes=").split("-")
            piece = data[int(first) : int(last) + 1]
            self._answer(206, piece, Content_Range=f"bytes {first}-{last}/{len(data)}", **dates)
        else:
            self._answer(200, data, **dates)

    def _list(self) -> None:
        prefix, mark = self.query.get("prefix", ""), self.query.get("delimiter", "")
        files, folders = "", set()
        for key, data in sorted(self.server.objects.items()):
            if key.startswith(prefix):
                rest = key[len(prefix) :]
                if mark and mark in rest:
                    folders.add(prefix + rest.split(mark)[0] + mark)
                else:
                    files += f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
                    files += "<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
        for folder in sorted(folders):
            files += f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
        count = files.count("<Key>") + len(folders)
        self._answer(
            200,
            f"<ListBucketResult><KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>{files}"
            "</ListBucketResult>".encode(),
        )

    def _put(self) -> None:
        if "partNumber" in self.query:
            self.server.parts[self.query["uploadId"]][int(self.query["partNumber"])] = self.body
        else:
            self._store(self.body)
        self._answer(200, ETag='"0"')

    def _post(self) -> None:
        if "uploads" in self.query:
            name = str(len(self.server.parts))
            self.server.parts[name] = {}
            text = (
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            )
            self._answer(200, text.encode())
        elif "delete" in self.query:
            self._answer(200, b"<DeleteResult></DeleteResult>")
        else:
            parts = self.server.parts.pop(self.query["uploadId"])
            self._store(b"".join(parts[number] for number in sorted(parts)))
            done = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>"
            self._answer(200, done.encode())

    def _store(self, data: bytes) -> None:
        self.server.objects[self.key] = data
        self.server.written.append(self.key)

    def _delete(self) -> None:
        if self.server.keeps:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        self.server.objects.pop(self.key, None)
        self._answer(204)


def _unchunked(stream: Any) -> bytes:
    """What chunks hold: size in hex, perhaps a semicolon and more, CRLF, the bytes, CRLF; 0 ends them."""
    found = b""
    while size := int(stream.readline().split(b";")[0], 16):
        found += stream.read(size)
        stream.readline()
    while stream.readline() not in (b"\r\n", b""):  # trailers
        pass
    return found
