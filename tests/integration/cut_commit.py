#!/usr/bin/env python3
"""A way to PostgreSQL that breaks at a COMMIT, once.

    cut_commit.py SOCKET SERVER_SOCKET N before|after COUNT_FILE

Passes on what clients of SOCKET send to SERVER_SOCKET and back. The connection with the Nth COMMIT of all is cut: "before"
the server sees it, or "after" it has answered and before the client hears of it. Writes the number of COMMITs seen to
COUNT_FILE after each. Runs until it is killed.
"""
import socket
import sys
import threading

path, server_path, cut_at, when, count_file = sys.argv[1:6]
lock, seen = threading.Lock(), 0


def is_the_one(data):
    global seen
    if b"\0COMMIT\0" not in data:
        return False
    with lock:
        seen += 1
        with open(count_file, "w", encoding="ascii") as file:
            file.write(str(seen))
        return seen == int(cut_at)


def hang_up(*ends):
    # Wakes whoever reads from them; closing alone would not.
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def back(client, server, muted):
    try:
        while data := server.recv(65536):
            if muted.is_set():
                break  # the answer to COMMIT: the server has done it
            client.sendall(data)
    except OSError:
        pass
    hang_up(client, server)


def serve(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(server_path)
    muted = threading.Event()
    answers = threading.Thread(target=back, args=(client, server, muted), daemon=True)
    answers.start()
    try:
        while data := client.recv(65536):
            if is_the_one(data):
                muted.set()
                if when == "before":
                    break
            server.sendall(data)
    except OSError:
        pass
    hang_up(client, server)


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
