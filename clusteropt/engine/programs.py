"""Compiled programs: built in the background where they can be foreseen, and kept for the next process.

Building one takes three steps: jax traces the Python functions, lowers the trace to StableHLO, and XLA compiles that. jax's
own cache keeps what XLA has compiled. Tracing and lowering take longer than reading that cache, so the StableHLO is kept beside
it. Each file is named by a hash of everything that it depends on and begins with a checksum; a damaged file is built anew.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import export
from jax.experimental import serialize_executable
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clusteropt.errors import ClusterOptError
from clusteropt.runtime import devices, host, plugins
from clusteropt.runtime.backend import backend, computing_for
from clusteropt.runtime.files import write_atomically

_COUNT = 4  # bytes, of the number of a program's results
_DIGEST = 32  # bytes, of SHA-256
_ZLIB = b"\x78"  # how jax's cache entries begin, unless zstandard is installed


class Leaf(NamedTuple):
    """An argument as a program knows it."""

    shape: tuple[int, ...]
    dtype: str
    weak: bool  # a Python number, which takes the precision of the arrays that it meets

    @property
    def argument(self) -> jax.ShapeDtypeStruct:
        """The argument, as jax traces it."""
        return jax.ShapeDtypeStruct(self.shape, np.dtype(self.dtype), weak_type=self.weak)


class Program(NamedTuple):
    """The identity of a program: hashable, and the same for all batches of one shape.

    `function(common, batch, *scalars, mesh=, **static)` works on a `batch`, a pytree whose arrays end in lanes, structures or
    devices, and gives either the same pytree, into the same memory (`in_place`), or a tuple of arrays.
    """

    function: Callable
    mesh: Mesh
    static: tuple[tuple[str, Any], ...]
    in_place: bool
    tree: Any  # jax's description of the pytree (common, batch, scalars)
    shapes: tuple[Leaf, ...]  # of its leaves
    kind: str  # of device: 'cpu' or 'gpu'


def run(
    function: Callable, common: object, batch: Any, *scalars: object, mesh: Mesh, in_place: bool, **static: Any
) -> Any:
    """The function's result. Builds its program first, unless that exists or is being built."""
    return bound(function, common, batch, *scalars, mesh=mesh, in_place=in_place, **static)(batch)


def bound(
    function: Callable, common: object, batch: Any, *scalars: object, mesh: Mesh, in_place: bool, **static: Any
) -> Callable[[Any], Any]:
    """The program for these arguments as a function of the batch alone, whose shapes stay. Its calls look nothing up."""
    leaves, program = _identify(function, common, batch, scalars, mesh, in_place, static)
    built, tree = _built(program).result(), jax.tree.structure(batch)
    n_common = jax.tree.structure(common).num_leaves
    constants, numbers = leaves[:n_common], leaves[n_common + tree.num_leaves :]

    def call(batch: Any) -> Any:
        out = built(*constants, *jax.tree.leaves(batch), *numbers)
        return jax.tree.unflatten(tree, out) if in_place else tuple(out)

    return call


def request(
    function: Callable, common: object, batch: object, *scalars: object, mesh: Mesh, in_place: bool, **static: Any
) -> bool:
    """Starts to build the program for such arguments, and does not wait. Returns True where XLA has to compile it."""
    program = _identify(function, common, batch, scalars, mesh, in_place, static)[1]
    return not _built(program).done() and not _is_kept(program)


def _is_kept(program: Program) -> bool:
    """True where the cache has the program from an earlier process."""
    folder = host.cache_in_use()
    if folder is None:
        return False
    name = _name(program)
    return (folder / f"{name}.stablehlo").exists() and any(folder.glob(f"jit_{name}-*-cache"))


def _identify(
    function: Callable,
    common: object,
    batch: object,
    scalars: tuple,
    mesh: Mesh,
    in_place: bool,
    static: dict[str, Any],
) -> tuple[list, Program]:
    leaves, tree, shapes = flattened((common, batch, scalars))
    return leaves, Program(function, mesh, tuple(sorted(static.items())), in_place, tree, shapes, backend())


def flattened(tree: object) -> tuple[list, Any, tuple[Leaf, ...]]:
    """The leaves of a pytree as arrays, jax's description of the tree, and what a program knows of each leaf."""
    leaves, form = jax.tree.flatten(tree)
    weak = [isinstance(leaf, float) for leaf in leaves]  # numpy's too
    leaves = [np.float64(leaf) if own else leaf for leaf, own in zip(leaves, weak, strict=True)]
    known = zip(leaves, weak, strict=True)
    return leaves, form, tuple(Leaf(np.shape(leaf), np.dtype(leaf.dtype).str, own) for leaf, own in known)


@cache
def _builders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(3, thread_name_prefix="clusteropt-build")


@cache
def _built(program: Program) -> Future:
    return _builders().submit(_build, program)


def drop_waiting() -> None:
    """Cancels the programs that no thread has begun to build; Python would wait for them when it ends."""
    _builders().shutdown(wait=False, cancel_futures=True)
    _builders.cache_clear()
    _built.cache_clear()


def _arguments(program: Program) -> tuple[list, list, tuple[int, ...]]:
    """The shardings of the program's arguments, their shapes, and the indices of the donated ones."""
    _, batch, _ = jax.tree.unflatten(program.tree, range(len(program.shapes)))
    split = {*jax.tree.leaves(batch)}  # the numbers of the batch's leaves
    shardings = [
        NamedSharding(program.mesh, lanes_last(len(leaf.shape)) if k in split else PartitionSpec())
        for k, leaf in enumerate(program.shapes)
    ]
    return shardings, [leaf.argument for leaf in program.shapes], tuple(sorted(split)) if program.in_place else ()


def _build(program: Program) -> jax.stages.Compiled:
    shardings, arguments, donated = _arguments(program)
    with host.double_precision(), computing_for(program.kind):  # settings of the thread
        folder = host.cache_in_use()
        function = _flat(program) if folder is None else _kept_trace(program, shardings, arguments, folder)
        options = devices.compiler_options()
        jitted = jax.jit(function, in_shardings=shardings, donate_argnums=donated, compiler_options=options)
        own = host.own_cache() if folder is None else None
        if own is None:
            return jitted.lower(*arguments).compile()
        path = own / f"{_name(program)}-{jax.__version__}.program"
        compiled = _loaded(path, program)
        if compiled is None:
            compiled = jitted.lower(*arguments).compile()
            _keep(path, compiled)
        return compiled


def _loaded(path: Path, program: Program) -> jax.stages.Compiled | None:
    """The compiled program that an earlier process of the host program has left; None where it is missing or damaged.

    jax unpickles it. That is safe: only the user may write into the folder, and the checksum has been compared.
    """
    content = _whole(path)
    if content is None:
        return None
    n_out, data = int.from_bytes(content[:_COUNT], "little"), content[_COUNT:]
    ins, out = (jax.tree.structure(tree) for tree in (((0,) * len(program.shapes), {}), [0] * n_out))
    try:
        with host.quiet_compiler():
            places = list(program.mesh.devices.flat)
            return serialize_executable.deserialize_and_load(data, ins, out, execution_devices=places)
    except Exception:  # noqa: BLE001  whatever is wrong with it: it is built anew
        return None


def _keep(path: Path, compiled: jax.stages.Compiled) -> None:
    try:
        data, _, out = serialize_executable.serialize(compiled)
    except Exception:  # noqa: BLE001  whatever jax raises: the next process builds it anew
        return
    _write(path, out.num_leaves.to_bytes(_COUNT, "little") + data)


def lanes_last(n_axes: int) -> PartitionSpec:
    """The sharding of an array: split along its last axis. Every device has all of an array without axes."""
    return PartitionSpec(*[None] * (n_axes - 1), "lanes") if n_axes else PartitionSpec()


def _flat(program: Program) -> Callable:
    def flat(*leaves: jax.Array) -> list[jax.Array]:
        common, batch, scalars = jax.tree.unflatten(program.tree, leaves)
        return jax.tree.leaves(program.function(common, batch, *scalars, mesh=program.mesh, **dict(program.static)))

    return flat


def _kept_trace(program: Program, shardings: list, arguments: list, folder: Path) -> Callable:
    """The program as a function of its StableHLO, which the folder keeps; it is made where the folder has none."""
    name = _name(program)
    path = folder / f"{name}.stablehlo"
    kept = _read(path)
    if kept is None:
        kept = export.export(jax.jit(_flat(program), in_shardings=shardings))(*arguments)
        _write(path, bytes(kept.serialize()))
    _drop_torn(folder.glob(f"jit_{name}-*-cache"))

    def call(*leaves: jax.Array) -> Any:
        return kept.call(*leaves)

    call.__name__ = name  # jax's cache names its files by it
    return call


@cache
def _name(program: Program) -> str:
    """The program's name in the cache: its function, and a hash of everything that it depends on."""
    platform = program.mesh.devices.flat[0].platform
    parts = [program.function.__qualname__, program.mesh.size, program.static, program.in_place, program.tree]
    parts += [program.kind, platform, program.shapes, _sources()]
    key = hashlib.sha256(json.dumps([*map(str, parts)]).encode()).hexdigest()
    return f"{program.function.__name__}_{key[:40]}"


def _drop_torn(entries: Iterable[Path]) -> None:
    """Deletes entries of jax's cache that a full disk has cut short; jax would warn of them in every process."""
    for entry in entries:
        with suppress(OSError):  # another process may have been here first
            content = entry.read_bytes()
            try:
                if content.startswith(_ZLIB):
                    zlib.decompress(content)
            except zlib.error:
                entry.unlink()


def _read(path: Path) -> export.Exported | None:
    """The StableHLO that `path` holds; None where it is missing or damaged."""
    data = _whole(path)
    return None if data is None else export.deserialize(bytearray(data))


def _whole(path: Path) -> bytes | None:
    """The content of `path` below its checksum; None where the file is missing or the checksum wrong."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    return data if hashlib.sha256(data).digest() == digest else None


def _write(path: Path, data: bytes) -> None:
    with suppress(ClusterOptError):  # a full disk costs the next process a second, not this one its results
        write_atomically(path, hashlib.sha256(data).digest() + data)


@cache
def _sources() -> str:
    """A hash of the source of this package and of packages that register parts: a trace becomes useless when they change."""
    total = hashlib.sha256()
    for file in (*sorted(Path(__file__).parents[1].rglob("*.py")), *plugins.sources()):
        total.update(file.read_bytes())
    return total.hexdigest()
