"""Pages per second and peak memory of reading PDFs: docq, pdftotext -bbox-layout and pymupdf4llm on the same files.

    python pdf_speed.py FOLDER [--rounds 3]

Every tool runs as people run it: one command for docq, one process per file for pdftotext, one process that converts all
files for pymupdf4llm. Rounds alternate between the tools; the fastest round of each counts. Files that a tool cannot read
are left out for all. docq and pdftotext write boxes and text; pymupdf4llm writes Markdown, so docq is timed for both.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

DOCQ = ".build/release/docq"
PYMUPDF = "import sys, pymupdf4llm\nfor p in sys.argv[1:]: print(len(pymupdf4llm.to_markdown(p, show_progress=False)))"


def measure(command):
    """Seconds and peak resident MiB of a command with its children; raises where it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[0]} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def pages(path):
    found = subprocess.run(["pdfinfo", path], capture_output=True, text=True)
    for line in found.stdout.splitlines():
        if line.startswith("Pages:"):
            return int(line.split()[1])
    return 0


def commands(files, out):
    per_file = "for f in \"$@\"; do pdftotext -bbox-layout \"$f\" /dev/null || exit 1; done"
    return {
        "docq ingest --format json": [DOCQ, "ingest", *files, "--format", "json", "-o", out],
        "docq ingest --format markdown": [DOCQ, "ingest", *files, "--format", "markdown", "-o", out],
        "pdftotext -bbox-layout": ["sh", "-c", per_file, "sh", *files],
        "pymupdf4llm": [sys.executable, "-c", PYMUPDF, *files],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    out = tempfile.mkdtemp()
    files, left_out = [], []
    for path in sorted(map(str, pathlib.Path(options.folder).rglob("*.pdf"))):
        try:
            for command in commands([path], out).values():
                measure(command)
            files.append(path)
        except RuntimeError:
            left_out.append(path)
    total = sum(pages(path) for path in files)
    if not total:
        sys.exit(f"no PDF in {options.folder} that all tools can read")
    print(f"{len(files)} files, {total} pages; {len(left_out)} left out: {' '.join(map(os.path.basename, left_out))}")
    best = {}
    for _ in range(options.rounds):
        for name, command in commands(files, out).items():
            seconds, memory = measure(command)
            best[name] = min(best.get(name, (1e9, 0)), (seconds, memory))
    shutil.rmtree(out)
    own = best["docq ingest --format json"][0]
    print(f"{'':32}{'pages/s':>10}{'docq is':>12}{'peak MiB':>10}")
    for name, (seconds, memory) in best.items():
        print(f"{name:32}{total / seconds:10.1f}{seconds / own:11.2f}x{memory:10.0f}")


if __name__ == "__main__":
    main()
