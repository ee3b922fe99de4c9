#!/bin/bash
# A Slurm of four nodes with one slot each, on this machine, as root and without systemd.
#   cluster.sh install       what Debian has; exit code 75 where it cannot be installed
#   cluster.sh start HOME    munged, slurmctld, four slurmd; all state lies in HOME
#   cluster.sh node HOME N   starts slurmd of node N again
#   cluster.sh stop HOME     ends what was started, by process id
# Commands of Slurm are then called with SLURM_CONF=HOME/slurm.conf.
set -euo pipefail
HOME_FOLDER=${2:-}
NODES=4
# Two clusters may be up at once.
PORT=$((20000 + $(cksum <<< "$HOME_FOLDER" | cut -d' ' -f1) % 12000))

install() {
  local disk
  disk=$(mktemp -d)
  mount -t tmpfs tmpfs "$disk" 2> /dev/null || { rmdir "$disk"; echo 'no file system can be mounted here' >&2; exit 75; }
  umount "$disk" && rmdir "$disk"
  if command -v slurmctld slurmd munged > /dev/null && [ -e "$(faketime_library)" ]; then return; fi
  export DEBIAN_FRONTEND=noninteractive
  { timeout 60 apt-get update -qq && timeout 300 apt-get install -y -qq --no-install-recommends slurm-wlm munge faketime; } > /dev/null 2>&1 ||
    { echo 'slurm-wlm, munge and faketime cannot be installed here (Debian, root and its registry are needed)' >&2; exit 75; }
}

faketime_library() { find /usr/lib -name libfaketime.so.1 2> /dev/null | head -1; }

start() {
  mkdir -p "$HOME_FOLDER"/{state,munge}
  chmod 755 "$HOME_FOLDER"
  chown -R munge: "$HOME_FOLDER/munge"
  chmod 700 "$HOME_FOLDER/munge"
  dd if=/dev/urandom of="$HOME_FOLDER/munge/key" bs=1024 count=1 status=none
  chown munge: "$HOME_FOLDER/munge/key" && chmod 400 "$HOME_FOLDER/munge/key"
  chmod 711 "$HOME_FOLDER/munge"
  setpriv --reuid munge --regid munge --clear-groups munged --key-file "$HOME_FOLDER/munge/key" --socket "$HOME_FOLDER/munge/socket" \
    --pid-file "$HOME_FOLDER/munge/pid" --log-file "$HOME_FOLDER/munge/log" --seed-file "$HOME_FOLDER/munge/seed"
  cat > "$HOME_FOLDER/slurm.conf" << END
ClusterName=progtuning
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$HOME_FOLDER/munge/socket
CredType=cred/munge
StateSaveLocation=$HOME_FOLDER/state
SlurmdSpoolDir=$HOME_FOLDER/%n
SlurmctldPidFile=$HOME_FOLDER/slurmctld.pid
SlurmdPidFile=$HOME_FOLDER/%n.pid
SlurmctldLogFile=$HOME_FOLDER/slurmctld.log
SlurmdLogFile=$HOME_FOLDER/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,bf_interval=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
EnforcePartLimits=ALL
SlurmdTimeout=20
KillWait=5
MinJobAge=600
UnkillableStepTimeout=30
END
  for n in $(seq $NODES); do
    echo "NodeName=n$n NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((PORT + n)) CPUs=1 RealMemory=2000 State=UNKNOWN" >> "$HOME_FOLDER/slurm.conf"
    mkdir -p "$HOME_FOLDER/n$n"
  done
  {
    echo "PartitionName=main Nodes=n[1-$NODES] Default=YES MaxTime=60 State=UP PriorityTier=1"
    echo "PartitionName=urgent Nodes=n[1-$NODES] MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF"
    echo "PartitionName=others Nodes=n[1-$NODES] MaxTime=60 State=UP AllowAccounts=physics"
  } >> "$HOME_FOLDER/slurm.conf"
  export SLURM_CONF="$HOME_FOLDER/slurm.conf"
  slurmctld
  for n in $(seq $NODES); do slurmd -N "n$n"; done
  for _ in $(seq 60); do
    [ "$(sinfo -h -t idle -o %D -p main)" = "$NODES" ] && return
    sleep 1
  done
  sinfo >&2
  tail -5 "$HOME_FOLDER"/*.log >&2
  exit 1
}

stop() {
  for file in "$HOME_FOLDER"/n*.pid "$HOME_FOLDER/slurmctld.pid" "$HOME_FOLDER/munge/pid"; do
    if [ -e "$file" ]; then kill "$(cat "$file")" 2> /dev/null || true; fi
  done
}

case ${1:-} in
  install) install ;;
  start) start ;;
  node) SLURM_CONF="$HOME_FOLDER/slurm.conf" slurmd -N "n$3" ;;
  stop) stop ;;
  faketime) faketime_library ;;
  *) echo "cluster.sh install | start HOME | node HOME N | stop HOME" >&2; exit 2 ;;
esac
