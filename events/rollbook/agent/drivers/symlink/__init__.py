"""The driver `symlink`: a link on the disk leads to what is served."""

from rollbook.agent.drivers.symlink.driver import SymlinkDriver

__all__ = ["SymlinkDriver"]
