"""The contest, drawn: a panel for each world, and confidence against truth."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from bench.contest.figures import curve
from bench.contest.play import SETTINGS, Played, reliability
from bench.contest.rivals import OURS, POLICIES
from bench.contest.running import Contest

mpl.use("Agg")
from matplotlib import pyplot as plt

COLUMNS = 4
_COLOURS = dict(zip(POLICIES, ("#1b6ca8", "#d1495b", "#edae49", "#3d8b5f", "#7d5ba6", "#8d99ae"), strict=True))


def draw(contest: Contest, path: Path) -> None:
    """Write the picture to `path`."""
    panels = len(contest) + 2  # and the calibration, and what the colours are
    rows = -(-panels // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(4.2 * COLUMNS, 3.4 * rows), layout="constrained", squeeze=False)
    axes = list(grid.flat)
    for (world, played), panel in zip(contest.items(), axes, strict=False):
        _world(world, played, panel)
    calibration, legend = axes[len(contest) : panels]
    _calibration(contest, calibration)
    handles = {line.get_label(): line for line in axes[0].get_lines() if line.get_label() in _COLOURS}
    legend.legend(handles.values(), handles, loc="center left", frameon=False, fontsize=11)
    for panel in axes[panels - 1 :]:
        panel.axis("off")
    figure.suptitle(
        "Share captured of what lies between random (0) and the oracle (1): mean over tenants ± 2 standard errors"
    )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _world(world: str, played: dict[str, list[Played]], panel: Axes) -> None:
    setting = SETTINGS[world]
    for name, tenants in played.items():
        for changed in (False, True):  # nothing is drawn across a change: it is measured anew
            points = {step: at for step, at in curve(tenants).items() if bool(setting.start(step)) is changed}
            steps, (mean, error) = list(points), np.array(list(points.values()) or np.zeros((0, 2))).T
            colour, above = _COLOURS[name], 3 if name == OURS else 2
            width, label = 2.4 if name == OURS else 1.3, "" if changed else name
            panel.plot(steps, mean, label=label, linewidth=width, color=colour, zorder=above)
            panel.fill_between(
                steps, mean - 2 * error, mean + 2 * error, alpha=0.12, linewidth=0, color=colour, zorder=above
            )
    if setting.changes:
        panel.axvline(setting.decisions / 2, color="black", linewidth=0.8, linestyle=":")
    panel.axhline(0, color="black", linewidth=0.6)
    count = len(next(iter(played.values())))
    panel.set(title=f"{world}, {count} tenants", xlabel="decisions", xlim=(0, setting.decisions))


def _calibration(contest: Contest, panel: Axes) -> None:
    """Of all worlds with a goal together."""
    panel.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    for name, colour in _COLOURS.items():
        tenants = [
            tenant for world, played in contest.items() if SETTINGS[world].goals for tenant in played.get(name, [])
        ]
        if tenants and tenants[0].confidence is not None:
            stated, true, weight = reliability(tenants)
            panel.plot(stated, true, color=colour, linewidth=1)
            panel.scatter(stated, true, s=15 + 300 * weight, color=colour, alpha=0.8)
    panel.set(
        title="calibration, all worlds but many and short",
        xlabel="confidence in the chosen action",
        ylabel="how often it was the best one",
        xlim=(0, 1),
        ylim=(0, 1),
    )
