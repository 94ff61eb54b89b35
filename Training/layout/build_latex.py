"""Generated LaTeX documents, labelled by `docq annotate`.

    python build_latex.py -o CORPUS --documents 500 [--seed 1] [--first 0] [--docq docq] --impact DIR

Each document becomes CORPUS/latex-NNNNNN/{document.pdf, labels.json}. The same seed and number give the same document; what is there
already is left as it is. A document that does not compile or that docq annotate cannot label faithfully is left out.
"""
import argparse, os, random, shutil, subprocess, sys, tempfile, time
from convert_annotation import convert
from latex_documents import Latex
from text_source import TextSource


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--documents", type=int, default=100)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--docq", default="docq")
    p.add_argument("--impact", required=True, help="folder of train.csv and conference_papers.jsonl.gz, where words come from")
    a = p.parse_args()
    text = TextSource(a.impact)
    start, pages, failed, done = time.time(), 0, 0, 0
    for number in range(a.first, a.first + a.documents):
        folder = os.path.join(a.output, f"latex-{number:06d}")
        if os.path.exists(os.path.join(folder, "labels.json")): continue
        latex = Latex(random.Random(f"{a.seed}/latex/{number}"), text)
        with tempfile.TemporaryDirectory() as work:
            with open(os.path.join(work, "main.tex"), "w", encoding="utf-8") as f: f.write(latex.document())
            annotated = os.path.join(work, "annotation")
            try: run = subprocess.run([a.docq, "annotate", os.path.join(work, "main.tex"), "-o", annotated, "--dpi", "40"], capture_output=True, text=True, timeout=120)
            except subprocess.TimeoutExpired: run = None
            if run is None or run.returncode:
                failed += 1
                print(f"document {number} ({latex.kind}): {run.stderr.strip().splitlines()[-1:] if run else 'time'}", file=sys.stderr)
                continue
            pages += convert(annotated, folder, kind=latex.kind)
            done += 1
        if done % 10 == 0: print(f"{number - a.first + 1} documents, {pages} pages, {60 * pages / (time.time() - start):.0f} pages a minute, {failed} failed", file=sys.stderr, flush=True)


if __name__ == "__main__": main()
