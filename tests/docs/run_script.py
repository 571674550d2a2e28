"""Run one script of the gallery as a reader would, without a screen: `python run_script.py SCRIPT`.

Warnings are errors. Prints the number of pictures that the script shows.
"""

import os
import runpy
import sys
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
import matplotlib.pyplot as plt  # noqa: E402

warnings.filterwarnings("error")
shown = []


def show() -> None:
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        shown.append(figure)
    plt.close("all")


plt.show = show
runpy.run_path(sys.argv[1], run_name="__main__")
print(f"{len(shown)} pictures")
