"""Receives requests that Tollgate sends to targets and callbacks, and verifies their signatures.

Needs only Python's standard library.

    WEBHOOK_SECRET=whsec_… python3 receiver.py 8000
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
MAX_BYTES = 1 << 20
TOLERANCE = 5 * 60

# In production: a table with a unique key, written in the transaction that does the work.
done = set()
lock = threading.Lock()


def is_genuine(headers, body):
    """Whether Tollgate signed these bytes with this id, within the tolerance."""
    try:
        sent = int(headers.get("webhook-timestamp", ""))
    except ValueError:
        return False
    if abs(time.time() - sent) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest())
    # One signature per valid secret: two while a secret is rotated.
    signatures = (s.partition(",") for s in headers.get("webhook-signature", "").split())
    return any(
        version == "v1" and hmac.compare_digest(expected, text.encode())
        for version, _, text in signatures
    )


def work(message):
    """Your work. If it raises, Tollgate sends the message again."""
    print(message.get("id"), message.get("status"), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            self.send_response(self.receive())
        except Exception as error:
            self.log_error("%r", error)
            self.send_response(500)
        self.send_header("content-length", "0")
        self.end_headers()

    def receive(self):
        length = int(self.headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BYTES:
            self.close_connection = True
            return 413
        body = self.rfile.read(length)
        if not is_genuine(self.headers, body):
            return 401
        message_id = self.headers["webhook-id"]
        with lock:
            if message_id not in done:
                work(json.loads(body))
                done.add(message_id)
        return 200


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
