"""What becomes of odd, broken and hostile PDFs: each must end in a result or in one line that says why, within 10 s.

    python hostile_pdfs.py FOLDER [--ocr auto] [--limit 10] [--slowest 5]

Every file goes through a docq of its own, one after the other, with text recognition. Exit 1 when a file took longer than the
limit, ended without a message, left half a result, or made docq itself crash.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

DOCQ = ".build/release/docq"


def outcome(path, options):
    """Seconds, "result" or the message, and what is wrong with it (or None)."""
    out = tempfile.mkdtemp()
    command = [DOCQ, "ingest", str(path), "--ocr", options.ocr, "--format", "json,markdown", "-o", out]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10 * options.limit)
    except subprocess.TimeoutExpired:
        return 10 * options.limit, "", "never ended"
    seconds = time.perf_counter() - start
    written = [p.name for p in pathlib.Path(out).iterdir()]
    shutil.rmtree(out)
    lines = [line for line in done.stderr.splitlines() if line.startswith("docq: ")]
    wrong = None
    if done.returncode == 0:
        whole = {path.stem + ".json", path.stem + ".md"}
        if not whole <= set(written):
            wrong = f"wrote {written} only"
    elif done.returncode not in (1, 3):
        wrong = f"exit status {done.returncode}"
    elif len(lines) != 1 or path.name not in lines[0]:
        wrong = f"no clear message: {done.stderr[-300:]!r}"
    elif written:
        wrong = f"left {written}"
    if wrong is None and seconds > options.limit:
        wrong = f"took {seconds:.1f} s"
    return seconds, "result" if done.returncode == 0 else lines[-1] if lines else "", wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--ocr", default="auto")
    parser.add_argument("--limit", type=float, default=10, help="seconds for a file")
    parser.add_argument("--slowest", type=int, default=5)
    options = parser.parse_args()
    files = sorted(pathlib.Path(options.folder).rglob("*.pdf"))
    if not files:
        sys.exit(f"no PDF in {options.folder}")
    found = [(path, *outcome(path, options)) for path in files]
    results = sum(message == "result" for _, _, message, _ in found)
    print(f"{len(found)} files: {results} results, {len(found) - results} errors")
    for path, seconds, message, _ in sorted(found, key=lambda f: -f[1])[: options.slowest]:
        print(f"{seconds:6.1f} s  {path.name}: {message}")
    wrong = [(path.name, why) for path, _, _, why in found if why]
    for name, why in wrong:
        print(f"NOT AS PROMISED  {name}: {why}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
