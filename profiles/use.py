"""Write a profile into params.yaml: python profiles/use.py seed."""

import sys
from pathlib import Path

from pricefuse.pipeline import profiles as profile
from pricefuse.pipeline import stage

FOLDER = Path(__file__).parent


def main() -> None:
    name = Path(sys.argv[1]).name if len(sys.argv) == 2 else ""
    changes = profile.use(FOLDER / f"{name}.yaml", Path("params.yaml"))
    print("\n".join(changes) or f"params.yaml already says what profile {name} says")


if __name__ == "__main__":
    stage.run(main)
