"""Run a real HTTP server on the loopback interface that misbehaves as told, path by path."""

import gzip
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MisbehavingServer(ThreadingHTTPServer):
    """A server that counts its requests. An answer is a function of the handler; a path without one gets a 404."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.answers, self.requests, self.headers = {}, Counter(), []
        self.connections = self.busy = self.most_busy = 0
        self.arrivals = []
        self.lock, self.stopping = threading.Lock(), threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def on(self, path, *answers):
        """Answer `path` with one answer after the other, the last one for ever; return its URL."""
        self.answers[path] = list(answers)
        return self.url(path)

    def url(self, path, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.server_port}{path}"

    def process_request(self, request, client_address):
        with self.lock:
            self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what this server is for

    def answer(self, handler):
        with self.lock:
            self.requests[handler.path] += 1
            self.headers.append(dict(handler.headers))
            self.arrivals.append(time.monotonic())
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
            answers = self.answers.get(handler.path, [status(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(handler)
        finally:
            with self.lock:
                self.busy -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.answer(self)

    def log_message(self, *_):
        pass


def _send(handler, code, headers, body=b""):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def body(data, content_type="image/jpeg", **headers):
    sent = {"Content-Type": content_type, "Content-Length": str(len(data))} | headers
    return lambda handler: _send(handler, 200, sent, data)


def status(code, data=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Length": str(len(data))}
    return lambda handler: _send(handler, code, named, data)


def redirect(location, code=302):
    return status(code, location=location)


def raw(data):
    """Bytes in place of an HTTP answer, then the end of the connection."""

    def answer(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def without_length(data):
    return raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n" + data)


def endless(content_type="image/jpeg", first=b""):
    """Send `first`, then chunks for as long as anyone reads."""

    def answer(handler):
        _send(handler, 200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"})
        handler.wfile.write(first)
        while not handler.server.stopping.is_set():
            handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    return answer


def truncated(data, claimed):
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % claimed + data)


def gzip_bomb(size):
    packed = gzip.compress(bytes(size))
    return lambda handler: _send(handler, 200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed)


def drip(head, pause_s=0.05):
    """Send `head`, then a byte every `pause_s` without end: never silent, never done."""

    def answer(handler):
        handler.wfile.write(head)
        while not handler.server.stopping.wait(pause_s):
            handler.wfile.write(b"x")

    return answer


def silence(seconds, then):
    def answer(handler):
        handler.server.stopping.wait(seconds)
        then(handler)

    return answer


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(handler.connection.detach())  # close() alone would wait for the handler's own files
