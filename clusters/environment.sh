# What every shell and every Ray process of a node has in its environment; ~/.bashrc reads it (see setup.sh).

export PATH="$HOME/spinetune-env/bin:$PATH" # Ray's own commands must find the same ray in any shell
export PYTHONPATH="$HOME/spinetune"
export RAY_AUTH_MODE=token # explicit: the default depends on what has run on the machine before
export RAY_AUTH_TOKEN_PATH="$HOME/.ray/auth_token"
export RAY_USAGE_STATS_ENABLED=0 # phones home every hour otherwise
# Three servers of numbers that answer anybody, without a token (-1: no port, so they do not start), and one for
# ray:// clients that nothing here uses.
export RAY_enable_metrics_collection=0 AUTOSCALER_METRIC_PORT=-1 DASHBOARD_METRIC_PORT=-1
export RAY_START_HOOK=study.nodes.starting.guarded

# Ray opens its own folder, /tmp/ray by default, to everybody on the machine (mode 777), sockets and sent code
# included: it lies in one that is this user's alone. The hook above makes it, and refuses somebody else's. (Workers
# are told by --temp-dir too: Ray would give them the head's, whose user may have another number there.)
export RAY_TMPDIR="/tmp/spinetune-$(id -u)"

# The address by which this node is reached: where it has several, and none leads to the internet, Ray guesses.
NODE_IP=$(echo "${SSH_CONNECTION:-}" | cut -d' ' -f3)

# Random otherwise, and no firewall could be told. Listed at the top of cluster.yaml.
RAY_PORTS="--node-manager-port=6380 --object-manager-port=6381 --runtime-env-agent-port=6382
  --dashboard-agent-grpc-port=6383 --dashboard-agent-listen-port=6384 --metrics-export-port=6385
  --min-worker-port=10002 --max-worker-port=10999"

# 'ray down' of machines of one's own runs 'ray stop' on the head alone; the workers' processes would live on for
# a minute or two. This way it reaches them too. Not from a worker, whose home may be the head's own (NFS) or
# that of an earlier head: Ray gives only workers a RAY_HEAD_IP, and the program looks whose address is here.
ray() {
  if [ "$*" = stop ] && [ -z "${RAY_HEAD_IP:-}" ] && [ -f ~/ray_bootstrap_config.yaml ]; then
    python -m study.nodes.ending ~/ray_bootstrap_config.yaml
  fi
  command ray "$@"
}
