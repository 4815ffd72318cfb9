"""A small HTTP server in the test's own process, for what `qhcp lb` tells others."""

import http.server
import json
import queue
import socket
import ssl
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body)
        status, answer = self.server.receiver.judge(request)
        try:
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # the other side has given up, as it may

    do_POST = do_PUT = do_GET = take

    def log_message(self, *_):
        pass


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers = method, path, headers
        self.body = body
        self.json = json.loads(body) if body else None

    def __repr__(self):
        return f"{self.method} {self.path} {self.body!r}"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.connections = set()

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_):
        pass  # a handshake that the other side broke off


class Receiver:
    """On 127.0.0.1, with a certificate and its key by TLS.  `rule` makes of a request a status, or (status,
    body), or "hang": no answer until the end.  Every request is in `requests`, in the order of their
    arrival, and comes by next() once."""

    def __init__(self, rule=lambda request: 200, cert=None, key=None, port=0):
        self.rule, self.requests, self._queue = rule, [], queue.Queue()
        self._lock, self._release = threading.Lock(), threading.Event()
        self.http = Server(("127.0.0.1", port), Handler)
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                                   do_handshake_on_connect=False)
        self.http.receiver = self
        self.port = self.http.server_address[1]
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def judge(self, request):
        with self._lock:
            self.requests.append(request)
            answer = self.rule(request)
        self._queue.put(request)
        if answer == "hang":
            self._release.wait(120)
            return None, b""
        return answer if isinstance(answer, tuple) else (answer, b"")

    def next(self, within=30):
        return self._queue.get(timeout=within)

    def wait(self, wanted, within=30):
        while True:
            request = self.next(within)
            if wanted(request):
                return request

    def close(self):
        self._release.set()
        self.http.shutdown()
        self._thread.join()
        self.http.socket.close()
        for connection in list(self.http.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)  # those that were kept
            except OSError:
                pass
