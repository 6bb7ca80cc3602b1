#!/usr/bin/env python3
"""A small Argo server for tests: it keeps workflows, and refuses a name that is taken, as the real one does.

    argo.py PORT-FILE LOG [FAULTS]

Each workflow that is made is a line in LOG: namespace and name. A namespace is as empty as a server of its own. FAULTS is a
file that is read at every request: "POST 503" answers it so, "POST 504-late" makes the workflow and answers 504 all the same.
"""
import http.server
import json
import os
import re
import sys

workflows = {}
log = open(sys.argv[2], "a", buffering=1)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self, method):
        if len(sys.argv) < 4 or not os.path.exists(sys.argv[3]):
            return ""
        for line in open(sys.argv[3]):
            if line.split()[:1] == [method]:
                return line.split()[1]
        return ""

    def refuse(self, fault):
        if fault == "html":
            self.answer(200, "<html><body>Argo</body></html>", "text/html")
        else:
            self.answer(int(fault), {"code": 13, "message": "told to answer " + fault})

    def do_GET(self):
        fault = self.fault("GET")
        if fault:
            return self.refuse(fault)
        namespace, name = re.match(r"/api/v1/workflows/([^/]+)/([^/?]+)", self.path).groups()
        found = workflows.get((namespace, name))
        self.answer(200, found) if found else self.answer(404, {"code": 5, "message": "workflows not found"})

    def do_POST(self):
        fault = self.fault("POST")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        options, namespace = body["submitOptions"], body["namespace"]
        if fault and fault != "504-late":
            return self.refuse(fault)
        key = (namespace, options["name"])
        if key in workflows:
            return self.answer(409, {"code": 6, "message": "already exists"})
        labels = dict(pair.split("=", 1) for pair in options["labels"].split(","))
        workflows[key] = {"metadata": {"name": options["name"], "uid": "u-%d" % len(workflows), "labels": labels},
                          "status": {"phase": "Running"}}
        log.write("%s %s\n" % key)
        self.refuse("504") if fault else self.answer(200, workflows[key])


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write("%d\n" % server.server_address[1])
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
