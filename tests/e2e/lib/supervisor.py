"""A stand-in for the service manager: it starts a command again as a systemd unit says.

Of the unit it obeys Restart= (always, on-failure), RestartSec= (ms), RestartPreventExitStatus= and
StartLimitIntervalSec=0 (systemd.service(5), systemd.unit(5)), which is what the shipped ones use; any
other value is an error, so that a change of a unit is a change here."""

import subprocess
import threading


def read_unit(path):
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings[key] = value
    if settings["Restart"] != "always" or settings["StartLimitIntervalSec"] != "0":
        raise ValueError(f"{path}: this stand-in knows Restart=always without a limit")
    if not settings["RestartSec"].endswith("ms"):
        raise ValueError(f"{path}: this stand-in knows RestartSec= in ms")
    return settings


class Supervisor:
    def __init__(self, unit, command, log, env):
        settings = read_unit(unit)
        self._wait = int(settings["RestartSec"][:-2]) / 1000
        self._never = {int(n) for n in settings["RestartPreventExitStatus"].split()}
        self._command, self._log, self._env = command, log, env
        self.ends, self.process, self._stopping, self._starts = [], None, threading.Event(), 0
        self._started = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stopping.is_set():
            with open(self._log, "ab") as log, self._started:
                self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, env=self._env)
                self._starts += 1
                self._started.notify_all()
            self.ends.append(self.process.wait())
            if self.ends[-1] in self._never:
                return
            self._stopping.wait(self._wait)

    def kill(self, number):
        """Ends the process by a signal; returns when the next one has been started."""
        with self._started:
            count = self._starts
            self.process.send_signal(number)
            return self._started.wait_for(lambda: self._starts > count, 30)

    def ended(self, within):
        """Whether it has given up by then."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def close(self):
        self._stopping.set()
        if self.process and self.process.poll() is None:
            self.process.kill()
        self._thread.join(10)
