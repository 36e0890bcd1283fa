"""A teacher behind a key: passes on what comes with the right one, refuses the rest as OpenAI does. Standard library alone."""

import json
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM, KEY, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
REFUSED = {
    "error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key"}
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.pass_on(None)

    def do_POST(self):
        self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def pass_on(self, content):
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self.answer(401, json.dumps(REFUSED).encode())
            return
        request = urllib.request.Request(UPSTREAM + self.path, content, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                self.answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.read())

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


ThreadingHTTPServer(("", PORT), Handler).serve_forever()
