"""Time how long a mock cutout takes, on one thread: python benchmarks/mock.py [--number 100]."""

from __future__ import annotations

import argparse
import time

from threadpoolctl import threadpool_limits

from galaxy_utils.data.survey import jpeg
from galaxy_utils.simulate.drawing import draw
from galaxy_utils.simulate.families import truth


def main() -> None:
    """Print galaxies a second, with JPEG, beside the writing of the JPEG alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100)
    number = parser.parse_args().number
    table = truth(number + 5, seed=0)
    with threadpool_limits(1):
        for _, row in table.tail(5).iterrows():  # GalSim makes its tables
            draw(row, 0)
        start = time.process_time()
        drawn = [draw(row, 0).composite for _, row in table.head(number).iterrows()]
        middle = time.process_time()
        for image in drawn:
            jpeg(image)
        end = time.process_time()
    print(f"{number / (end - start):.1f} galaxies a second on one core "
          f"({1e3 * (middle - start) / number:.1f} ms drawing, "
          f"{1e3 * (end - middle) / number:.1f} ms compressing each)")  # fmt: skip


if __name__ == "__main__":
    main()
