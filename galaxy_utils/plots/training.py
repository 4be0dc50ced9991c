"""Training of the autoencoder."""

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_training_curves(history: pd.DataFrame) -> Figure:
    """Reconstruction error of each modality against epoch; dashed: held out.

    Parameters
    ----------
    history : DataFrame
        Columns epoch, set (`training` or `held out`), modality, error (in units
        of the modality's variance).
    """
    figure, axis = style.single_panel(width=7.5, height=3.6)
    for index, (modality, rows) in enumerate(history.groupby("modality")):
        for name, line in (("training", "-"), ("held out", "--")):
            curve = rows[rows["set"] == name].set_index("epoch")["error"]
            axis.plot(curve, line, color=style.colour(index), label=f"{modality}, {name}")
    axis.axhline(1.0, color=style.GREY, lw=0.8)
    axis.set(xlabel="epoch", ylabel="error / variance", yscale="log")
    figure.legend(loc="outside upper center", fontsize=7, frameon=False, ncols=3)
    return figure
