"""The reader of structure files that all commands share. It yields the frames of a file one after the other."""

from clusteropt.io.reading.labels import Wishes, wishes_of
from clusteropt.io.reading.selection import Frame, Unreadable, file_of, frames, slice_of

__all__ = ["Frame", "Unreadable", "Wishes", "file_of", "frames", "slice_of", "wishes_of"]
