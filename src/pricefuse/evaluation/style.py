"""One look for all figures: the colors, and how Matplotlib draws by them."""

ACCENT, SECOND = "#2f6f9f", "#c8553d"
SERIES = (ACCENT, SECOND, "#4f8a5b", "#8a6fb0")
INK, MUTED, GRID = "#1f2933", "#5b6673", "#e3e8ee"

MATPLOTLIB = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#b8c2cc",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.titlesize": 13,
    "figure.titleweight": "bold",
}
