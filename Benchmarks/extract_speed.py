"""Documents per second of reading the fields of born-digital invoices: docq extract, invoice2data, pdftotext -layout alone.

    python extract_speed.py FOLDER [--rounds 3] [--limit 100] [--docq .build/release/docq]

Every tool runs as people run it: docq and invoice2data one process for all files, pdftotext one process per file. docq runs
with its model and rules, and with rules alone; both read the page (--ignore-embedded) and not an embedded electronic invoice.
invoice2data reads text with pdftotext and tries the templates that it brings; where none fits it finds nothing, which is
counted as work done. Rounds alternate between the tools; the fastest round of each counts. Files that pdftotext finds no text
in are left out: they would need text recognition.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

INVOICE2DATA = """
import sys, logging
logging.disable(logging.CRITICAL)
from invoice2data import extract_data
from invoice2data.extract.loader import read_templates
from invoice2data.input import pdftotext
templates = read_templates()
found = 0
for path in sys.argv[1:]:
    try:
        found += 1 if extract_data(path, templates=templates, input_module=pdftotext) else 0
    except Exception:
        pass
print(found)
"""


def seconds(command):
    start = time.perf_counter()
    process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed")
    return time.perf_counter() - start


def has_text(path):
    shown = subprocess.run(["pdftotext", path, "-"], capture_output=True)
    return shown.returncode == 0 and len(shown.stdout.split()) > 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--docq", default=".build/release/docq")
    options = parser.parse_args()
    files = [str(path) for path in sorted(pathlib.Path(options.folder).rglob("*.pdf")) if has_text(str(path))][: options.limit]
    if not files:
        sys.exit(f"{options.folder}: no PDF with text in it")
    extract = [options.docq, "extract", "--ignore-embedded", "--format", "jsonl", "-o", os.devnull]
    tools = {
        "docq extract": [*extract, *files],
        "docq extract --model rules": [*extract, "--model", "rules", *files],
        "invoice2data": [sys.executable, "-c", INVOICE2DATA, *files],
        "pdftotext -layout": ["sh", "-c", 'for f in "$@"; do pdftotext -layout "$f" /dev/null || exit 1; done', "sh", *files],
    }
    best = dict.fromkeys(tools, float("inf"))
    for _ in range(options.rounds):
        for name, command in tools.items():
            best[name] = min(best[name], seconds(command))
    rate = {name: len(files) / best[name] for name in tools}
    print(f"{len(files)} documents, best of {options.rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in tools:
        print(f"{name:28s} {rate[name]:8.1f} documents/s   {rate[name] / rate['invoice2data']:6.2f} x invoice2data")


if __name__ == "__main__":
    main()
