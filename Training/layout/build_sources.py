"""LaTeX documents that exist as sources, labelled by `docq annotate`.

    python build_sources.py -o CORPUS FOLDER... [--docq docq] [--shard 0/1]

Every .tex file with \\documentclass and \\begin{document} below the folders is tried; each that can be labelled becomes
CORPUS/NAME-HASH/{document.pdf, labels.json}. Why others cannot goes to CORPUS/refused.tsv; neither is tried again. On Debian, the
sources of the samples and manuals of TeX packages come with texlive-publishers-doc, texlive-science-doc and texlive-humanities-doc.
"""
import argparse, hashlib, os, re, subprocess, sys, tempfile, time
from convert_annotation import convert


def main_files(folders):
    for folder in folders:
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if not name.endswith(".tex"): continue
                path = os.path.join(place, name)
                with open(path, encoding="utf-8", errors="replace") as f: text = re.sub(r"(?m)(?<!\\)%.*$", "", f.read())
                if re.search(r"\\document(class|style)", text) and "\\begin{document}" in text: yield path


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folders", nargs="+")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--docq", default="docq")
    p.add_argument("--shard", default="0/1", help="K/N: each N-th file from the K-th on, so that several can run at once")
    a = p.parse_args()
    shard, shards = map(int, a.shard.split("/"))
    os.makedirs(a.output, exist_ok=True)
    refused_file = os.path.join(a.output, "refused.tsv")
    refused = {line.split("\t")[0] for line in open(refused_file)} if os.path.exists(refused_file) else set()
    start, pages = time.time(), 0
    for number, path in enumerate(main_files(a.folders)):
        name = re.sub(r"\W+", "-", os.path.splitext(os.path.basename(path))[0]) + "-" + hashlib.sha256(path.encode()).hexdigest()[:8]
        folder = os.path.join(a.output, name)
        if number % shards != shard or name in refused or os.path.exists(os.path.join(folder, "labels.json")): continue
        with tempfile.TemporaryDirectory() as work:
            annotated = os.path.join(work, "annotation")
            try:
                run = subprocess.run([a.docq, "annotate", path, "-o", annotated, "--dpi", "40"], capture_output=True, text=True, timeout=240)
                reason = (run.stderr.strip().splitlines() or ["no reason"])[-1] if run.returncode else ""
            except subprocess.TimeoutExpired: reason = "took too long"
            if reason:
                with open(refused_file, "a") as f: f.write(f"{name}\t{path}\t{reason}\n")
            else: pages += convert(annotated, folder, kind="sources")
        print(f"{number + 1}: {pages} pages, {60 * pages / (time.time() - start):.0f} pages a minute; {name}: {reason or 'labelled'}", file=sys.stderr, flush=True)


if __name__ == "__main__": main()
