"""What the tests of `qhcp control` have in common."""

from lib.case import Case


class ControlCase(Case):
    def pair(self, *arguments):
        server = self.server(4243, *arguments)
        lbs = [self.lb(["127.0.0.1:4243"], "--liveness-interval", "2s") for _ in range(2)]
        return server, lbs, [lb.wait_event("up", within=10)[0] for lb in lbs]

    def control(self, *arguments, **options):
        status, out, errors = self.qhcp("control", *arguments, **options)
        self.assertEqual((status, errors), (0, ""))
        return out
