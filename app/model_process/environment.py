"""The environment of the supervisor and the model process: only the variables that they need, and no keys."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

# The variables that Python, the linker and llama.cpp's backends read. None of llama.cpp's own LLAMA_*: one of them
# would reveal to users the mark that represents an image in a prompt.
_KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "GPU_DEVICE_ORDINAL"})
_KEPT_PREFIXES = (
    *("PYTHON", "LC_", "LD_", "DYLD_", "GLIBC_", "MALLOC_", "XDG_"),
    *("GGML_", "MTMD_", "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_"),
    *("CUDA_", "HIP_", "ROCR_", "ROCM_", "HSA_", "VK_", "MESA_", "ONEAPI_", "SYCL_", "ZE_", "MTL_", "MUSA_"),
)
# Threads that wait for each other spin. By default they spin so long that, on busy cores, they take CPU time from the
# threads that they wait for: two threads are then a tenth as fast as one. After this many rounds, some microseconds,
# they sleep, which costs almost nothing on free cores.
_SPINS = {"GOMP_SPINCOUNT": "1000"}
_SPINNING = frozenset({"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"})
_SECRET = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)


def needed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that child processes may need, and the module path, which begins with the folder of ``app``.

    Keys of clients and of other servers may have any name, so this is an allowlist.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES)) and not _SECRET.search(name)
    }
    if not kept.keys() & _SPINNING:
        kept |= _SPINS
    here = str(Path(__file__).resolve().parents[2])
    inherited = environ.get("PYTHONPATH")
    return {**kept, "PYTHONPATH": os.pathsep.join([here, inherited] if inherited else [here])}
