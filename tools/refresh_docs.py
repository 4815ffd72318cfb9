#!/usr/bin/env python3
"""Puts the generated tables into a document.

    refresh_docs.py PROTOCOL_TABLES [--check] FILE

Between `<!-- generated: SECTION -->` and `<!-- end -->` stands what `protocol-tables SECTION` prints.
With --check nothing is written, and the result is TAP: not ok names the sections that are stale.
"""

import pathlib
import re
import subprocess
import sys

MARK = re.compile(r"(<!-- generated: ([a-z-]+(?: \w+)?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main():
    program = sys.argv[1]
    check = "--check" in sys.argv
    path = pathlib.Path(sys.argv[-1])
    old = path.read_text(encoding="utf-8")
    stale, count = [], 0

    def section(match):
        nonlocal count
        count += 1
        done = subprocess.run([program, *match[2].split()], check=True, capture_output=True,
                              text=True, encoding="utf-8", timeout=60)
        text = f"{match[1]}{done.stdout}{match[3]}"
        if text != match[0]:
            stale.append(match[2])
        return text

    new = MARK.sub(section, old)
    whole = count > 0 and count == old.count("<!-- generated:")
    if not check:
        path.write_text(new, encoding="utf-8")
        return 0 if whole else 1
    print("TAP version 13\n1..1")
    if stale or not whole:
        print(f"not ok 1 - the tables of {path.name} are those of the source")
        print(f"# stale: {', '.join(stale) or 'a section without its end'}; "
              "run: ninja -C build refresh-docs")
        return 1
    print(f"ok 1 - the {count} tables of {path.name} are those of the source")
    return 0


if __name__ == "__main__":
    sys.exit(main())
