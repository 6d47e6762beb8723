"""Receives one webhook, verifies it, and reports the outcome: `WEBHOOK_SECRET=… python3 receiver.py PORT`."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        mac = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        is_genuine = any(hmac.compare_digest(expected, sent) for sent in self.headers["webhook-signature"].split())
        self.send_response(200 if is_genuine else 401)
        self.end_headers()
        if is_genuine:
            actions.append(json.loads(body))


actions: list[dict[str, str]] = []
server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
server.timeout, deadline = 1, time.monotonic() + 60
while not actions and time.monotonic() < deadline:
    server.handle_request()
for action in actions:
    print("received:", json.dumps(action))
    outcome = json.dumps({"status": "completed"}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(action["outcome_url"], data=outcome, headers=headers), timeout=10) as answer:  # noqa: S310
        print("reported:", answer.read().decode())
sys.exit(not actions)
