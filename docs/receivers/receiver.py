"""Receives what Tollgate sends to targets and callbacks, and believes only what it signed. Python's own library is all it needs.

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
LARGEST = 1 << 20
TOLERANCE = 5 * 60

# In earnest a table with a unique key, written in the transaction that does the work.
done = set()
one_at_a_time = threading.Lock()


def is_genuine(headers, body):
    """Whether the bytes are those that were signed, a moment ago, for this id."""
    try:
        sent = int(headers.get("webhook-timestamp", ""))
    except ValueError:
        return False
    if abs(time.time() - sent) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    good = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest())
    # One for each secret that is good: while a secret changes, there are two.
    told = (s.partition(",") for s in headers.get("webhook-signature", "").split())
    return any(version == "v1" and hmac.compare_digest(good, text.encode()) for version, _, text in told)


def work(message):
    """What is to be done with it. If it raises, Tollgate sends the message again."""
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
        if not 0 <= length <= LARGEST:
            self.close_connection = True
            return 413
        body = self.rfile.read(length)
        if not is_genuine(self.headers, body):
            return 401
        name = self.headers["webhook-id"]
        with one_at_a_time:
            if name not in done:
                work(json.loads(body))
                done.add(name)
        return 200


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
