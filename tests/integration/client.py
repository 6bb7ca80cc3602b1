#!/usr/bin/env python3
"""A client of model-api for its integration test: what curl cannot do.

    client.py cases PORT DIR            every DIR/NAME.body is answered as NAME.want says
    client.py load PORT THREADS STOP [ROW]
                                        keep-alive requests until the file STOP is there; prints counts as JSON. With a ROW of
                                        its own nothing is known of the label, and only the status counts
    client.py hold PORT COUNT STOP      COUNT idle connections until the file STOP is there
    client.py large PORT COUNT STOP     COUNT connections that had a long answer are idle until the file STOP is there
    client.py stall PORT                half a body, then silence; prints what comes
    client.py dribble PORT SECONDS      a header byte now and then; prints the seconds until the server closes
    client.py half PORT COUNT           COUNT clients close their side with their request; prints how many are closed in 4 s
    client.py raw PORT                  sends stdin; prints what comes
    client.py metrics PORT              the metrics are well formed; prints them
"""
import glob
import http.client
import json
import os
import re
import socket
import sys
import threading
import time

JSON = {"Content-Type": "application/json"}


def ask(connection, path, body=None):
    connection.request("POST" if body is not None else "GET", path, body, JSON if body is not None else {})
    reply = connection.getresponse()
    return reply.status, reply.read()


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)


def check_case(connection, path, want):
    with open(path, "rb") as file:
        status, reply = ask(connection, "/predict", file.read())
    reply = json.loads(reply)
    if want.startswith("error "):
        return (status, reply) == (400, {"error": want[6:].rstrip("\n")}), status, reply
    rows = [line for line in want.splitlines() if line.startswith("row ")]
    predictions = reply.get("predictions", [reply.get("prediction")])
    good = status == 200 and len(predictions) == len(rows) and set(predictions) <= {"no", "yes"}
    return good and ("unseen" in reply) == ("unseen" in want) and ("probabilities" in reply) == ("probab" in want), status, reply


def cases(port, folder):
    connection, failed = connect(port), 0
    bodies = sorted(glob.glob(folder + "/*.body"))
    for body in bodies:
        with open(body[:-4] + "want", encoding="utf-8") as file:
            good, status, reply = check_case(connection, body, file.read())
        if not good:
            failed += 1
            print(f"{os.path.basename(body)}: {status} {reply}")
    print(f"{len(bodies)} cases, {failed} failed")
    sys.exit(1 if failed or len(bodies) < 60 else 0)


# Model 1 says "yes" to these rows and model 2 "no": an answer that mixes the two is found by its own words.
ROW = b'{"row":[30,1,"Berlin"]}'
ROWS = b'{"rows":[' + b",".join([b'[30,1,"Berlin"]'] * 50) + b"]}"


def is_right(answer, one_of_two):
    said = set(answer.get("predictions", [answer.get("prediction")]))
    return len(said) == 1 and (not one_of_two or said == {"yes" if answer["model"] == 1 else "no"})


def load_one(port, stop, counts, lock, row):
    one, many = (b'{"row":%s}' % row, b'{"rows":[%s]}' % b",".join([row] * 50)) if row else (ROW, ROWS)
    connection, done, number = connect(port), {"requests": 0, "failed": 0, "errors": [], "by_model": {}, "promotions": []}, 0
    while not os.path.exists(stop):
        number += 1
        try:
            status, reply = ask(connection, "/predict", many if number % 5 == 0 else one)
            answer = json.loads(reply)
            good = status == 200 and is_right(answer, not row)
            done["by_model"][answer.get("model")] = done["by_model"].get(answer.get("model"), 0) + 1
            done["promotions"].append(answer.get("promotion"))
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            good, reply, connection = False, repr(error), connect(port)
        done["requests"] += 1
        if not good:
            done["failed"] += 1
            done["errors"].append(str(reply)[:200])
    with lock:
        for key in ("requests", "failed"):
            counts[key] += done[key]
        counts["errors"] += done["errors"][:3]
        counts["backwards"] += sum(a > b for a, b in zip(done["promotions"], done["promotions"][1:]))
        counts["promotions"] = sorted(set(counts["promotions"]) | set(done["promotions"]))
        for model, count in done["by_model"].items():
            counts["by_model"][str(model)] = counts["by_model"].get(str(model), 0) + count


def load(port, threads, stop, row=""):
    counts = {"requests": 0, "failed": 0, "backwards": 0, "errors": [], "by_model": {}, "promotions": []}
    lock = threading.Lock()
    workers = [threading.Thread(target=load_one, args=(port, stop, counts, lock, row.encode())) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counts["promotions"] = len(counts["promotions"])
    print(json.dumps(counts))


def hold(port, count, stop):
    sockets = [socket.create_connection(("127.0.0.1", int(port)), 20) for _ in range(int(count))]
    print("open", flush=True)
    while not os.path.exists(stop):
        time.sleep(0.02)
    for one in sockets:
        one.close()


def large(port, count, stop):
    body = json.dumps({"rows": [[34, 2.5, "Berlin"]] * 10000, "probabilities": True}).encode()
    connections = [connect(port) for _ in range(int(count))]
    sizes = {len(ask(one, "/predict", body)[1]) for one in connections}
    print("open", min(sizes), flush=True)
    while not os.path.exists(stop):
        time.sleep(0.02)


def read_all(one):
    data = b""
    try:
        while True:
            piece = one.recv(65536)
            if not piece:
                return data
            data += piece
    except (ConnectionResetError, socket.timeout):
        return data


def stall(port):
    one = socket.create_connection(("127.0.0.1", int(port)), 20)
    one.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"row\":")
    begun = time.monotonic()
    print(read_all(one).decode())
    print(f"{time.monotonic() - begun:.1f} s")


def dribble(port, seconds):
    one = socket.create_connection(("127.0.0.1", int(port)), 20)
    begun = time.monotonic()
    one.sendall(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
    one.settimeout(0.1)
    while time.monotonic() - begun < float(seconds):
        try:
            one.sendall(b"x")
            if one.recv(100) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    print(int(time.monotonic() - begun))


def half(port, count):
    sockets, closed = [], 0
    for _ in range(int(count)):
        one = socket.create_connection(("127.0.0.1", int(port)), 20)
        one.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        one.shutdown(socket.SHUT_WR)
        sockets.append(one)
    end = time.monotonic() + 4
    for one in sockets:
        one.settimeout(max(0.01, end - time.monotonic()))
        try:
            data = one.recv(1000)
            while one.recv(1000):
                pass
            closed += data.startswith(b"HTTP/1.1 200")
        except OSError:
            pass
    print(closed)


def raw(port):
    one = socket.create_connection(("127.0.0.1", int(port)), 3)
    try:
        one.sendall(sys.stdin.buffer.read())
        one.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    sys.stdout.buffer.write(read_all(one))


def metrics(port):
    status, text = ask(connect(port), "/metrics")
    text, kinds, seen, problems = text.decode(), {}, set(), []
    sample = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z0-9_]+="([^"\\]|\\.)*",?)*\})? (-?[0-9.e+-]+|\+Inf)$')
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            problems += [f"twice: {name}"] if name in kinds else []
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = sample.match(line)
            name = match and re.sub("_(bucket|sum|count)$", "", match[1]) if match and match[1] not in kinds else match and match[1]
            problems += [f"no sample: {line}"] if not match else []
            problems += [f"no TYPE: {line}"] if name not in kinds else []
            problems += [f"twice: {line}"] if match and match[0].rsplit(" ", 1)[0] in seen else []
            seen.add(match and match[0].rsplit(" ", 1)[0])
            problems += [f"no _total: {line}"] if kinds.get(name) == "counter" and not name.endswith("_total") else []
    print(text if status == 200 and text.endswith("\n") else f"status {status}")
    if problems or not seen:
        print("\n".join(["problems:"] + problems))
        sys.exit(1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
