"""Pages per second and memory of reading PDFs: docq, pdftotext -bbox-layout, pymupdf4llm and pymupdf-layout.

    python pdf_speed.py FOLDER [--rounds 3] [--ocr never] [--layout-python PYTHON]
    python pdf_speed.py FOLDER --memory 200,2000 --figure memory.svg

Every tool runs as people run it: one command for docq, one process per file for pdftotext, one process that converts all
files for pymupdf4llm and for pymupdf-layout (the same call after `import pymupdf.layout`, which brings its learned layout).
Rounds alternate between the tools; the fastest round of each counts. Files that a tool cannot read are left out for all.
docq is timed with its learned layout: JSON and Markdown in one pass, with pictures of the figures, and JSON alone. --ocr auto
adds text recognition of pages without text to docq's work, which the others do not do.

--memory joins the files to documents of at least so many pages and measures docq's memory while it writes JSON and Markdown:
the resident memory of docq, and what its parsers hold beside the files that they map, shared pages counted once (Pss_Anon).
The figure shows both over time.
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
MARKDOWN = "import sys, pymupdf4llm\nfor p in sys.argv[1:]: print(len(pymupdf4llm.to_markdown(p, show_progress=False)))"
LAYOUT = "import pymupdf.layout\n" + MARKDOWN


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


BOTH = "docq ingest --format json,markdown"


def commands(files, out, options):
    per_file = "for f in \"$@\"; do pdftotext -bbox-layout \"$f\" /dev/null || exit 1; done"
    docq = [DOCQ, "ingest", *files, "--ocr", options.ocr, "--layout", options.layout, "-o", out, "--format"]
    tools = {
        BOTH: docq + ["json,markdown"],
        "docq ingest --format json": docq + ["json"],
        "pdftotext -bbox-layout": ["sh", "-c", per_file, "sh", *files],
        "pymupdf4llm": [sys.executable, "-c", MARKDOWN, *files],
    }
    if options.layout_python:
        tools["pymupdf-layout"] = [options.layout_python, "-c", LAYOUT, *files]
    return tools


def readable(files, out, options):
    """The files that every tool can read; tools that take all of them at once are not asked about each."""
    for name in commands([], out, options):
        def reads(some):
            try:
                measure(commands(some, out, options)[name])
                return True
            except RuntimeError:
                return False
        if not reads(files):
            files = [path for path in files if reads([path])]
    return files


def joined(files, least, work):
    """A document of at least so many pages, made of the files over and over."""
    once = sum(map(pages, files))
    path = f"{work}/{least}.pdf"
    subprocess.run(["pdfunite", *(files * -(-least // once)), path], check=True, stderr=subprocess.DEVNULL)
    return path


def sampled(path, work, options):
    """Seconds, and samples of (time, MiB of docq, MiB of its parsers), every 0.2 s."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [DOCQ, "ingest", path, "--ocr", "never", "--layout", options.layout, "--format", "json,markdown", "-o", work],
        stderr=subprocess.DEVNULL,
    )
    samples = []
    while process.poll() is None:
        samples.append((time.perf_counter() - start, *memory(process.pid)))
        time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"docq failed on {path}")
    return time.perf_counter() - start, samples


def long_documents(files, options):
    work = tempfile.mkdtemp(dir="/var/tmp")
    # Files that pdfunite refuses are left out.
    files = [
        file for file in files
        if not subprocess.run(["pdfunite", file, file, f"{work}/try.pdf"], stderr=subprocess.DEVNULL).returncode
    ]
    runs = []
    for least in map(int, options.memory.split(",")):
        path = joined(files, least, work)
        seconds, samples = sampled(path, work, options)
        count = pages(path)
        peak = [max(sample[part] for sample in samples) for part in (1, 2)]
        print(f"{count} pages, {os.path.getsize(path) / 2**20:.0f} MiB, in {seconds:.1f} s ({count / seconds:.1f} pages/s); "
              f"peak MiB: docq {peak[0]:.0f}, its parsers {peak[1]:.0f}")
        runs.append((count, seconds, samples))
    shutil.rmtree(work)
    pathlib.Path(options.figure).write_text(drawn(runs))


def drawn(runs):
    """Memory over the share of the pages that is done, one line for each document and part."""
    top = 1.15 * max(max(sample[1:]) for _, _, samples in runs for sample in samples)
    lines, y = [], 34
    for (count, seconds, samples), dashes in zip(runs, ("4 3", "", "1 2")):
        for part, name, color in ((1, "docq", "#1d4ed8"), (2, "parsers", "#b91c1c")):
            points = " ".join(f"{70 + 510 * s[0] / seconds:.1f},{260 - 230 * s[part] / top:.1f}" for s in samples)
            style = f'stroke="{color}" stroke-width="1.5" stroke-dasharray="{dashes}"'
            lines.append(f'<polyline points="{points}" fill="none" {style}/><path d="M400 {y - 4}h24" {style}/>'
                         f'<text x="430" y="{y}">{name}, {count} pages</text>')
            y += 16
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 300" font-family="sans-serif" font-size="12">'
        '<rect width="600" height="300" fill="#fff"/><path d="M70 20V260H590" fill="none" stroke="#444"/>'
        f'<text x="64" y="34" text-anchor="end">{top:.0f} MiB</text><text x="64" y="262" text-anchor="end">0</text>'
        '<text x="590" y="278" text-anchor="end">time from start to end of each document</text>' + "".join(lines) + "</svg>\n"
    )


def memory(pid):
    """Resident MiB of a process, and MiB of no file of all processes below it, where what they share counts once."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            pass
    below, found = [pid], []
    while below:
        parent = below.pop()
        children = [child for child, owner in parents.items() if owner == parent]
        found += children
        below += children
    return kilobytes(pid, "status", "VmRSS") / 1024, sum(kilobytes(c, "smaps_rollup", "Pss_Anon") for c in found) / 1024


def kilobytes(pid, file, key):
    try:
        for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ocr", default="never")
    parser.add_argument(
        "--layout-python", help="a Python with pdf-layout-requirements.txt, to measure pymupdf-layout as well"
    )
    parser.add_argument("--layout", default="model", help="docq's layout: model, rules or a folder")
    parser.add_argument("--memory", help="numbers of pages, with commas")
    parser.add_argument("--figure", default="memory.svg")
    options = parser.parse_args()
    out = tempfile.mkdtemp()
    if options.memory:
        return long_documents(sorted(map(str, pathlib.Path(options.folder).rglob("*.pdf"))), options)
    every = sorted(map(str, pathlib.Path(options.folder).rglob("*.pdf")))
    files = readable(every, out, options)
    left_out = [path for path in every if path not in files]
    total = sum(pages(path) for path in files)
    if not total:
        sys.exit(f"no PDF in {options.folder} that all tools can read")
    print(f"{len(files)} files, {total} pages; {len(left_out)} left out: {' '.join(map(os.path.basename, left_out))}")
    best = {}
    for _ in range(options.rounds):
        for name, command in commands(files, out, options).items():
            seconds, memory = measure(command)
            best[name] = min(best.get(name, (1e9, 0)), (seconds, memory))
    shutil.rmtree(out)
    own = best[BOTH][0]
    print(f"{'':38}{'pages/s':>10}{'docq is':>12}{'peak MiB':>10}")
    for name, (seconds, peak) in best.items():
        print(f"{name:38}{total / seconds:10.1f}{seconds / own:11.2f}x{peak:10.0f}")


if __name__ == "__main__":
    main()
