"""Synthetic time series for pre-training, each generator documented and driven by one numpy Generator.

Every generator returns a float64 array of length n. `sample_series` draws a generator, applies augmentations and returns
the series with a mask of observed values. Sources: KernelSynth and TSMixup (Ansari et al., Chronos, arXiv 2403.07815),
trend x seasonality x noise with calendar periods (Dooley et al., ForecastPFN, arXiv 2311.01933), state-space simulation
(Hyndman et al., Forecasting with Exponential Smoothing, 2008).

    python synthetic.py --plot series.png     # looks at 40 of them
"""
import argparse

import numpy as np

# Seasonal periods by sampling interval: yearly, quarterly, monthly, weekly, daily, hourly, half-hourly, 15 and 5 minutes.
CALENDAR = [[1], [4], [12], [52], [7, 30, 365], [24, 168], [48, 336], [96, 672], [288]]


def periods(rng):
    """One or two seasonal periods that occur together in calendars, rarely an odd one."""
    if rng.random() < 0.12:
        return [int(rng.integers(3, 120))]
    choice = [p for p in CALENDAR[rng.integers(len(CALENDAR))] if p > 1]
    keep = [p for p in choice if rng.random() < 0.8]
    return keep or choice[:1]


def seasonal_profile(rng, period):
    """One season: a few harmonics, sometimes piecewise (day and night, working days), zero mean, unit deviation."""
    t = np.arange(period) / period
    kind = rng.random()
    if kind < 0.5:
        harmonics = int(min(rng.integers(1, 7), max(1, period // 2)))
        wave = sum(rng.normal() / (k**rng.uniform(0.5, 1.8)) * np.sin(2 * np.pi * (k * t + rng.random()))
                   for k in range(1, harmonics + 1))
    elif kind < 0.8:
        wave = rng.normal(size=period)
        if period > 8:  # smooth around the circle
            width = max(1, int(period * rng.uniform(0.02, 0.15)))
            kernel = np.hanning(2 * width + 1)
            wave = np.real(np.fft.ifft(np.fft.fft(wave) * np.fft.fft(kernel / kernel.sum(), period)))
    else:
        wave = (((t + rng.random()) % 1) < rng.uniform(0.1, 0.7)) * 1.0
        if rng.random() < 0.5:
            wave = wave * np.sin(np.pi * t) ** 2
    deviation = wave.std()
    return (wave - wave.mean()) / deviation if deviation > 1e-9 else np.zeros(period)


def repeat(profile, n, rng):
    offset = int(rng.integers(len(profile)))
    return np.tile(profile, n // len(profile) + 2)[offset:offset + n]


def ar_noise(rng, n, strength=None):
    """AR(1) noise of unit deviation."""
    from scipy.signal import lfilter
    phi = rng.uniform(0, 0.95) if strength is None else strength
    e = rng.normal(size=n + 50) if rng.random() < 0.8 else rng.standard_t(3, size=n + 50)
    x = lfilter([1], [1, -phi], e)[50:]
    return x / (x.std() + 1e-9)


def trend(rng, n):
    """Linear, damped, exponential, piecewise, logistic or none; deviation about one."""
    t = np.linspace(0, 1, n)
    kind = rng.random()
    if kind < 0.2:
        return np.zeros(n)
    if kind < 0.5:
        y = t
    elif kind < 0.6:
        y = 1 - np.exp(-t * rng.uniform(1, 6))
    elif kind < 0.7:
        y = np.exp(t * rng.uniform(0.3, 3))
    elif kind < 0.85:
        knots = np.sort(rng.random(rng.integers(1, 5)))
        y = sum(rng.normal() * np.maximum(0, t - k) for k in [0, *knots])
    else:
        y = 1 / (1 + np.exp(-(t - rng.random()) * rng.uniform(4, 20)))
    return rng.choice([-1, 1], p=[0.35, 0.65]) * (y - y.mean()) / (y.std() + 1e-9)


def trend_season(rng, n):
    """Trend x multi-seasonality x noise, additive or multiplicative, seasonal shape drifting slowly or not."""
    season = np.zeros(n)
    for p in periods(rng):
        wave = repeat(seasonal_profile(rng, p), n, rng) * rng.uniform(0.2, 1.5)
        if rng.random() < 0.3:
            wave = wave * (1 + 0.5 * np.cumsum(rng.normal(size=n)) / np.sqrt(n))
        season += wave
    noise = ar_noise(rng, n) * np.exp(rng.uniform(-4, 0.3))
    slope = trend(rng, n) * np.exp(rng.uniform(-2, 1.5))
    if rng.random() < 0.5:
        return slope + season + noise
    level = np.exp(0.4 * slope)
    return level * np.exp(0.25 * season) * np.exp(0.15 * noise)


def kernel_synth(rng, n):
    """Random sums and products of periodic, linear, RBF and rational-quadratic Gaussian processes.

    Each process is drawn by random Fourier features, so that n costs n and not n^3.
    """
    t = np.arange(n)

    def draw():
        kind = rng.integers(4)
        if kind == 0:
            p = float(rng.choice([c for cal in CALENDAR for c in cal if c > 1]))
            return repeat(seasonal_profile(rng, max(2, int(p))), n, rng)
        if kind == 1:
            return rng.normal() * (t - n * rng.random()) / n * 2
        length = n * np.exp(rng.uniform(np.log(0.01), np.log(0.6)))
        scale = np.ones(24) if kind == 2 else rng.gamma(1.0, 1.0, 24) ** 0.5
        w = rng.normal(size=24) * scale / length
        return np.sqrt(2 / 24) * np.cos(np.outer(t, w) + rng.uniform(0, 2 * np.pi, 24)) @ rng.normal(size=24)

    y = draw()
    for _ in range(rng.integers(0, 4)):
        y = y + draw() if rng.random() < 0.65 else y * draw()
    return y + rng.normal(size=n) * np.exp(rng.uniform(-5, -0.5)) * (y.std() + 1e-6)


def exponential_smoothing(rng, n):
    """A path of an additive or multiplicative ETS(A, A or Ad, A) state-space model."""
    alpha, beta = rng.uniform(0.02, 0.9), rng.uniform(0, 0.1) * (rng.random() < 0.6)
    phi = 1 if rng.random() < 0.5 else rng.uniform(0.8, 0.99)
    p = int(rng.choice([1, 4, 7, 12, 24, 52]))
    season = list(seasonal_profile(rng, p) * rng.uniform(0, 3)) if p > 1 else [0.0]
    gamma = rng.uniform(0, 0.3)
    level, slope, y = rng.normal() * 5, rng.normal() * 0.1, np.empty(n)
    noise = rng.normal(size=n)
    for i in range(n):
        y[i] = level + phi * slope + season[i % p] + noise[i]
        level, slope = level + phi * slope + alpha * noise[i], phi * slope + beta * noise[i]
        season[i % p] += gamma * noise[i] if p > 1 else 0
    return y if rng.random() < 0.6 else np.exp(y / (np.abs(y).max() + 1e-6) * rng.uniform(0.3, 2))


def arma(rng, n):
    """A stationary ARMA(p, q) with random roots, integrated at times."""
    from scipy.signal import lfilter
    roots = [r for _ in range(rng.integers(1, 3))
             for r in [rng.uniform(0.2, 0.98) * np.exp(1j * rng.uniform(0, np.pi))]]
    ar = np.real(np.poly([*roots, *np.conj(roots)]))
    x = lfilter([1, *rng.normal(size=rng.integers(0, 3)) * 0.4], ar, rng.normal(size=n + 100))[100:]
    return np.cumsum(x - x.mean() * rng.random()) if rng.random() < 0.2 else x


def random_walk(rng, n):
    """With drift and clustered volatility (GARCH-like), arithmetic or geometric: prices and rates."""
    v, sigma, e = 1.0, np.empty(n), rng.normal(size=n)
    a, b = rng.uniform(0, 0.2), rng.uniform(0.5, 0.79)
    for i in range(n):
        sigma[i] = np.sqrt(v)
        v = (1 - a - b) + a * (sigma[i] * e[i]) ** 2 + b * v
    steps = sigma * e * 0.01 + rng.normal() * 0.001
    path = np.cumsum(steps)
    return np.exp(path) if rng.random() < 0.6 else path


def counts(rng, n):
    """Intermittent or seasonal counts: Poisson or negative binomial."""
    p = int(rng.choice([1, 7, 12, 24]))
    rate = np.exp(rng.uniform(-2, 3) + 0.6 * (repeat(seasonal_profile(rng, p), n, rng) if p > 1 else 0)
                  + 0.3 * trend(rng, n))
    lam = np.minimum(rate, 1e4) * (rng.gamma(2, 0.5, n) if rng.random() < 0.4 else 1)
    return rng.poisson(lam).astype(float)


def profiles_with_weather(rng, n):
    """Load-like: a daily profile that differs at week-ends, times slow weather, plus noise."""
    day = int(rng.choice([24, 48, 96]))
    work, rest = seasonal_profile(rng, day), seasonal_profile(rng, day)
    week = np.concatenate([work + 0.1 * rng.normal() for _ in range(5)] + [rest * rng.uniform(0.3, 1)] * 2)
    weather = 1 + 0.3 * np.convolve(ar_noise(rng, n, 0.98), np.ones(day) / day, mode="same")[:n]
    return 3 + repeat(week, n, rng) * weather + 0.1 * ar_noise(rng, n)


def epidemic(rng, n):
    """Yearly waves of varying height and date above a low floor (influenza-like)."""
    p = int(rng.choice([12, 52]))
    t, y = np.arange(n), np.full(n, 0.1)
    for centre in range(-p, n + p, p):
        width = p * rng.uniform(0.04, 0.12)
        y += rng.gamma(3, 0.4) * np.exp(-0.5 * ((t - centre - rng.normal() * p * 0.06) / width) ** 2)
    return y * np.exp(0.1 * ar_noise(rng, n))


GENERATORS = [(trend_season, 0.32), (kernel_synth, 0.16), (exponential_smoothing, 0.1), (arma, 0.08),
              (random_walk, 0.1), (counts, 0.07), (profiles_with_weather, 0.1), (epidemic, 0.07)]


def augment(rng, y):
    """Level shifts, spikes, regime changes, saturation, rounding, all rare; then a random affine map."""
    n, s = len(y), y.std() + 1e-9
    if rng.random() < 0.06:
        y = y + s * rng.normal() * 2 * (np.arange(n) >= rng.integers(n))
    if rng.random() < 0.08:
        y = y + s * rng.normal(size=n) * 6 * (rng.random(n) < 0.01)
    if rng.random() < 0.04:
        k = rng.integers(n)
        y = np.concatenate([y[:k], y[k:] * rng.uniform(0.3, 2)])
    if rng.random() < 0.05:
        y = np.clip(y, np.quantile(y, rng.uniform(0, 0.2)), np.quantile(y, rng.uniform(0.8, 1)))
    if rng.random() < 0.05:
        step = s * rng.uniform(0.05, 0.5)
        y = np.round(y / step) * step
    if rng.random() < 0.06:
        y = y[::-1].copy()
    if rng.random() < 0.1:
        y = -y
    return y


def sample_series(rng, n, real=None):
    """One series of length n and its mask of observed values; `real` is a list of arrays to mix in."""
    def one():
        if real and rng.random() < 0.15:
            source = real[rng.integers(len(real))]
            if rng.random() < 0.4:  # coarser sampling: means over a few, a day's or a week's values
                width = int(rng.choice([2, 4, 6, 12, 24, 168]))
                if len(source) // width >= max(n, 24):
                    offset = int(rng.integers(width))
                    usable = (len(source) - offset) // width * width
                    source = source[offset:offset + usable].reshape(-1, width).mean(1)
            if len(source) >= n:
                start = rng.integers(len(source) - n + 1)
                return source[start:start + n]
        f = rng.choice(len(GENERATORS), p=[w for _, w in GENERATORS])
        return GENERATORS[f][0](rng, n)

    y = np.nan_to_num(one(), posinf=0, neginf=0)
    if rng.random() < 0.15:  # TSMixup: a convex mix of standardised series
        others = [y] + [np.nan_to_num(one()) for _ in range(rng.integers(1, 3))]
        y = sum(w * (o - o.mean()) / (o.std() + 1e-9) for w, o in zip(rng.dirichlet(np.ones(len(others)) * 1.5), others))
    y = augment(rng, y)
    mask = np.ones(n, bool)
    if rng.random() < 0.06:
        mask &= rng.random(n) > rng.uniform(0, 0.3)
    if rng.random() < 0.04:
        a = rng.integers(n)
        mask[a:a + rng.integers(1, max(2, n // 5))] = False
    return y, mask


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(len(GENERATORS), 4, figsize=(12, 1.2 * len(GENERATORS)))
    for row, (generator, share) in zip(axes, GENERATORS):
        for column, axis in enumerate(row):
            rng = np.random.default_rng([options.seed, column])
            axis.plot(augment(rng, np.nan_to_num(generator(rng, 256))), lw=0.8, color="#2563eb")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"{generator.__name__}\n{share:.0%}".replace("_", "\n", 1), fontsize=7)
    figure.tight_layout()
    figure.savefig(options.plot, dpi=80)
