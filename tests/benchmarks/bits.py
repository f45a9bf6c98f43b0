"""Results to the last bit: records what a version computes on a fixed set of work, and compares two records.

    python tests/benchmarks/bits.py record old.json --python OLD/bin/python
    python tests/benchmarks/bits.py record new.json --python NEW/bin/python
    python tests/benchmarks/bits.py compare old.json new.json

Each interpreter runs the `clusteropt` that is installed in its environment, through the command line, so the two versions may
differ in everything behind it. The work: 300 structures by three local optimizers and in a batch, a search of 20, two
evaluations, and three short trainings. A change that is not meant to change results leaves the records equal; bits are
promised on one machine and for one version of jax only.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

STRUCTURES = {
    "X13": 60,
    "X38": 60,
    "X61": 20,
    "Au13": 40,
    "Cu20": 40,
    "Ag20Au18": 40,
    "Si14": 40,
}  # formula -> how many
SEARCHED = {"X13": 10, "Cu13": 5, "Si10": 5}
TRAININGS = {
    "es": ("es", "--tasks", "X13", "--steps", "6"),
    "es-hops": ("es", "--tasks", "X13,hop:X13", "--steps", "6"),
    "ga": ("ga", "--tasks", "X13", "--steps", "6"),
}


def call(python: str, folder: Path, *arguments: str) -> str:
    """The standard output of a command. Structures that do not converge are results like others."""
    command = [python, "-m", "clusteropt", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 4):
        sys.exit(f"{' '.join(arguments)}: code {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def starts(python: str, folder: Path, wanted: dict[str, int]) -> list[str]:
    """Files with random structures."""
    for formula, count in wanted.items():
        name = f"{formula}-{count}.xyz"
        call(python, folder, "random", formula, "--count", str(count), "--out", name, "--force")
    return [f"{formula}-{count}.xyz" for formula, count in wanted.items()]


def results(text: str) -> list[list]:
    """Label, status, energies and evaluations of what `--json` printed."""
    keys = ("structure", "status", "energy_before", "energy", "fmax", "evaluations")
    return [[record[key] for key in keys] for record in json.loads(text)]


def positions(path: Path) -> str:
    """A hash of the symbols and positions of all frames of an extended XYZ file, whatever its comments say."""
    digest, lines = hashlib.sha256(), path.read_text(encoding="utf-8").splitlines()
    first = 0
    while first < len(lines):
        n_atoms = int(lines[first])
        for row in lines[first + 2 : first + 2 + n_atoms]:
            digest.update(" ".join(row.split()[:4]).encode())
        first += n_atoms + 2
    return digest.hexdigest()


def minimized(python: str, folder: Path, files: list[str], *options: str) -> dict[str, object]:
    text = call(python, folder, "minimize", *files, "--out", "out.xyz", "--force", "--json", *options)
    return {"results": results(text), "positions": positions(folder / "out.xyz")}


def batched(python: str, folder: Path, files: list[str]) -> list[list]:
    call(python, folder, "batch", *files, "--out", "results", "--optimizer", "lbfgs")
    lines = (folder / "results" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return results(f"[{','.join(lines)}]")


def trained(python: str, folder: Path, name: str, arguments: tuple[str, ...]) -> dict[str, object]:
    """The loss of every step, and the last theta, which is in the checkpoint."""
    call(python, folder, "train", *arguments, "--out", f"{name}.h5")
    lines = (folder / f"{name}.log.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [record["loss"] for record in map(json.loads, lines) if "loss" in record]
    code = (
        "import hashlib, h5py, sys\n"
        "theta = h5py.File(sys.argv[1], 'r')['theta'][:]\n"
        "print(hashlib.sha256(theta.tobytes()).hexdigest())"
    )
    command = [python, "-c", code, f"{name}.checkpoint.h5"]
    theta = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    return {"losses": losses, "theta": theta}


def evaluated(python: str, folder: Path, task: str) -> list[list]:
    """Hits and evaluations of every method; chains enough at a time that the clock decides nothing."""
    options = ("--tasks", task, "--hits", "20", "--chains", "16", "--seconds", "1000", "--json", "--quiet")
    records = json.loads(call(python, folder, "evaluate", "learned", *options))
    return [[r["method"], r["hits"], r["evaluations"]] for r in records]


def record(python: str) -> dict[str, object]:
    """All of the work."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, searched = starts(python, folder, STRUCTURES), starts(python, folder, SEARCHED)
        found: dict[str, object] = {}
        for optimizer in ("lbfgs", "fire", "gradient-descent"):
            found[optimizer] = minimized(python, folder, files, "--optimizer", optimizer, "--max-steps", "3000")
        found["batch"] = batched(python, folder, files)
        found["search"] = minimized(python, folder, searched, "--trajectories", "4", "--hops", "20")
        for task in ("X13", "Cu13"):
            found[f"evaluate {task}"] = evaluated(python, folder, task)
        for key, arguments in TRAININGS.items():
            found[f"train {key}"] = trained(python, folder, key, arguments)
    return found


def compare(old: dict[str, object], new: dict[str, object]) -> int:
    """Prints a line for each kind of work; returns the number of kinds that differ."""
    differing = 0
    for key in old | new:
        same = old.get(key) == new.get(key)
        differing += not same
        print(f"{key}: {'the same' if same else 'DIFFERENT'}")
    return differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--python", default=sys.executable, help="interpreter whose clusteropt is recorded")
    comparing = commands.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "record":
        chosen.file.write_text(json.dumps(record(chosen.python), indent=1), encoding="utf-8")
        return
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (chosen.old, chosen.new))
    sys.exit(1 if compare(old, new) else 0)


if __name__ == "__main__":
    main()
