"""Run an agent: `python -m rollbook.agent --stage S --target T --root DIR …`."""

import sys

from rollbook.agent.light import without_the_unneeded

with without_the_unneeded():
    from rollbook.agent.line import main, settings_from

__all__ = ["main", "settings_from"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
