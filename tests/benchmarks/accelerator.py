"""A GPU beside the CPU: kernels, quenches and a search of Lennard-Jones 38. Prints a Markdown table, progress on stderr.

    python tests/benchmarks/accelerator.py --json gpu.json
    python tests/benchmarks/accelerator.py --devices cpu --quick

Every part runs in a process of its own, in which jax sees one kind of device; a part that fails, or comes too late, costs
the others nothing. The cache of programs begins empty, so the first time of every part is that of a first start.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PARTS = ("values", "quench", "search", "command", "kernels")

Record = dict[str, Any]  # 'what' was measured, 'value', 'unit'; or 'what' and 'error'


def say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def measured(device: str, part: str, seconds: float, job: argparse.Namespace, environment: dict) -> list[Record]:
    """The records of one part; an error among them where the process ended badly or had to be stopped."""
    say(f"{device}: {part} (at most {seconds:.0f} s)")
    worker = str(Path(__file__).with_name("accelerator_worker.py"))
    arguments = [worker, part, device, "--count", str(job.count), "--folder", str(job.folder)]
    arguments += ["--quick"] if job.quick else []
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    records = []
    assert process.stdout is not None
    for line in process.stdout:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # a library that talks on standard output
            say("  said:", line.rstrip())
            continue
        say(" ", *(f"{key}={value}" for key, value in records[-1].items()))
    if process.wait():
        late = "" if timer.is_alive() else f", stopped after {seconds:.0f} s"
        records.append({"what": part, "error": f"the process ended with code {process.returncode}{late}"})
        say("  ", records[-1]["error"])
    timer.cancel()
    return records


def agreement(folder: Path) -> list[Record]:
    """Largest differences between the devices' energies and forces, over the largest number."""
    import numpy as np

    try:
        cpu, gpu = (np.load(folder / f"{device}.npz") for device in ("cpu", "gpu"))
    except OSError:
        return []
    return [
        {
            "what": f"{key}: largest difference over largest value",
            "value": float(np.abs(gpu[key] - cpu[key]).max() / np.abs(cpu[key]).max()),
            "unit": "",
        }
        for key in cpu.files
    ]


def table(found: dict[str, list[Record]]) -> str:
    """Markdown, a row for each measurement and a column for each device."""
    rows: dict[str, dict[str, Record]] = {}
    for device, records in found.items():
        for record in records:
            rows.setdefault(record["what"], {})[device] = record
    lines = [f"| | {' | '.join(found)} | unit |", "|---" * (len(found) + 2) + "|"]
    for what, own in rows.items():
        unit = next((record["unit"] for record in own.values() if "unit" in record), "")
        lines.append(f"| {what} | {' | '.join(shown(own.get(device)) for device in found)} | {unit} |")
    return "\n".join(lines)


def shown(record: Record | None) -> str:
    if record is None:
        return ""
    value = record.get("value", record.get("error"))
    if not isinstance(value, float):
        return str(value)
    return f"{value:.6f}" if record["unit"].startswith("epsilon") else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", default="gpu,cpu", help="in this order; the first has the time it needs")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--count", type=int, default=1024, help="clusters to quench")
    parser.add_argument("--seconds", type=float, default=240, help="for all parts together")
    parser.add_argument("--part-seconds", type=float, default=120, help="for one part at most")
    parser.add_argument("--json", type=Path, help="file for all records")
    parser.add_argument("--quick", action="store_true", help="small numbers, to try the script")
    job = parser.parse_args()
    end = time.monotonic() + job.seconds
    job.count = min(job.count, 64) if job.quick else job.count
    found: dict[str, list[Record]] = {}
    with tempfile.TemporaryDirectory() as name:
        job.folder = Path(name)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": name, "CLUSTEROPT_CACHE": "on"}
        environment["PYTHONUNBUFFERED"] = "1"
        for device in job.devices.split(","):
            found[device] = []
            for part in job.parts.split(","):
                left = end - time.monotonic()
                if left < 5:
                    found[device].append({"what": part, "error": "no time was left"})
                    continue
                found[device] += measured(device, part, min(left, job.part_seconds), job, environment)
                if job.json is not None:
                    job.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
        if len(found) > 1:
            found["agreement of the two"] = agreement(job.folder)
    if job.json is not None:
        job.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(table(found), flush=True)


if __name__ == "__main__":
    main()
