"""The decorator of every compiled kernel, and the cache that is safe to trust.

numba's own cache notices a change in the kernel's file, but not in a callee of another file: the
caller then returns the old result. So the cache lies in a folder named by the hash of *all* our
sources that hold kernels, of numba's and numpy's version and of the CPU.

Three modes, chosen by numba's own variables: compiled (default), ``NUMBA_BOUNDSCHECK=1`` and
``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import binding as llvm

#: Modules without kernels of their own whose constants kernels fold in.
_FEEDS = {f"contracts/{name}" for name in ("commands", "features", "money", "policy", "reasons", "row", "states")} | {
    "state/layout",
    "behaviour/events",
    "post/terms",
}

config: Any = numba.config
_njit: Any = numba.njit  # whose types do not know all of its options
F = TypeVar("F", bound=Callable[..., Any])


def _sources_hash() -> str:
    """Hash every source file that defines or feeds a kernel."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__} {llvm.get_host_cpu_name()}".encode())
    digest.update(f"{config.BOUNDSCHECK}".encode())
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if b"@kernel" in text or f"{path.parent.name}/{path.stem}" in _FEEDS:
            digest.update(path.name.encode())
            digest.update(text)
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    base = os.environ.get("PENSTOCK_KERNEL_CACHE") or Path.home() / ".cache" / "penstock" / "kernels"
    return Path(base) / _sources_hash()


if "NUMBA_CACHE_DIR" not in os.environ:
    config.CACHE_DIR = str(_cache_folder())


def kernel(function: F) -> F:
    """Compile ``function`` to run without the GIL; integers wrap, so callers check before adding.

    Kernels allocate nothing, so numba's counting of references is off: it took half of their time.
    """
    compiled = _njit(cache=True, nogil=True, fastmath=False, _nrt=False)(function)
    return cast("F", compiled)


def constant(number: int) -> int:
    """A number that kernels pass on as a plain int64.

    numba gives an ``int`` of a module a type of its own, and compiles what it is passed to once for each number.
    """
    return cast("int", np.int64(number))
