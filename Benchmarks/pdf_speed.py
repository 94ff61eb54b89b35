"""Pages per second and peak memory of reading PDFs: docq, pdftotext -bbox-layout, pymupdf4llm and pymupdf-layout.

    python pdf_speed.py FOLDER [--rounds 3] [--ocr never] [--memory 2000 --figure memory.svg]

Every tool runs as people run it: one command for docq, one process per file for pdftotext, one process that converts all
files for pymupdf4llm and for pymupdf-layout (the same call after `import pymupdf.layout`, which brings its learned layout).
Rounds alternate between the tools; the fastest round of each counts. Files that a tool cannot read are left out for all.
docq is timed with its learned layout, once for JSON and once for Markdown with pictures of the figures; "both" is the rate of
doing one after the other, the whole work twice. --ocr auto adds text recognition of pages without text to docq's work, which
the others do not do.

--memory N joins the files to one document of at least N pages and writes docq's memory over time as SVG.
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


def commands(files, out, options):
    per_file = "for f in \"$@\"; do pdftotext -bbox-layout \"$f\" /dev/null || exit 1; done"
    tools = {
        "docq ingest --format json": [DOCQ, "ingest", *files, "--ocr", options.ocr, "--layout", options.layout, "--format", "json", "-o", out],
        "docq ingest --format markdown": [DOCQ, "ingest", *files, "--ocr", options.ocr, "--layout", options.layout, "--format", "markdown", "-o", out],
        "pdftotext -bbox-layout": ["sh", "-c", per_file, "sh", *files],
        "pymupdf4llm": [sys.executable, "-c", MARKDOWN, *files],
    }
    if options.layout_python:
        tools["pymupdf-layout"] = [options.layout_python, "-c", LAYOUT, *files]
    return tools


def long_document(files, options):
    """Resident memory of docq and its children while it reads one long document, every 0.2 s."""
    work = tempfile.mkdtemp()
    files = [path for path in files if subprocess.run(["pdfunite", path, path, f"{work}/try.pdf"], stderr=subprocess.DEVNULL).returncode == 0]
    once = sum(map(pages, files))
    subprocess.run(["pdfunite", *(files * -(-options.memory // once)), f"{work}/long.pdf"], check=True, stderr=subprocess.DEVNULL)
    count = pages(f"{work}/long.pdf")
    start = time.perf_counter()
    process = subprocess.Popen([DOCQ, "ingest", f"{work}/long.pdf", "--ocr", "never", "--layout", options.layout, "-o", work], stderr=subprocess.DEVNULL)
    samples = []
    while process.poll() is None:
        samples.append((time.perf_counter() - start, resident(process.pid)))
        time.sleep(0.2)
    shutil.rmtree(work)
    seconds = time.perf_counter() - start
    peak = {part: max(sample[1][part] for sample in samples) for part in ("docq", "parsers")}
    print(f"{count} pages in {seconds:.1f} s ({count / seconds:.1f} pages/s); peak MiB: docq {peak['docq']:.0f}, "
          f"its parsers together {peak['parsers']:.0f}")
    top = max(max(s[1].values()) for s in samples) * 1.1
    lines = []
    for part, color in (("docq", "#1d4ed8"), ("parsers", "#b91c1c")):
        points = " ".join(f"{60 + 520 * t / seconds:.1f},{260 - 230 * m[part] / top:.1f}" for t, m in samples)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    pathlib.Path(options.figure).write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 300" font-family="sans-serif" font-size="12">'
        '<rect width="600" height="300" fill="#fff"/><path d="M60 20V260H590" fill="none" stroke="#444"/>'
        f'<text x="55" y="34" text-anchor="end">{top:.0f} MiB</text><text x="55" y="262" text-anchor="end">0</text>'
        f'<text x="590" y="276" text-anchor="end">{seconds:.0f} s, {count} pages</text>'
        '<text x="70" y="34" fill="#1d4ed8">docq</text><text x="70" y="50" fill="#b91c1c">parser processes</text>'
        + "".join(lines) + "</svg>\n"
    )


def resident(pid):
    """MiB of a process, and of all processes below it that are no zombies."""
    table = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            table[int(entry.name)] = (int(stat[1]), int(stat[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
        except (OSError, IndexError):
            pass
    below, found = [pid], set()
    while below:
        parent = below.pop()
        for child, (owner, _) in table.items():
            if owner == parent and child not in found:
                found.add(child)
                below.append(child)
    return {"docq": table.get(pid, (0, 0))[1], "parsers": sum(table[c][1] for c in found)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ocr", default="never")
    parser.add_argument(
        "--layout-python", help="a Python with pdf-layout-requirements.txt, to measure pymupdf-layout as well"
    )
    parser.add_argument("--layout", default="model", help="docq's layout: model, rules or a folder")
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--figure", default="memory.svg")
    options = parser.parse_args()
    out = tempfile.mkdtemp()
    if options.memory:
        return long_document(sorted(map(str, pathlib.Path(options.folder).rglob("*.pdf"))), options)
    files, left_out = [], []
    for path in sorted(map(str, pathlib.Path(options.folder).rglob("*.pdf"))):
        try:
            for command in commands([path], out, options).values():
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
        for name, command in commands(files, out, options).items():
            seconds, memory = measure(command)
            best[name] = min(best.get(name, (1e9, 0)), (seconds, memory))
    shutil.rmtree(out)
    own = best["docq ingest --format json"][0]
    print(f"{'':32}{'pages/s':>10}{'docq is':>12}{'peak MiB':>10}")
    for name, (seconds, peak) in best.items():
        print(f"{name:32}{total / seconds:10.1f}{seconds / own:11.2f}x{peak:10.0f}")
    both = own + best["docq ingest --format markdown"][0]
    print(f"docq, JSON and then Markdown {total / both:13.1f} pages/s")


if __name__ == "__main__":
    main()
