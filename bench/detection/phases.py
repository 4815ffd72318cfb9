"""What is measured in which order, and what was asked of it."""

from contextlib import contextmanager

from checkers import CONTINUE, STOP, Haproxy, Qhcp
from faults import KINDS, Wave
from table import percentile, show, three
from world import MS, S, now

GAP = 120 * MS  # between two faults, so that few servers are hurt at once
FEW = 10  # servers of HAProxy at 10 ms: more would take the machine

TITLES = {
    "drain": ("operator drains, from its first packet", "p99 2 ms"),
    "stop": ("asked to stop, from its first packet (HAProxy: application ends)", "p99 2 ms"),
    "app-kill": ("watched application killed", "p99 5 ms"),
    "agent-kill": ("agent killed, ICMP comes through", "105 ms"),
    "agent-kill-no-icmp": ("agent killed, ICMP filtered", "175 ms"),
    "cut": ("cut off, both ways", "175 ms"),
    "cut-to": ("cut off, towards the server", "175 ms"),
    "cut-from": ("cut off, from the server", "175 ms"),
    "sigstop": ("agent stopped (HAProxy: application)", "175 ms"),
    "hung": ("application hangs, asked by the agent", "155 ms"),
    "cut-5": ("cut off, 5 % lost each way", "p50 2 x no loss"),
    "cut-20": ("cut off, 20 % lost each way", "p50 3 x no loss"),
    "back": ("restarted: from listening to up", "50 ms"),
}
LIMITS = {"drain": (0.99, 2), "stop": (0.99, 2), "app-kill": (0.99, 5), "agent-kill": (1, 105),
          "agent-kill-no-icmp": (1, 175), "cut": (1, 175), "cut-to": (1, 175), "cut-from": (1, 175),
          "sigstop": (1, 175), "hung": (1, 155), "back": (1, 50)}
FROM_FIRST_PACKET = ("drain", "stop")  # what was asked; the others count from the fault itself
TIMES = {"cut-5": 2, "cut-20": 3}
LOSS = {"cut-5": 5, "cut-20": 20}
QUICK = ("cut",)  # all that HAProxy is given in a short run: it takes its time
WHOLE = ("false", "lb-stop", "cut-all")


def few(o):
    return min(FEW, o.servers)


def words(times):
    return " / ".join(map(show, three(times)))


class Result:
    """A row: `times` by checker, in nanoseconds; or what was counted, in words."""

    def __init__(self, key, title, asked):
        self.key, self.title, self.asked = key, title, asked
        self.times, self.notes = {}, []
        self.whole = self.met = True

    def add(self, checker, times, missed=0, false=0):
        self.times[checker] = times
        if missed:
            self.notes.append(f"{checker}: {missed} not found")
        if false:
            self.notes.append(f"{checker}: {false} false verdicts meanwhile")
        if checker == "QHCP":
            self.whole = not missed and not false
        else:
            self.whole = self.whole and not (missed and not false)

    def judge(self, baseline):
        times = self.times.get("QHCP")
        if times and self.key in LIMITS:
            share, limit = LIMITS[self.key]
            self.met = percentile(times, share) <= limit
        elif times and baseline:
            self.met = percentile(times, 0.5) <= TIMES[self.key] * percentile(baseline, 0.5)

    @property
    def summary(self):
        found = ", ".join(f"{name} {len(times)} found, p50 {percentile(times, 0.5) or 0:.1f} ms"
                          for name, times in self.times.items())
        return "; ".join(filter(None, [found, *self.notes]))

    def row(self):
        cells = [self.title, self.asked]
        for name in ("QHCP", "HAProxy 1s", "HAProxy 10ms"):
            cells += three(self.times.get(name))
            if name == "QHCP":
                cells.append("yes" if self.met and self.whole else "NO")
        return cells


def wave(checker, key, o, live, which):
    fault = KINDS[key][which]
    made = Wave(checker, fault, o.faults, GAP * 2 if fault.starts else GAP, f"{o.seed} {key}",
                lambda text: live(f"{checker.name}, {TITLES[key][0]}: {text}"),
                0 if key in LOSS else checker.settle)  # with loss HAProxy's come and go all the time
    if o.quick:
        made.away = (50 * MS, 150 * MS)
    return made.run()


def lose(checker, key, o):
    """With loss: and until the detector has learned of it (512 checks are what it remembers)."""
    checker.world.nft.lose(LOSS.get(key, 0))
    if key in LOSS:
        learn = 60 * S if isinstance(checker, Qhcp) else 2 * S
        checker.world.pump(now() + (S // 2 if o.quick else learn))


def waves(checker, o, live, which, results, keys):
    for key in keys:
        if key not in o.only or KINDS[key][which] is None:
            continue
        checker.world.nft.filter_icmp(key == "agent-kill-no-icmp")
        lose(checker, key, o)
        w = wave(checker, key, o, live, which)
        checker.world.nft.lose(0)
        checker.world.nft.filter_icmp(False)
        row = results.setdefault(key, Result(key, *TITLES[key]))
        first = w.spoken and key in FROM_FIRST_PACKET
        row.add(checker.name, w.spoken if first else w.found, w.missed, w.false)
        if w.spoken:
            row.notes.append(f"{checker.name} from the fault itself {words(w.found)}, from the agent's first "
                             f"packet {words(w.spoken)}")
        if w.back and not LOSS.get(key):
            back = results.setdefault("back", Result("back", *TITLES["back"]))
            back.times.setdefault(checker.name, []).extend(w.back)


def stop_lb(checker, o, live):
    """Nobody is called down because the load balancer itself did not run for five seconds."""
    seconds = 1 if o.quick else 5
    r = Result("lb-stop", f"load balancer stopped for {seconds} s, then continued", "no false verdict")
    seen = len(checker.told)
    live(r.title)
    checker.lb.send_signal(STOP)
    checker.world.pump(now() + seconds * S)
    checker.lb.send_signal(CONTINUE)
    checker.world.pump(now() + 3 * seconds * S)
    false = [s for _, _, s in checker.told[seen:] if s != "up"]
    r.notes.append(f"{len(false)} false verdicts on {len(checker.targets)} servers")
    r.met = r.whole = not false
    return r


def cut_all(checker, live):
    """All at once, for two seconds."""
    r = Result("cut-all", "all servers cut off for 2 s", "up within 1 s, no handshake storm")
    nft, seen, n = checker.world.nft, len(checker.told), len(checker.targets)
    live(r.title)
    nft.dials()
    nft.cut_all(True)
    checker.world.pump(now() + 2 * S)
    nft.answered()
    nft.cut_all(False)
    healed = now()
    checker.world.pump(healed + S)
    up = [t for t in checker.targets if t.state == "up"]
    heard, dials = nft.answered(), nft.dials()
    told = checker.told[seen:]
    back = max([at - healed for at, _, s in told if s == "up" and at > healed], default=0)
    r.notes.append(f"{sum(s == 'down' for _, _, s in told)} were called down; 1 s later {len(up)} of {n} "
                   f"are up and {heard} have answered, the last verdict {back / MS:.0f} ms after; "
                   f"{dials} packets that begin handshakes")
    r.met = r.whole = len(up) == n and heard == n and dials <= n // 10
    return r


def false_verdicts(checker, o, directory, live):
    """Loss and no faults, for everybody at the same time."""
    r = Result("false", f"false verdicts at 5 % lost each way, {o.minutes:g} min", "QHCP: none")
    world, others = checker.world, []
    if o.haproxy:
        others = [Haproxy(world, directory, o.fleet, "HAProxy 1s", "inter 1s fall 3 rise 2"),
                  Haproxy(world, directory, few(o), "HAProxy 10ms", "inter 10ms fall 1 rise 2", "10ms")][o.quick:]
        for other in others:
            other.start(apps=False)
    watched = [checker, *others]
    begun = [len(c.told) for c in watched]
    world.nft.lose(5)
    end = now() + int(o.minutes * 60 * S)
    while now() < end:
        live(f"{r.title}: {(end - now()) // S} s left")
        world.pump(min(end, now() + S))
    world.nft.lose(0)
    for c, n in zip(watched, begun):
        downs = sum(s == "down" for _, _, s in c.told[n:])
        hours = len(c.targets) * o.minutes / 60
        r.notes.append(f"{c.name}: {downs} on {len(c.targets)} servers, {downs / hours:.2f} per "
                       "server-hour")
        if c is checker:
            r.met = r.whole = downs == 0
    for other in others:
        world.end(other.haproxy)
    return r


@contextmanager
def started(world, directory, count, checked=False):
    """A load balancer and its servers, all of them up for a while."""
    checker = Qhcp(world, directory / "state", count, checked)
    checker.start()
    world.pump(now() + world.calm)
    yield checker
    checker.close()


def qhcp(world, o, directory, live, results):
    kinds = [k for k in KINDS if k != "hung"]
    if any(k in o.only for k in kinds):
        with started(world, directory, o.servers) as checker:
            waves(checker, o, live, 0, results, kinds)
    if "hung" in o.only:
        with started(world, directory, o.servers, checked=True) as checker:
            waves(checker, o, live, 0, results, ["hung"])
    if any(k in o.only for k in WHOLE):
        with started(world, directory, o.fleet) as checker:
            for name, phase in (("lb-stop", lambda: stop_lb(checker, o, live)),
                                ("cut-all", lambda: cut_all(checker, live)),
                                ("false", lambda: false_verdicts(checker, o, directory, live))):
                if name in o.only:
                    results[name] = phase()


def haproxy(world, o, directory, live, results):
    for name, options, timeout, count in (
            ("HAProxy 1s", "inter 1s fall 3 rise 2", None, o.servers),
            ("HAProxy 10ms", "inter 10ms fall 1 rise 2", "10ms", few(o)))[o.quick:]:
        checker = Haproxy(world, directory, count, name, options, timeout)
        checker.start()
        waves(checker, o, live, 1, results, QUICK if o.quick else list(KINDS))
        checker.close()


def run(world, o, directory, live):
    """The results, in the order of the table."""
    results = {}
    (directory / "state").mkdir(mode=0o700)
    qhcp(world, o, directory, live, results)
    if o.haproxy and any(k in o.only and KINDS[k][1] for k in KINDS):
        haproxy(world, o, directory, live, results)
    baseline = results["cut"].times.get("QHCP") if "cut" in results else None
    for r in results.values():
        r.judge(baseline)
    order = [*TITLES, *WHOLE]
    return sorted(results.values(), key=lambda r: order.index(r.key))
