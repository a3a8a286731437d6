"""`python -m sandbox.registry --data FOLDER`: serve the schema registry on 127.0.0.1."""

import os
import sys
from pathlib import Path

from sandbox import serving
from sandbox.claim import claim
from sandbox.registry.app import build_app
from sandbox.registry.journal import Journal, JournalError

JOURNAL = "schemas.jsonl"


def main() -> None:
    """Claim the folder, read the journal, serve."""
    options = serving.parser("python -m sandbox.registry", __doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the journal")
    arguments = options.parse_args()
    lock = claim(arguments.data)
    if lock is None:
        sys.exit(f"another registry runs on {arguments.data}: stop it, or name another folder")
    try:
        serving.run(build_app(Journal(arguments.data / JOURNAL)), arguments)
    except JournalError as error:
        sys.exit(str(error))
    finally:
        os.close(lock)


if __name__ == "__main__":
    main()
