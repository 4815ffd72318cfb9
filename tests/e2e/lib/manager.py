"""A stand-in for the service manager's ears: what a process tells by sd_notify(3), message by message."""

import os
import socket
import time

from lib.case import SLOW
from lib.process import PATIENCE


class Ears:
    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []  # of each message: what is set, by name

    def env(self, **more):
        return {"NOTIFY_SOCKET": self.path, **more}

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def wait(self, wanted, within, since=0):
        """(index, message) of the first message from `since` on for which wanted(message) is true."""
        deadline, index = time.monotonic() + max(within * SLOW, PATIENCE), since
        while True:
            while index < len(self.heard):
                if wanted(self.heard[index]):
                    return index, self.heard[index]
                index += 1
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"not told in {within} s: {self.heard}") from None
            self.heard.append(dict(line.split("=", 1) for line in text.splitlines()))

    def wait_for(self, name, within, since=0):
        return self.wait(lambda message: name in message, within, since)
