"""The papers that docq-impact-1 learned from, and their targets."""
import csv
import gzip
import json
import re

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

FINAL = "NAID_2022_train"


def key(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def load(naid_path, conference_path):
    """Conference papers, then NAID's earlier releases, then its final one; conference papers of the final one are out.

    The final release is what everything is chosen on, so no paper of it may be known from elsewhere: 537 conference
    papers with a title or abstract of it are dropped.
    """
    naid = list(csv.DictReader(open(naid_path, newline="")))
    conference = [json.loads(line) for line in gzip.open(conference_path, "rt")]
    final = [r for r in naid if r["release"] == FINAL]
    titles, abstracts = {key(r["title"]) for r in final}, {key(r["abstract"])[:200] for r in final}
    conference = [r for r in conference if key(r["title"]) not in titles and key(r["abstract"])[:200] not in abstracts]
    papers = [dict(set="conference", year=int(r["venue"][-4:]), citations=r["citations"], title=r["title"],
                   abstract=r["abstract"], percentile=r["percentile"], sp=r["tncsi_sp"]) for r in conference]
    for name, wanted in (("early", lambda r: r != FINAL), ("final", lambda r: r == FINAL)):
        papers += [dict(set=name, year=0, citations=0, title=r["title"], abstract=r["abstract"], id=r["id"],
                        percentile=float(r["percentile_in_release"]), sp=float(r["TNCSI_SP"]))
                   for r in naid if wanted(r["release"])]
    for paper in papers:
        paper["title"], paper["abstract"] = " ".join(paper["title"].split()), " ".join(paper["abstract"].split())
    return papers


def topic_percentiles(papers, nearest=100):
    """For conference papers the percentile of the citations among the papers most alike, one year around.

    TNCSI_SP compares papers of one topic and time; a percentile within a venue mixes all its topics, so that hot topics
    look like good papers. The most alike are found by latent semantic analysis; citations are logarithms less the mean
    of their year.
    """
    texts = [f"{p['title']} {p['title']} {p['abstract']}" for p in papers]
    counts = TfidfVectorizer(min_df=5, max_df=0.3, sublinear_tf=True, token_pattern=r"[a-z0-9]+", max_features=30000,
                             dtype=np.float32).fit_transform(texts)
    u, s, _ = randomized_svd(counts, 100, n_iter=2, random_state=0)
    z = (u * s).astype(np.float32)
    z /= np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-9)
    conference = np.array([p["set"] == "conference" for p in papers])
    year = np.array([p["year"] for p in papers])
    log = np.log1p(np.array([p["citations"] for p in papers], float))
    mean = {y: log[conference & (year == y)].mean() for y in set(year[conference])}
    log = log - np.array([mean.get(y, 0) for y in year])
    result = np.full(len(papers), np.nan, np.float32)
    for y in sorted(mean):
        asked = np.where(conference & (year == y))[0]
        others = np.where(conference & (abs(year - y) <= 1))[0]
        count = min(nearest, len(others) - 1)
        for start in range(0, len(asked), 2000):
            part = asked[start:start + 2000]
            alike = np.argpartition(-(z[part] @ z[others].T), count - 1, axis=1)[:, :count]
            theirs, own = log[others][alike], log[part][:, None]
            result[part] = ((theirs < own).sum(1) + 0.5 * (theirs == own).sum(1)) / count
    return result
