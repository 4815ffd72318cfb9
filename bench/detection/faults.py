"""The kinds of fault, and the wave that makes one after another and takes the time to the verdict."""

import random

from checkers import CONTINUE, KILL, STOP, TERM
from world import MS, S, now

BOTH = ("to", "from")
PATIENCE = 40 * S  # a fault that is not found within this is not found at all


class Fault:
    """How to hurt a target and how to heal it.  `verdict`: the state that says that it was found."""

    verdict = "down"
    away = (100 * MS, 500 * MS)  # how long it stays hurt after the verdict
    restarts = False  # time from listening to "up" is taken too
    speaks = False  # the agent itself tells of it: time from its first packet on is taken too
    starts = False  # healing starts processes: one at a time, and no fault meanwhile, for that takes CPU

    def inject(self, target):
        """Returns the instant just before."""
        raise NotImplementedError

    def heal(self, target):
        raise NotImplementedError


class Cut(Fault):
    def __init__(self, ways):
        self.ways = ways

    def inject(self, target):
        begun = now()
        target.cut(self.ways, True)
        return begun

    def heal(self, target):
        target.cut(self.ways, False)


class Signal(Fault):
    """A signal to the agent or to the application; SIGCONT heals it."""

    def __init__(self, whom):
        self.whom = whom

    def inject(self, target):
        begun = now()
        getattr(target, self.whom).send_signal(STOP)
        return begun

    def heal(self, target):
        getattr(target, self.whom).send_signal(CONTINUE)


class Kill(Fault):
    """The agent (QHCP) or the application (HAProxy) goes, and is started again after a while."""

    away = (100 * MS, 3 * S)
    restarts = starts = True

    def __init__(self, whom, number=KILL, verdict="down", speaks=False):
        self.whom, self.number, self.verdict, self.speaks = whom, number, verdict, speaks

    def inject(self, target):
        begun = now()
        getattr(target, self.whom).send_signal(self.number)
        return begun

    def heal(self, target):
        target.world.end(getattr(target, self.whom))
        if self.whom == "agent":
            target.checker.start_agent(target)
        else:
            target.start_app()


class KillWatched(Fault):
    """The application goes; agent and application are started anew, since the process is another."""

    starts = True
    speaks = True

    def inject(self, target):
        begun = now()
        target.app.send_signal(KILL)
        return begun

    def heal(self, target):
        target.world.end(target.agent)
        target.world.end(target.app)
        target.start_app()
        target.checker.start_agent(target)


class Drain(Fault):
    """The operator's word."""

    verdict = "draining"
    speaks = True

    def inject(self, target):
        return target.checker.control(target, "drain")

    def heal(self, target):
        target.checker.control(target, "undrain")


class Wave:
    """`count` faults of one kind over the targets, `gap` apart on the average."""

    def __init__(self, checker, fault, count, gap, seed, live, settle):
        self.checker, self.world, self.fault, self.settle = checker, checker.world, fault, settle
        self.count, self.gap, self.live = count, gap, live
        self.random, self.away = random.Random(seed), fault.away
        self.found, self.back, self.missed = [], [], 0
        self.spoken, self.packets = [], {}  # from the first packet to the verdict; target: its packets
        self.hurt = {}  # target: instant of its fault
        self.healing = []  # (instant, target)
        self.returning = {}  # target: healed at
        self.false = 0
        self.seen = len(checker.told)

    def take(self):
        """What the checker said since the last time."""
        told, self.seen = self.checker.told[self.seen:], len(self.checker.told)
        for at, target, state in told:
            if target in self.hurt:
                if state == self.fault.verdict and at >= self.hurt[target]:
                    self.found.append(at - self.hurt[target])
                    self.take_first(target, at)
                    del self.hurt[target]
                    self.heal_later(target, at)
            elif target in self.returning:
                if state == "up":
                    del self.returning[target]
                    if self.fault.restarts:
                        self.back.append(at - target.listening)
            elif state == "down" and not any(t is target for _, t in self.healing):
                self.false += 1

    def take_first(self, target, at):
        if target in self.packets:
            first = self.packets.pop(target).first(self.hurt[target])
            if first is None or first > at:
                raise RuntimeError("a verdict without a packet that could have told of it")
            self.spoken.append(at - first)

    def heal_later(self, target, at):
        self.healing.append((at + self.random.randint(*self.away), target))

    def heal_due(self):
        for entry in sorted((e for e in self.healing if e[0] <= now()), key=lambda e: e[0]):
            if self.fault.starts and self.returning:
                return
            self.healing.remove(entry)
            target = entry[1]
            if target.state != "up" or self.fault.starts:
                self.returning[target] = now()
            self.fault.heal(target)

    def give_up(self):
        for target, at in list(self.hurt.items()):
            if now() - at > PATIENCE:
                del self.hurt[target]
                self.missed += 1
                self.heal_later(target, now())

    def ready(self):
        if self.fault.starts and self.returning:
            return []
        busy = {t for _, t in self.healing} | set(self.hurt) | set(self.returning)
        settled = now() - self.settle
        return [t for t in self.checker.targets
                if t.state == "up" and t.since < settled and t not in busy]

    def step(self, until):
        self.world.pump(until)
        self.take()
        self.heal_due()
        self.give_up()

    def run(self):
        made, due, last = 0, now(), now()
        while made < self.count or self.hurt or self.healing or self.returning:
            coming = [at for at, _ in self.healing] + ([due] if made < self.count else [])
            self.step(min([now() + 5 * MS, *coming]))
            if made < self.count and now() >= due:
                targets = self.ready()
                if not targets and now() - last > 2 * PATIENCE:
                    raise RuntimeError("no server stays up for long enough to be hurt")
                if not targets:
                    continue
                last = now()
                target = self.random.choice(targets)
                if self.fault.speaks:
                    self.packets[target] = self.checker.packets(target)
                self.hurt[target] = 0  # whatever comes while it is being hurt counts
                self.hurt[target] = self.fault.inject(target)
                made += 1
                due = now() + int(self.random.expovariate(1 / self.gap))
                self.live(f"{made} of {self.count}")
            if any(now() - at > PATIENCE for at in self.returning.values()):
                raise RuntimeError("a server that was healed is not up again")
        return self


KINDS = {  # name in the table: (fault for QHCP, fault for HAProxy)
    "drain": (Drain(), None),
    "stop": (Kill("agent", TERM, "draining", speaks=True), Kill("app", TERM)),
    "app-kill": (KillWatched(), Kill("app")),
    "agent-kill": (Kill("agent"), None),
    "agent-kill-no-icmp": (Kill("agent"), None),
    "cut": (Cut(BOTH), Cut(BOTH)),
    "cut-to": (Cut(("to",)), Cut(("to",))),
    "cut-from": (Cut(("from",)), Cut(("from",))),
    "sigstop": (Signal("agent"), Signal("app")),
    "hung": (Signal("app"), None),
    "cut-5": (Cut(BOTH), Cut(BOTH)),
    "cut-20": (Cut(BOTH), Cut(BOTH)),
}
