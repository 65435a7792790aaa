#!/usr/bin/env bash
# Sets up one node, the same for every kind of cluster: bash clusters/setup.sh. Again, it is done in a second.
#
# ~/spinetune-env may be there already, or be a link to an environment with the dependencies (an image's, a
# module's): then nothing is installed, only looked at.
set -euo pipefail
home=$(cd "$(dirname "$0")/.." && pwd)
env=~/spinetune-env
pins=$home/clusters/constraints.txt

# Everyone on the machine may read what this user's umask lets them; the token is nobody else's.
if [ "${SPINETUNE_TOKEN:-}" != later ]; then # an image is built without one
  if [ ! -s ~/.ray/auth_token ]; then
    echo "error: no token in ~/.ray/auth_token; on your laptop: python -m study.nodes.secret" >&2
    exit 2
  fi
  chmod 700 ~/.ray
  chmod 600 ~/.ray/auth_token
fi

if [ ! -L "$env" ]; then
  wanted=$(cat "$home/pyproject.toml" "$pins" | sha256sum)
  if [ "$(cat "$env/installed" 2>/dev/null)" != "$wanted" ]; then
    python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: needs Python 3.11 or later")'
    python3 -m venv "$env"
    "$env/bin/pip" install --quiet --constraint "$pins" --editable "$home[cluster]"
    echo "$wanted" >"$env/installed"
  fi
fi
# On a line of its own, whether or not the last one there has an end.
grep -q clusters/environment.sh ~/.bashrc 2>/dev/null || printf '\n. "%s/clusters/environment.sh"\n' "$home" >>~/.bashrc

# Ray refuses a node whose version of Ray or Python is not the head's; what is missing shows here, not in a trial.
"$env/bin/python" -c 'from importlib.metadata import version
for name in ("ray", "torch", "torchvision", "spikingjelly", "optuna"): print(name, version(name), end="  ")'
