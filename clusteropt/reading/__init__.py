"""Structure files in: the one reader of all commands, which gives the frames of a file one after the other."""

from clusteropt.reading.selection import Frame, Unreadable, frames

__all__ = ["Frame", "Unreadable", "frames"]
