#!/usr/bin/env python3
"""A proxy in front of a real server that breaks what passes through it.

    proxy.py --to https://ADDRESS:PORT --name HOST --ca FILE --faults FILE --log FILE [--certificate FILE]

It listens on 127.0.0.1, prints its port, and passes each request on over TLS, verified for HOST with the authority
--ca. With --certificate (PEM of a key and its certificate) it speaks TLS itself, else plain HTTP.

--faults is read at every request: empty or missing, nothing is broken; else "METHOD FAULT", METHOD may be ANY. FAULT:

    429 500 501 503 504   that status, and the request is not passed on: 429 and 503 as text, 501 as a page,
                          the others as the JSON of the Argo server
    html                  200 and a page
    500-after ...         the request is passed on, and the answer is that status
    cut-before            the connection is cut, the request is not passed on
    cut-after             the request is passed on, and the connection is cut
    cut-answer            the request is passed on, and the connection is cut in the middle of the answer
    slow-before SECONDS   the request is passed on after that time, whether somebody still waits or not
    slow-after SECONDS    the answer comes after that time

--log gets a line for every request, before it is answered: METHOD TARGET FAULT|- STATUS-OF-THE-SERVER|-
"""
import argparse
import http.client
import http.server
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

PAGE = b"<html><body>this is a web server</body></html>\n"
BROKEN = {
    "429": (429, "text/plain", b"Too Many Requests\n"),
    "500": (500, "application/json", b'{"code":13,"message":"internal error"}'),
    "501": (501, "text/html", PAGE),
    "503": (503, "text/plain", b"upstream connect error\n"),
    "504": (504, "application/json", b'{"code":4,"message":"context deadline exceeded"}'),
    "html": (200, "text/html", PAGE),
}


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def fault(self):
        try:
            with open(options.faults) as file:
                words = file.read().split()
        except FileNotFoundError:
            words = []
        if not words or words[0] not in ("ANY", self.command):
            return "", 0
        return words[1], float(words[2]) if len(words) > 2 else 0

    def ask(self, body):
        """The real server's status, type and body."""
        sock = socket.create_connection((upstream.hostname, upstream.port), timeout=20)
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port)
        connection.sock = trust.wrap_socket(sock, server_hostname=options.name)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        try:
            connection.request(self.command, self.path, body=body, headers={**headers, "Host": options.name})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", "text/plain"), answer.read()
        finally:
            connection.close()

    def answer(self, status, kind, body, size=None):
        """size: only that many bytes of the body are sent, and then the connection is cut."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:size])
        self.wfile.flush()
        if size is not None:
            self.cut()
        self.close_connection = True

    def cut(self):
        """A reset, not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self.connection)
        self.close_connection = True

    def work(self, fault, seconds, body):
        name, _, after = fault.partition("-")
        status = None
        if fault == "slow-before":
            time.sleep(seconds)
        if fault == "" or after in ("after", "answer") or name == "slow":
            status, kind, content = self.ask(body)
        # Before the answer: what the client has seen is in the log.
        with lock, open(options.log, "a") as log:
            print(self.command, self.path, fault or "-", status or "-", file=log, flush=True)
        if fault == "slow-after":
            time.sleep(seconds)
        if fault in ("cut-before", "cut-after"):
            self.cut()
        elif fault == "cut-answer":
            self.answer(status, kind, content, len(content) // 2)
        elif name in BROKEN:
            self.answer(*BROKEN[name])
        else:
            self.answer(status, kind, content)

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault, seconds = self.fault()
        try:
            self.work(fault, seconds, body or None)
        except OSError as error:
            print("%s %s: %s" % (self.command, self.path, error), file=sys.stderr, flush=True)
            self.close_connection = True

    do_GET = do_POST = handle_one

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass  # it was cut

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass  # it was cut


parser = argparse.ArgumentParser()
for option in ("to", "name", "ca", "faults", "log"):
    parser.add_argument("--" + option, required=True)
parser.add_argument("--certificate")
options = parser.parse_args()
upstream = urllib.parse.urlsplit(options.to)
trust = ssl.create_default_context(cafile=options.ca)
lock = threading.Lock()
server = Server(("127.0.0.1", 0), Proxy)
if options.certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
