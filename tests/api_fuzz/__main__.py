"""``python -m tests.api_fuzz``: every operation of the API with valid, wrong and strange input.

The last line is ``api_operations=… api_cases=…``. ``--examples`` is how many random requests each operation gets,
besides those that its description calls for; ``--seed`` makes others of them.
"""

import argparse
import sys
from pathlib import Path

import pytest

from tests.api_fuzz.tally import TALLY


def main() -> int:
    """Runs the command line; returns the exit status: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.api_fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=TALLY.examples)
    parser.add_argument("--seed", type=int, default=TALLY.seed)
    parser.add_argument(
        "-k", dest="expression", default="", metavar="REGEX", help="some operations only"
    )
    parser.add_argument(
        "--quick", action="store_true", help="examples and random requests, but no borders"
    )
    arguments = parser.parse_args()
    TALLY.examples, TALLY.seed = arguments.examples, arguments.seed
    TALLY.coverage = not arguments.quick
    TALLY.expression = arguments.expression
    module = Path(__file__).with_name("every_operation.py")
    status = pytest.main(
        ["-q", "--tb=short", "--show-capture=no", "-p", "no:cacheprovider", str(module)]
    )
    for sentence in TALLY.found:
        print(sentence)  # noqa: T201
    print(  # noqa: T201
        f"seed={TALLY.seed} examples={TALLY.examples} seconds={TALLY.seconds:.0f} "
        f"answers_without_anything_of_others={TALLY.looked_at}"
    )
    print(f"api_operations={len(TALLY.operations)} api_cases={TALLY.cases}")  # noqa: T201
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
