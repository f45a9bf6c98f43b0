"""A worker process as the pool sees it: started with a recipe, asked through a socket, ended."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import deque
from multiprocessing.connection import Connection

from clusteropt.potentials.calculators.recipe import Recipe

_START = 60.0  # seconds that making a calculator may take at least
_OF_THREADS = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMEXPR_NUM")
_THREADS = tuple(f"{name}_THREADS" for name in _OF_THREADS)
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from clusteropt.potentials.calculators.worker import main; main(int(sys.argv[1]))"
)


class Worker:
    """A worker process as the pool sees it."""

    def __init__(self, recipe: Recipe) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            path = json.dumps([*filter(None, sys.path), os.getcwd()])  # a module of the working folder shadows no other
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, str(theirs.fileno()), path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # calculators print
                stderr=subprocess.DEVNULL,
                env=os.environ | dict.fromkeys(_THREADS, "1"),
                start_new_session=True,  # Ctrl-C is for this process
            )
        self.link = Connection(ours.detach())
        about = {"place": recipe.place, "options": json.loads(recipe.options)}
        about |= {"timeout": recipe.timeout, "needs_cell": recipe.needs_cell, "allows": recipe.allows}
        self.link.send_bytes(json.dumps(about).encode())
        self.patience = max(_START, recipe.timeout)  # seconds
        self.ready = False
        self.tasks: deque[int] = deque()  # the numbers of its questions; the first is under way
        self.since = time.monotonic()  # when the first was begun
        self.quick = False  # the last one took little time

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.link.close()
