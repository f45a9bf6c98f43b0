"""All that results depend on besides the structures: the version, the settings, and the files that these name."""

import hashlib
from typing import Any

from clusteropt import __version__
from clusteropt.optimizers.learned import weights
from clusteropt.potentials import sets


def contents(settings: dict[str, Any], learned: str | None, potential: str | None) -> dict[str, Any]:
    """Version, settings and hashes of the files: of the learned optimizer and of the potential, where one is named.

    Raises UsageError or InputError where a file cannot be used.
    """
    files = {}
    if learned is not None:
        files["optimizer_sha256"] = hashlib.sha256(weights.named(learned).theta.tobytes()).hexdigest()[:16]
    if potential is not None:
        chosen = sets.load(potential)
        text = repr((chosen.record(), chosen.pairs, chosen.triples, chosen.options))
        files["potential_sha256"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"clusteropt": __version__, "settings": settings, **files}
