"""The private folder for compiled programs of this machine and of the installed versions."""

import hashlib
import os
import stat
from pathlib import Path

SWITCH = "CLUSTEROPT_CACHE"


def folder() -> Path | None:
    """The private folder for compiled programs, created if it is missing.

    None where the user has switched the cache off, or where the folder is not private or not writable. The name holds the
    version of jaxlib and a hash of the processor, because the keys of jax's cache do not distinguish processors.
    """
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no"):
        return None
    import jaxlib.version

    flags = _processor()
    tag = f"{jaxlib.version.__version__}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clusteropt"
        path = base / f"jax-{tag}"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except (OSError, RuntimeError):  # no home folder, or no space in it
        return None
    private = status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077
    return path if private and os.access(path, os.W_OK) else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        import platform

        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def clear() -> None:
    """Deletes the compiled programs of this machine and of the installed versions."""
    kept = folder()
    for file in kept.iterdir() if kept is not None else ():
        if file.is_file():
            file.unlink(missing_ok=True)
