#!/usr/bin/env python3
"""A stand-in for Google Cloud Storage: `gcs.py PORT BUCKET`. It follows the XML API as Google documents it (cloud.google.com/storage/docs/xml-api):
objects with ETag and generation, x-goog-if-generation-match, ranges, copies, lists in pages, uploads in parts. It keeps all in memory.

No program that is to be had does the whole of it, so this proves that what is sent and read is what the documents say, not that Google agrees."""
import hashlib, re, sys, threading, time, urllib.parse
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

PAGE = 1000
# All parts but the last must have it, as must those of Google.
PART_MIN = 5 << 20


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


class Store:
    """The objects of one bucket, and the uploads that go on."""

    def __init__(self, bucket):
        self.bucket, self.objects, self.uploads, self.lock = bucket, {}, {}, threading.Lock()
        self.generation = time.time_ns() // 1000

    def put(self, name, content, wanted):
        with self.lock:
            there = self.objects.get(name)
            if wanted is not None and int(wanted) != (there[1] if there else 0):
                raise Refused(412, "PreconditionFailed")
            self.generation += 1
            found = (content, self.generation, time.time())
            self.objects[name] = found
            return found

    def get(self, name):
        if name not in self.objects:
            raise Refused(404, "NoSuchKey")
        return self.objects[name]


def etag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        self.store = self.server.store
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        bucket, _, name = path.lstrip("/").partition("/")
        self.name = urllib.parse.unquote(name)
        length = int(self.headers.get("Content-Length") or 0)
        self.sent = self.rfile.read(length)
        try:
            if urllib.parse.unquote(bucket) != self.store.bucket:
                raise Refused(404, "NoSuchBucket")
            getattr(self, self.command.lower())()
        except Refused as refused:
            self.answer(refused.status, f"<Error><Code>{refused.code}</Code><Message>{refused.code}</Message></Error>".encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), str(value))
        # A HEAD tells the length of what it does not send.
        if "Content_Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def about(self, found):
        content, generation, at = found
        return {"ETag": etag(content), "x_goog_generation": generation, "Last_Modified": formatdate(at, usegmt=True)}

    def head(self):
        found = self.store.get(self.name)
        self.answer(200, Content_Length=len(found[0]), **self.about(found))

    def get(self):
        if not self.name:
            return self.list()
        found = self.store.get(self.name)
        content, about = found[0], self.about(found)
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if not asked:
            return self.answer(200, content, **about)
        first, last = asked.groups()
        begin = int(first) if first else max(len(content) - int(last), 0)
        end = min(int(last) + 1 if first and last else len(content), len(content))
        if begin >= len(content):
            return self.answer(416, b"", Content_Range=f"bytes */{len(content)}")
        self.answer(206, content[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(content)}", **about)

    def list(self):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        after = self.query.get("continuation-token") or self.query.get("start-after", "")
        items, folders, last = [], [], None
        for name in sorted(self.store.objects):
            if not name.startswith(prefix) or name <= after or (folders and name.startswith(folders[-1])):
                continue
            if len(items) + len(folders) == int(self.query.get("max-keys", PAGE)):
                break
            rest = name[len(prefix):]
            if delimiter and delimiter in rest:
                folders.append(prefix + rest.split(delimiter)[0] + delimiter)
                # The next page begins behind all of the folder.
                last = folders[-1] + "\U0010ffff"
            else:
                content, _, at = self.store.objects[name]
                when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
                items.append(f"<Contents><Key>{escape(name)}</Key><Size>{len(content)}</Size><ETag>{escape(etag(content))}</ETag><LastModified>{when}</LastModified></Contents>")
                last = name
        else:
            last = None
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
        inner = "".join(items) + "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        self.answer(200, f"<ListBucketResult>{inner}<IsTruncated>{str(bool(last)).lower()}</IsTruncated>{more}</ListBucketResult>".encode())

    def upload(self):
        found = self.store.uploads.get(self.query.get("uploadId"))
        if not found or found[0] != self.name:
            raise Refused(404, "NoSuchUpload")
        return found[1]

    def put(self):
        if "uploadId" in self.query:
            self.upload()[int(self.query["partNumber"])] = self.sent
            return self.answer(200, ETag=etag(self.sent))
        content, source = self.sent, self.headers.get("x-goog-copy-source")
        if source:
            content = self.store.get(urllib.parse.unquote(source).partition("/")[2])[0]
        found = self.store.put(self.name, content, self.headers.get("x-goog-if-generation-match"))
        about = self.about(found)
        body = f"<CopyObjectResult><ETag>{escape(about['ETag'])}</ETag></CopyObjectResult>".encode() if source else b""
        self.answer(200, body, **about)

    def post(self):
        if "uploads" in self.query:
            with self.store.lock:
                number = f"upload-{len(self.store.uploads)}-{time.time_ns()}"
                self.store.uploads[number] = (self.name, {})
            return self.answer(200, f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>".encode())
        parts, told = self.upload(), self.sent.decode().replace("&quot;", '"')
        part = lambda text: (int(re.search(r"<PartNumber>(\d+)<", text)[1]), re.search(r"<ETag>(.*?)<", text)[1])
        wanted = [part(text) for text in re.findall(r"<Part>(.*?)</Part>", told, re.S)]
        if not wanted or any(number not in parts or etag(parts[number]) != tag for number, tag in wanted):
            raise Refused(400, "InvalidPart")
        if any(len(parts[number]) < PART_MIN for number, _ in wanted[:-1]):
            raise Refused(400, "EntityTooSmall")
        found = self.store.put(self.name, b"".join(parts[number] for number, _ in wanted), self.headers.get("x-goog-if-generation-match"))
        del self.store.uploads[self.query["uploadId"]]
        about = self.about(found)
        self.answer(200, f"<CompleteMultipartUploadResult><ETag>{escape(about['ETag'])}</ETag></CompleteMultipartUploadResult>".encode(), **about)

    def delete(self):
        if "uploadId" in self.query:
            self.upload()
            del self.store.uploads[self.query["uploadId"]]
        else:
            self.store.get(self.name)
            del self.store.objects[self.name]
        self.answer(204)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.store = Store(sys.argv[2])
    server.serve_forever()
