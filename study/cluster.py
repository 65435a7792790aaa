"""Where Ray runs: a local one of our own, or a cluster at an address that must answer."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from study import joining
from study.provenance import cores
from trainables.errors import ConfigError

SCRATCH = "spinetune-"  # prefix of a driver's folder for its Ray
WARDEN = Path(__file__).with_name("nodes") / "warden.py"

# Read by Ray when it is imported or initialised, and inherited by every process that it starts.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # phones home every hour otherwise
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0 the only way to a quiet Tune
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our store writes rows; three more copies cost half the rate
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths of a spec mean the launch folder
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a traceback for every killed worker; study.tuning says it in a line
    # study.nodes.headwatch sees to a head that is gone; after this time Ray ends the driver from C++.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "300",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # CPU trials keep CUDA_VISIBLE_DEVICES; silences a warning
}
LOCAL_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",  # explicit: the default depends on what has run on the machine before
    # The only switch that binds every listener of a local Ray to 127.0.0.1 (_node_ip_address is ignored).
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


# What a trial imports (torch.optim imports torch._dynamo at its first use). Ray's idle worker processes load
# it while the driver is still busy; see _use_idle_processes.
PRELOAD = ["study.tuning", "torch._dynamo"]


@contextmanager
def running(address: str | None) -> Iterator[int]:
    """A connected Ray for the length of the block; yields its CPUs. A local one leaves nothing behind."""
    os.environ |= {key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()}
    if address is None:
        with _local() as cpus:
            yield cpus
        return
    # What 'ray start' does on the other side, made explicit here: tokens where there is one.
    os.environ.setdefault("RAY_AUTH_MODE", "token" if joining.token()[0] else "disabled")
    import ray

    try:
        with _interruptible():
            _check_node(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError([f"address: {address} accepts connections but Ray cannot join: {first}"]) from None
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


def terminate_like_interrupt() -> None:
    """SIGTERM ends this process as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def _interruptible() -> Iterator[None]:
    """The start of Ray, some seconds, after which a SIGTERM that came meanwhile is obeyed.

    Ray's own handlers for it drain a node that is not up yet, or exit in silence, and stay; an exception in
    the middle of the start is at times swallowed, and the study runs.
    """
    from ray._private import utils

    asked = False

    def later(number: int, frame: Any) -> None:
        nonlocal asked
        asked = True

    set_handler, utils.set_sigterm_handler = utils.set_sigterm_handler, lambda handler: None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, later)
    try:
        yield
    finally:
        utils.set_sigterm_handler = set_handler
        terminate_like_interrupt()
        if asked:
            raise KeyboardInterrupt


def _check_node(address: str) -> None:
    """ConfigError where this machine is no node of the cluster: Ray would crash, with a trace of C++."""
    if address.startswith("ray://"):
        return
    from ray._private.services import GcsClient

    nodes = GcsClient(address=address).get_all_node_info(timeout=joining.ANSWER_S).values()
    if not any(joining.is_here(node.node_manager_address) for node in nodes):
        raise ConfigError(
            [
                f"address: this machine is no node of the cluster at {address}, and a driver must be on one; "
                "start it there ('ray attach cluster.yaml', then --address auto)"
            ]
        )


def _use_idle_processes() -> None:
    """Let Tune's trials start in the processes that Ray has started already: 10 s earlier on two cores.

    Tune gives its actors environment variables, and Ray starts a new process for any actor that has some.
    Here every process inherits the driver's environment anyway.
    """
    from ray.tune.execution import class_cache

    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()


def clear_abandoned(place: Path) -> None:
    """Remove what drivers that were killed have left in ``place``.

    Only this user's folders, and only those whose driver is dead: it holds a lock on a file in its folder,
    which the kernel lets go of with the process. The number of a process would tell less: another one may
    have it by now, or has it in another container. A folder without that file stays: a driver may be about
    to make it.
    """
    for folder in place.glob(f"{SCRATCH}*"):
        with suppress(OSError):  # BlockingIOError: the driver lives
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            with (folder / "driver").open() as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _local() -> Iterator[int]:
    os.environ |= LOCAL_ENVIRONMENT
    # Its own folder: an earlier or parallel Ray on the machine is not touched. Short, because the paths of
    # its sockets must stay under 108 characters.
    clear_abandoned(Path(tempfile.gettempdir()))
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))
    owner = (scratch / "driver").open("w")
    warden = subprocess.Popen(  # ends with this process, however that ends, and clears up after it
        [sys.executable, "-I", "-S", str(WARDEN), str(scratch)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)  # until this process ends, however it ends: see clear_abandoned
        token = scratch / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
        import ray

        cpus = cores()
        try:
            with _interruptible():
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    # Trials exchange rows, not tensors; the default takes 30 % of memory.
                    object_store_memory=256 * 2**20,
                    _temp_dir=str(scratch),
                    # Never more processes starting than cores: without the limit Ray at times starts a second
                    # set while the first is importing, and both take twice as long.
                    _system_config={
                        "preload_python_modules": PRELOAD,
                        "worker_maximum_startup_concurrency": cpus,
                    },
                )
        except Exception as error:  # Ray's own, of no class: it waits for its raylet for 30 s and no longer
            why = str(error).strip().partition(". ")[0] or type(error).__name__
            raise ConfigError([f"Ray did not start ({why}); is the machine overloaded? Try again"]) from None
        except KeyboardInterrupt:
            ray.shutdown()
            raise
        _use_idle_processes()
        try:
            yield cpus
        finally:
            ray.shutdown()
    finally:
        os.environ.pop("RAY_AUTH_TOKEN_PATH", None)
        shutil.rmtree(scratch, ignore_errors=True)
        owner.close()
        assert warden.stdin is not None
        warden.stdin.close()  # it looks for what is left in a moment; nobody waits for it
