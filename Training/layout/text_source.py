"""Text of the generated documents: abstracts and titles, package descriptions, word lists, code."""
import csv, glob, gzip, json, os, random, re, subprocess

FUNCTION_WORDS = {
    "de": "der die das und in zu den ist mit von für auf nicht ein eine dem des sich auch als an es im wird bei aus nach".split(),
    "fr": "le la les de des et en un une du dans pour que qui sur au par avec ne pas est ce il sont plus se son".split(),
    "es": "el la los las de que y en un una por con para no se del es al lo como más su sus este entre ha".split(),
    "it": "il la i le di che e in un una per con non si del è al come più sono della nel dei alla da".split(),
    "pt": "o a os as de que e em um uma para com não se do da é por mais no na dos como foi ao".split(),
    "nl": "de het een van en in is dat op te met voor niet zijn aan er om ook als bij door naar uit".split(),
    "sv": "och att det i en som är av för på med den till inte om har de ett var men från vid".split(),
    "pl": "i w z na do nie się że to jest o jak po co ale za od przez dla są oraz przy".split(),
}
WORD_LISTS = {"de": "ngerman", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese", "nl": "dutch",
              "sv": "swedish", "pl": "polish"}


def sentences_of(text):
    text = re.sub(r"\s+", " ", text).strip()
    return [s for s in re.split(r"(?<=[.!?]) (?=[A-Z])", text) if 20 < len(s) < 400]


class TextSource:
    """All text comes from here; `rng` decides which."""

    def __init__(self, impact):
        self.sentences, self.titles, self.plain, self.code = [], [], [], []
        with open(os.path.join(impact, "train.csv"), newline="") as f:
            for row in csv.DictReader(f):
                self.titles.append(re.sub(r"\s+", " ", row["title"]))
                self.sentences += sentences_of(row["abstract"])
        with gzip.open(os.path.join(impact, "conference_papers.jsonl.gz"), "rt") as f:
            for number, line in enumerate(f):
                if number % 8 == 0:
                    self.titles.append(json.loads(line)["title"])
        # Descriptions of Debian packages: how manuals and leaflets talk.
        lists = sorted(glob.glob("/var/lib/apt/lists/*Translation-en*"))
        listing = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file"] + lists, capture_output=True, text=True).stdout if lists else ""
        for entry in re.findall(r"^Description-en: .*\n((?: .*\n)+)", listing, re.M)[::4]:
            for paragraph in re.split(r"\n \.\n", entry):
                if not re.search(r"^ +[*-] |^  ", paragraph, re.M):
                    self.plain += sentences_of(paragraph)
        for path in sorted(glob.glob("/usr/lib/python3*/*.py"))[:150]:
            lines = open(path, errors="ignore").read().split("\n")
            self.code += [l[:92] for l in lines if l.strip()]
        self.words = {}
        for language, name in WORD_LISTS.items():
            path = "/usr/share/dict/" + name
            if os.path.exists(path):
                words = [w.strip() for w in open(path, encoding="utf-8", errors="ignore")]
                self.words[language] = [w for w in words if 3 < len(w) < 16 and w.isalpha()]

    def languages(self):
        return ["en"] + sorted(self.words)

    def sentence(self, rng, language="en", plain=False):
        if language == "en":
            return rng.choice(self.plain if plain and self.plain else self.sentences)
        words, small = self.words[language], FUNCTION_WORDS[language]
        out = []
        for position in range(rng.randint(6, 24)):
            out.append(rng.choice(small) if rng.random() < 0.45 else rng.choice(words))
            if position > 2 and rng.random() < 0.07:
                out[-1] += ","
        return " ".join(out).capitalize().rstrip(",") + rng.choice("....?!:" if rng.random() < 0.2 else ".")

    def paragraph(self, rng, language="en", plain=False, short=False):
        # Real text runs on; a paragraph takes neighbouring sentences now and then from other sources.
        count = rng.randint(1, 2) if short else rng.choice([1, 2, 3, 3, 4, 5, 6, 8])
        return " ".join(self.sentence(rng, language, plain) for _ in range(count))

    def heading(self, rng, language="en"):
        if language == "en":
            if rng.random() < 0.35:
                return rng.choice(COMMON_HEADINGS)
            words = rng.choice(self.titles).split()
            text = " ".join(words[: rng.choice([1, 2, 2, 3, 3, 4, 5, 6, 8, 12])]).rstrip(",:;-")
        else:
            words = self.words[language]
            text = " ".join(rng.choice(words) for _ in range(rng.randint(1, 4)))
        return text[:1].upper() + text[1:]

    def title(self, rng, language="en"):
        return rng.choice(self.titles) if language == "en" else self.heading(rng, language) + " " + self.heading(rng, language)

    def word(self, rng, language="en"):
        if language != "en":
            return rng.choice(self.words[language])
        return re.sub(r"\W", "", rng.choice(rng.choice(self.plain or self.sentences).split())) or "item"

    def code_lines(self, rng, count):
        start = rng.randrange(max(1, len(self.code) - count))
        lines = self.code[start:start + count]
        indent = min((len(l) - len(l.lstrip()) for l in lines), default=0)
        return [l[indent:] for l in lines]

    def shell_lines(self, rng, count):
        tools = ["apt install", "git clone", "make", "cd", "docker run -it", "curl -O", "pip install", "ls -la", "tar xzf", "systemctl restart", "gcc -O2 -o", "export PATH=$PATH:"]
        prompt = rng.choice(["$ ", "# ", "", "> "])
        return [prompt + rng.choice(tools) + " " + self.word(rng).lower() + rng.choice(["", " --verbose", ".tar.gz", "/src", " -j4"]) for _ in range(count)]

    def name(self, rng):
        first = ["Ada", "Anna", "Wei", "Carlos", "Maria", "John", "Li", "Yuki", "Omar", "Elena", "Paul", "Sofia", "Ivan", "Grace", "Noah", "Fatima", "Jens", "Chloé", "Raj", "Hana"]
        last = ["Miller", "Zhang", "García", "Schmidt", "Rossi", "Kowalski", "Tanaka", "Johnson", "Nguyen", "Silva", "Dubois", "Olsen", "Khan", "Petrov", "Brown", "Lee", "Andersson", "Okafor", "Meyer", "Costa"]
        return rng.choice(first) + " " + rng.choice(["", "", rng.choice("ABCDEFGJKLMRST") + ". "]) + rng.choice(last)


COMMON_HEADINGS = """Introduction|Background|Related Work|Method|Methods|Results|Discussion|Conclusion|Conclusions|Acknowledgements|Overview|Getting Started|
Installation|Configuration|Usage|Examples|Requirements|Troubleshooting|License|Appendix|Summary|Executive Summary|Scope|Definitions|Payment Terms|Notes|
Frequently Asked Questions|Options|Commands|Architecture|Future Work|Experiments|Evaluation|Limitations|Materials|Safety Instructions|Technical Data|
Description|Syntax|Environment|Files|See Also|Bugs|History|Authors|Preface|What's New|Quick Start|Basic Concepts|Reference|Index|Glossary|Contact|
Our Services|Key Figures|Outlook|Risk Factors|Financial Statements|Income|Expenses|Balance Sheet|Objectives|Timeline|Deliverables|Roles and Responsibilities""".replace("\n", "").split("|")
