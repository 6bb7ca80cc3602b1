#!/usr/bin/env python3
"""Bytes on the wire to model-api that no well-behaved client sends. The server serves pipeline "towns".

    wire.py cases PORT              each of CASES is answered as it says; TAP without a plan
    wire.py crowd PORT IDLE ACTIVE SECONDS
                                    IDLE connections do nothing while ACTIVE ones ask; prints requests and failures
    wire.py slow PORT COUNT SECONDS header|line|next
                                    COUNT clients send a byte now and then, of a header, of their first request line, or of
                                    the one after a good request; prints how many the server has cut off
"""
import re
import socket
import sys
import threading
import time

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
ROW = b'{"row":[34,2.5,"Berlin"]}'


def post(body, more=b""):
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(body, size):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# What is sent, and what the answer must match; several pieces are sent one after the other. CLOSED: nothing but the end.
CLOSED = "^$"
CASES = {
    "a plain request": ([post(ROW)], '^HTTP/1.1 200 .*"prediction":"yes"'),
    "byte by byte": ([bytes([byte]) for byte in post(ROW)], '^HTTP/1.1 200 .*"prediction":"yes"'),
    "in chunks": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(ROW, 5)], '^HTTP/1.1 200 .*"prediction":"yes"'),
    "in chunks of a byte, with extensions": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(ROW, 1).replace(b"1\r\n", b"1;a=b\r\n")],
                                             '^HTTP/1.1 200 .*"prediction":"yes"'),
    "a chunk's size that is none": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"], "^(HTTP/1.1 400 .*)?$"),
    "a chunk's size beyond 64 bits": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n"], "^(HTTP/1.1 4[0-9]{2} .*)?$"),
    "Expect: 100-continue": ([HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW), ROW],
                             '^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 .*"prediction":"yes"'),
    "Expect: 100-continue to a path that is none": ([b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"],
                                                    "^HTTP/1.1 404 .*there is no such path"),
    "three requests at once": ([post(ROW) * 3], '^(HTTP/1.1 200 .*"prediction":"yes".*){3}$'),
    "a good one behind a bad one": ([post(b"{}") + post(ROW)], "^HTTP/1.1 400 .*HTTP/1.1 200 "),
    "two in three pieces": ([post(ROW)[:70], post(ROW)[70:] + post(ROW)[:90], post(ROW)[90:]], "^(HTTP/1.1 200 .*){2}$"),
    "HTTP/1.0": ([post(ROW).replace(b"HTTP/1.1", b"HTTP/1.0")], '^HTTP/1.[01] 200 .*"prediction":"yes"'),
    "HTTP/1.0 without Host": ([b"GET /health/live HTTP/1.0\r\n\r\n"], "^HTTP/1.[01] 200 .*live"),
    "HTTP/1.1 without Host": ([b"GET /health/live HTTP/1.1\r\n\r\n"], "^HTTP/1.1 (200|400) "),
    "HTTP/2.0": ([b"GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n"], "^(HTTP/1.1 (400|505) .*)?$"),
    "HTTP/0.9": ([b"GET /health/live\r\n"], "^(HTTP/1.[01] (200|400|505) .*)?$"),
    "no request at all": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], "^(HTTP/1.1 4[0-9]{2} .*)?$"),
    "a space in a header's name": ([b"GET /health/live HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"], "^HTTP/1.1 (200|400) "),
    "a header without a colon": ([b"GET /health/live HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"], "^(HTTP/1.1 (200|400) .*)?$"),
    "a body without its length": ([HEAD + b"\r\n" + ROW], "^HTTP/1.1 400 .*the body is empty"),
    "a length that is none": ([HEAD + b"Content-Length: five\r\n\r\n" + ROW], "^(HTTP/1.1 400 .*)?$"),
    "a negative length": ([HEAD + b"Content-Length: -5\r\n\r\n" + ROW], "^(HTTP/1.1 400 .*)?$"),
    "a length beyond 64 bits": ([HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + ROW], "^(HTTP/1.1 4[0-9]{2} .*)?$"),
    "a length far too long": ([HEAD + b"Content-Length: 99999999999\r\n\r\n"], "^HTTP/1.1 413 .*the body is longer than"),
    "less body than said, then the end": ([HEAD + b"Content-Length: 100\r\n\r\n" + ROW], CLOSED),
    "a long target": ([b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], "^HTTP/1.1 (413|414|431) "),
    "a target of control characters": ([b"GET /%00%0a%ff HTTP/1.1\r\nHost: x\r\n\r\n"], "^HTTP/1.1 404 "),
    "one long header": ([b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n"], "^HTTP/1.1 431 "),
    "a thousand headers": ([b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(1000)) + b"\r\n"],
                           "^HTTP/1.1 431 "),
    "5,000 bytes of headers are fine": ([b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5000 + b"\r\n\r\n"], "^HTTP/1.1 200 "),
    "a method that is none": ([b"BREW /predict HTTP/1.1\r\nHost: x\r\n\r\n"], "^HTTP/1.1 405 .*Allow: POST"),
    "100 levels": ([post(b"[" * 100 + b"]" * 100)], "^HTTP/1.1 400 .*nested deeper than 3 levels"),
    "1e400": ([post(b'{"row":[34,1e400,"Berlin"]}')], "^HTTP/1.1 400 .*real number overflow"),
    "-0 is 0": ([post(b'{"row":[-0,-0,"7"]}')], '^HTTP/1.1 200 .*"prediction":"no"'),
    "a byte order mark": ([post(b"\xef\xbb\xbf" + ROW)], "^HTTP/1.1 400 .*no JSON"),
}


def read_all(one):
    data = b""
    try:
        while True:
            piece = one.recv(65536)
            if not piece:
                break
            data += piece
    except OSError:
        pass
    return data.decode("latin-1")


def cases(port):
    failed = 0
    for number, (name, (pieces, wanted)) in enumerate(CASES.items(), 1):
        one = socket.create_connection(("127.0.0.1", int(port)), 3)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                one.sendall(piece)
                if len(pieces) < 10:
                    time.sleep(0.02)
            one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        got = read_all(one)
        one.close()
        good = re.search(wanted, got, re.DOTALL)
        failed += not good
        print(f"{'ok' if good else 'not ok'} - {name}")
        if not good:
            print(f"# got: {got[:300]!r}\n# match: {wanted}")
    print(f"{len(CASES)} cases, {failed} failed")
    sys.exit(1 if failed else 0)


def ask(one):
    one.sendall(post(ROW))
    return one.recv(65536).startswith(b"HTTP/1.1 200 ")


def crowd(port, idle, active, seconds):
    connect = lambda: socket.create_connection(("127.0.0.1", int(port)), 5)
    idlers = [connect() for _ in range(int(idle))]
    counts, lock, end = [0, 0], threading.Lock(), time.monotonic() + float(seconds)

    def work():
        one, good, bad = connect(), 0, 0
        while time.monotonic() < end:
            try:
                if ask(one):
                    good += 1
                else:
                    bad += 1
            except OSError:
                bad += 1
                one = connect()
        with lock:
            counts[0] += good
            counts[1] += bad
        one.close()

    workers = [threading.Thread(target=work) for _ in range(int(active))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    living = 0
    for one in idlers:
        try:
            living += ask(one)
        except OSError:
            pass
    print(f"{counts[0]} answered, {counts[1]} failed, {living} of {len(idlers)} idle ones answered in the end")
    sys.exit(1 if counts[1] or living != len(idlers) or counts[0] < int(active) else 0)


SLOW = {"header": b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Slow: ", "line": b"POST /predict?", "next": b"POST /predict?"}


def slow(port, count, seconds, what):
    sockets = [socket.create_connection(("127.0.0.1", int(port)), 5) for _ in range(int(count))]
    for one in sockets:
        if what == "next" and not ask(one):
            sys.exit("the request before was not answered")
        one.sendall(SLOW[what])
        one.setblocking(False)
    end, closed = time.monotonic() + float(seconds), set()
    while time.monotonic() < end and len(closed) < len(sockets):
        for one in set(sockets) - closed:
            try:
                one.send(b"a")
                if one.recv(1000) == b"":
                    closed.add(one)
            except BlockingIOError:
                pass
            except OSError:
                closed.add(one)
        time.sleep(0.1)
    print(len(closed))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
