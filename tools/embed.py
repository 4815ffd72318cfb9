#!/usr/bin/env python3
"""Writes files as arrays of C: what a binary serves from memory.

    embed.py OUT.c NAME=FILE ...

Each becomes a row of `admin_page_files` (src/admin/admin_page.h): its name, content type, ETag and bytes.
"""

import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}


def main():
    rows, arrays = [], []
    for i, argument in enumerate(sys.argv[2:]):
        name, _, path = argument.partition("=")
        data = pathlib.Path(path).read_bytes()
        lines = ["    " + ",".join(map(str, data[at:at + 32])) + "," for at in range(0, len(data), 32)]
        arrays.append(f"static const unsigned char file_{i}[] = {{\n" + "\n".join(lines) + "\n};\n")
        tag = hashlib.sha256(data).hexdigest()[:16]
        rows.append(f'    {{"{name}", "{TYPES[pathlib.Path(name).suffix]}", "\\"{tag}\\"", file_{i}, sizeof file_{i}}},')
    pathlib.Path(sys.argv[1]).write_text(
        '#include "admin/admin_page.h"\n\n' + "\n".join(arrays) +
        "\nconst struct admin_page_file admin_page_files[] = {\n" + "\n".join(rows) + "\n    {.name = NULL},\n};\n",
        encoding="ascii")


if __name__ == "__main__":
    main()
