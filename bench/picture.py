"""What `make simulate` found, drawn: the median tenant with bands over tenants, and confidence against truth."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.simulation import Played, reliability

mpl.use("Agg")
from matplotlib import pyplot as plt

_COLOURS = ("#1b6ca8", "#d1495b", "#8d99ae")


def draw(played: dict[str, list[Played]], path: Path) -> None:
    """Write the picture to `path`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), width_ratios=(3, 2), layout="constrained")
    for (name, tenants), colour in zip(played.items(), _COLOURS, strict=True):
        steps = tenants[0].steps
        shares = np.array([tenant.captured for tenant in tenants])
        low, quarter, middle, three, high = np.percentile(shares, [10, 25, 50, 75, 90], axis=0)
        left.plot(steps, middle, color=colour, label=name)
        left.fill_between(steps, low, high, color=colour, alpha=0.10, linewidth=0)
        left.fill_between(steps, quarter, three, color=colour, alpha=0.15, linewidth=0)
        if tenants[0].confidence is not None:
            stated, true, weight = reliability(tenants)
            right.plot(stated, true, color=colour, linewidth=1)
            right.scatter(stated, true, s=20 + 400 * weight, color=colour, alpha=0.8, label=name)
    left.axhline(0.65, color="black", linewidth=0.8, linestyle=":")
    left.set(
        xlabel="decisions",
        ylabel="share of the gap captured so far",
        ylim=(-0.1, 1),
        title=f"Random is 0, oracle 1: median of {len(tenants)} tenants, bands of 50 % and 80 %",
    )
    left.legend(loc="lower right", frameon=False)
    right.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    right.set(
        xlabel="confidence in the chosen action",
        ylabel="how often it was the best one",
        xlim=(0, 1),
        ylim=(0, 1),
        title="Calibration",
    )
    right.legend(loc="upper left", frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
