#!/bin/bash
# Runs a command under a Slurm of two nodes that are both this machine, and ends it again.
#
#     tests/collective/slurm.sh srun --nodes 2 --ntasks 4 PROGRAM ARGS
#     tests/collective/slurm.sh sbatch --wait job.sbatch
#
# Needs root, for daemons and for names of machines of its own; installs Debian's packages where they are missing. Nodes are
# called automl-n1 and automl-n2, with two cores each. Nothing is left behind but the packages.
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: Slurm's daemons need root here" >&2
    exit 77
fi
if ! command -v slurmctld slurmd srun > /dev/null; then
    # Installed, but not started by the system.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod +x $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client >&2
    rm -f $policy
    trap - EXIT
fi

# Names of machines are those of a mount namespace of its own.
if [ -z "${AUTOML_SLURM_INSIDE:-}" ]; then
    AUTOML_SLURM_INSIDE=1 exec unshare --mount "$0" "$@"
fi

folder=$(mktemp -d /tmp/automl-slurm-XXXXXX)
{ cat /etc/hosts; echo "127.0.0.1 automl-n1 automl-n2"; } > "$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
mkdir "$folder/state"
cat > "$folder/slurm.conf" << CONF
ClusterName=automl
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/none
CredType=cred/none
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
NodeName=automl-n1 NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=16821 CPUs=2 State=UNKNOWN
NodeName=automl-n2 NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=16822 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=automl-n[1-2] Default=YES State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"

pids=
end() {
    status=$?
    # shellcheck disable=SC2086
    kill $pids 2> /dev/null || true
    wait
    umount /etc/hosts
    rm -rf "$folder"
    exit $status
}
trap end EXIT
start() {
    "$@" > /dev/null 2>&1 &
    pids="$pids $!"
}
start slurmctld -D -i
start slurmd -D -N automl-n1
start slurmd -D -N automl-n2
for _ in $(seq 100); do
    if [ "$(sinfo -h -o %t -N 2> /dev/null | grep -c idle)" = 2 ]; then
        break
    fi
    sleep 0.1
done
"$@"
