"""`python -m sandbox`: serve the simulated platforms on 127.0.0.1."""

from sandbox import serving
from sandbox.app import build_app


def main() -> None:
    """Read the options and serve."""
    serving.run(build_app(), serving.parser("python -m sandbox", __doc__).parse_args())


if __name__ == "__main__":
    main()
