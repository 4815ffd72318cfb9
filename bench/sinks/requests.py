"""Clients' requests through a HAProxy, one after the other, and which server each of them got."""

import multiprocessing
import selectors
import socket
import time


def serve(listeners):
    """Data servers: each tells its number, and closes."""
    with selectors.DefaultSelector() as ready:
        for number, listener in enumerate(listeners, 1):
            listener.setblocking(False)
            ready.register(listener, selectors.EVENT_READ, b"%d" % number)
        while True:
            for key, _ in ready.select():
                try:
                    client, _ = key.fileobj.accept()
                except BlockingIOError:
                    continue
                client.sendall(key.data)
                client.close()


def ask(port, rate, log):
    """rate requests a second; each as (when it began in unix ns, the number of its server; 0: none)."""
    due = time.monotonic()
    while True:
        due += 1 / rate
        time.sleep(max(0, due - time.monotonic()))
        begun = time.time_ns()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
                server = int(s.recv(10) or 0)
        except OSError:
            server = 0
        log.send((begun, server))


class Requests:
    """Data servers, from the start on; and clients, from begin on."""

    def __init__(self, servers):
        self.listeners = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(servers)]
        self.ports = [s.getsockname()[1] for s in self.listeners]
        self.seen, self.processes = [], [multiprocessing.Process(target=serve, args=(self.listeners,), daemon=True)]
        self.processes[0].start()

    def begin(self, port, rate):
        self.log, theirs = multiprocessing.Pipe(duplex=False)
        self.processes.append(multiprocessing.Process(target=ask, args=(port, rate, theirs), daemon=True))
        self.processes[1].start()

    def read(self):
        """All requests that have ended, the oldest first."""
        while self.log.poll():
            self.seen.append(self.log.recv())
        return self.seen

    def close(self):
        for p in self.processes:
            p.terminate()
            p.join()
        for s in self.listeners:
            s.close()


def avoided(seen, number, verdict, until):
    """Milliseconds from the verdict to the last request that server `number` got before `until`, and to
    the first one that avoided it: the next one in whose turn it would have been.  In unix ns.

    None: it got no request before the verdict, or there is none after that turn."""
    seen = [(at, server) for at, server in seen if at < until]
    last = max((i for i, (_, server) in enumerate(seen) if server == number), default=None)
    turn = len({server for _, server in seen if server})
    if last is None or last + turn >= len(seen):
        return None
    return (seen[last][0] - verdict) / 1e6, (max(seen[last + turn][0], verdict) - verdict) / 1e6
