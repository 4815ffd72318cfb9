"""The example of docs/balancing.md: an algorithm is one new file and one row."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "balancing.md"

# Two servers, one of them busy; a draw of two finds the other three times in four.
PROGRAM = r"""
#include "balance/balance.h"
#include <stdio.h>

int main(void)
{
    static struct load loads[3];
    static _Alignas(BALANCE_ALIGN) char mem[65536], own[4096];
    struct fleet_server servers[2] = {
        {.load = &loads[0], .weight = 1, .share = FLEET_SHARE, .utilization = 900},
        {.load = &loads[1], .slot = 1, .weight = 1, .share = FLEET_SHARE, .utilization = 100}};
    struct fleet fleet = {.servers = servers, .n = 2, .slots = 2, .all = &loads[2]};
    const struct balance_algorithm *a = balance_find("NAME");
    struct balance_request request = {0};
    struct balance_worker *w;
    unsigned idle = 0;

    if (!a || balance_size(a, 2) > sizeof mem)
        return 1;
    w = balance_worker_init(own, balance_init(mem, a, &fleet), NULL, 1);
    for (unsigned i = 0; i < 1000; i++)
        idle += balance_pick(w, &request) == 1;
    printf("%u\n", idle);
    return 0;
}
"""


def listed():
    text = (ROOT / "src/balance/meson.build").read_text(encoding="utf-8")
    return re.findall(r"'(\w+)'", re.search(r"algorithms = \[(.*?)\]", text, re.DOTALL).group(1))


class Example(unittest.TestCase):
    def build(self, names, example):
        """Builds base, fleet and balance with these rows and this file, as meson would; what the
        program prints."""
        with tempfile.TemporaryDirectory() as directory:
            tree = Path(directory)
            for folder in ("base", "fleet", "balance"):
                shutil.copytree(ROOT / "src" / folder, tree / folder)
            rows = " ".join(f"ROW({name})" for name in names)
            header = (tree / "balance/algorithms.h.in").read_text(encoding="utf-8")
            (tree / "balance/algorithms.h").write_text(header.replace("@ROWS@", rows), encoding="utf-8")
            (tree / f"balance/{names[-1]}.c").write_text(example, encoding="utf-8")
            (tree / "main.c").write_text(PROGRAM.replace("NAME", names[-1].replace("_", "-")),
                                         encoding="utf-8")
            (tree / "fleet/change_json.c").unlink()  # it is for people, and wants more of base
            sources = [*sorted((tree / "balance").glob("*.c")), *(tree / "fleet").glob("*.c"),
                       tree / "base/slots.c"]
            done = subprocess.run(
                ["cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I", tree, "-I",
                 ROOT / "include", "-o", tree / "x", tree / "main.c", *sources],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return subprocess.run([tree / "x"], capture_output=True, text=True, check=True).stdout

    def test_the_example_is_built_found_by_its_name_and_picks(self):
        text = PAGE.read_text(encoding="utf-8")
        example = re.search(r"```c\n(.*?)```", text, re.DOTALL).group(1)
        row = re.search(r"one row in `src/balance/meson.build`: `'(\w+)'`", text).group(1)
        idle = int(self.build([*listed(), row], example))
        self.assertTrue(700 < idle < 800, idle)

    def test_the_page_s_table_has_every_algorithm_and_no_other(self):
        text = PAGE.read_text(encoding="utf-8")
        table = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
        self.assertEqual(table, [name.replace("_", "-") for name in listed()])
