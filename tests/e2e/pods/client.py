"""A client in the cluster: asks a service again and again, and says each second how that went. Standard library alone."""

import http.client
import json
import select
import sys
import threading
import time
import urllib.parse

TEXT = {"text": "the day after 3 May 2021"}
lock = threading.Lock()
told = {"answered": 0, "failed": [], "outputs": {}, "slowest": 0.0}


def ask(connection, method, path, body):
    """One request; the answer's JSON, where it has some."""
    content = json.dumps(body) if body else None
    connection.request(method, path, content, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise ValueError(f"{answer.status} {text[:200]}")
    return text


def keep_asking(url, method, path, body, pause, kept):
    """For ever, over one connection or a new one each time."""
    connection = None
    while True:
        began = time.monotonic()
        try:
            if (
                connection is None or select.select([connection.sock], [], [], 0)[0]
            ):  # as libraries do: closed while idle
                connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
            text = ask(connection, method, path, body)
            with lock:
                told["answered"] += 1
                told["slowest"] = max(told["slowest"], round(time.monotonic() - began, 2))
                if body:
                    output = json.loads(text)["output"]
                    told["outputs"][output] = told["outputs"].get(output, 0) + 1
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            with lock:
                told["failed"].append(
                    f"{time.strftime('%H:%M:%S')} {method} {path}: {type(error).__name__}: {error}"[:300]
                )
            connection = None
        if connection is not None and (not kept or connection.sock is None):
            connection.close()
            connection = None
        time.sleep(pause)


def main():
    """Asks for answers now and then, since each costs the node's cores much, and for signs of life often."""
    url = urllib.parse.urlsplit(sys.argv[1])
    for method, path, body, pause, kept in (
        ("POST", "/predict", TEXT, 1.0, False),
        ("POST", "/predict", TEXT, 1.0, True),
        ("GET", "/livez", None, 0.05, False),
    ):
        threading.Thread(target=keep_asking, args=(url, method, path, body, pause, kept), daemon=True).start()
    while True:
        time.sleep(1)
        with lock:
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


main()
