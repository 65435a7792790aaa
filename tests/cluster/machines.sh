#!/usr/bin/env bash
# A laptop and its machines on one computer: bash machines.sh FOLDER OWN NAME=ADDRESS ...
#
# Run as the first process of new PID, mount and network namespaces (see lab.py). Every machine gets such
# namespaces of its own inside these, an Ethernet to all others, a home, OWN (Ray's folder) and /dev/shm of its
# own, and a real sshd. What 'ray stop' kills by name is then what runs on that machine, and nothing leads outside.
# Ends with its standard input; the kernel ends the machines with it.
set -euo pipefail
folder=$1
own=$2
shift 2

private() { # NAME: mounts that this machine shares with no other
  mount --make-rprivate /
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /dev/shm
  mount --bind "$folder/$1/own" "$own"
  mount --bind "$folder/$1/passwd" /etc/passwd
  hostname "$1"
  ip link set lo up
}

if [ "${1:-}" = --machine ]; then # in the namespaces of one machine
  private "$2"
  mkdir /run/sshd
  exec /usr/sbin/sshd -D -E "$folder/$2/sshd.log" -f "$folder/sshd_config"
fi

private laptop
ip link add lan type bridge
ip address add 192.0.2.1/24 dev lan
ip link set lan up
for machine in "$@"; do
  name=${machine%=*}
  ip netns add "$name"
  ip link add "to-$name" type veth peer name eth0 netns "$name"
  ip link set "to-$name" master lan up
  ip -n "$name" address add "${machine#*=}/24" dev eth0
  ip -n "$name" link set eth0 up
  ip netns exec "$name" unshare --pid --fork --kill-child --mount --uts --ipc --mount-proc \
    bash "$0" "$folder" "$own" --machine "$name" &
done
echo ready
read -r _ || true # the end of standard input
