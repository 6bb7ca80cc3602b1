# shellcheck shell=bash
# What all commands share: versions, places, messages, locks, bounded waits. Sourced by "cluster".

MODULES=$HERE/modules

module_version() { # FOLDER MODULE: as go.mod has it
	sed -n "s,^\(require \)\?[[:space:]]*$2 \(v[^ ]*\).*,\2,p" "$MODULES/$1/go.mod"
}
KUBERNETES=$(module_version kubernetes k8s.io/kubernetes)
ARGO=$(module_version argo github.com/argoproj/argo-workflows/v4)
SUITE=bookworm
RECIPE=1 # one more when build.sh or images.sh make something else of the same sources

NAMESPACE=green-ml
NODE=green-ml
BRIDGE=cni0
NODE_ADDRESS=10.42.0.1 # of the bridge: the node's, the API server's and the name server's
POD_RANGE=10.42.0.0/24
SERVICE_RANGE=10.43.0.0/16
API=https://$NODE_ADDRESS:6443
BASE_IMAGE=docker.io/library/debian:$SUITE-slim
PAUSE_IMAGE=localhost/pause:1

STATE=/var/lib/green-ml-cluster
LOCK=/run/lock/green-ml-cluster
CACHE_ROOT=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/green-ml
CACHE=$CACHE_ROOT/$({
	echo "recipe $RECIPE suite $SUITE"
	cat "$MODULES"/*/go.mod "$MODULES"/*/go.sum "$HERE/pause.c"
} | sha256sum | cut -c 1-16)

# In the order of starting; they stop in the opposite one.
PIECES=(containerd etcd kube-apiserver kube-controller-manager kube-scheduler coredns kube-proxy kubelet)
PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl etcd coredns argo
	workflow-controller argoexec)
IMAGES=(pause debian argocli argo-workflow-controller argoexec)

say() {
	echo "cluster: $*" >&2
}

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$*"
	say 'see "tests/cluster/cluster --help"'
	exit 2
}

log_tail() { # FILE: its end, when there is any
	[ ! -s "$1" ] || {
		say "the end of $1:"
		tail -n 20 "$1" | cut -c 1-400 | sed 's/^/    /' >&2
	}
}

# One command at a time; descriptor 9 holds the lock, and nothing that stays may inherit it.
lock() { # FILE
	mkdir -p "${1%/*}"
	exec 9>"$1"
	flock -n 9 && return 0
	say 'another command is at work; waiting for it'
	flock -w 1800 9 || die "could not get the lock $1 within 30 minutes"
}

# Runs a command with a time limit and its output in a file, and stops it when this script is stopped.
logged() { # SECONDS LOG COMMAND...
	local seconds=$1 log=$2 status=0 pid
	shift 2
	mkdir -p "${log%/*}"
	timeout --kill-after=10 "$seconds" "$@" >"$log" 2>&1 </dev/null 9>&- &
	pid=$!
	# shellcheck disable=SC2064
	trap "kill $pid 2>/dev/null; exit 143" TERM INT HUP
	wait "$pid" || status=$?
	trap - TERM INT HUP
	[ "$status" != 124 ] || say "it took longer than $seconds seconds"
	return "$status"
}

# Waits for a command to succeed; gives up when the time is over or the piece it depends on has ended. The command runs
# in a subshell, so that a signal does not find this shell's own output redirected.
wait_until() { # SECONDS PIECE WHAT COMMAND...
	local seconds=$1 piece=$2 what=$3 end=$((SECONDS + $1))
	shift 3
	until ("$@") >/dev/null 2>&1; do
		if ! piece_alive "$piece"; then
			say "$piece ended while waiting for $what"
		elif [ "$SECONDS" -ge "$end" ]; then
			say "waited $seconds seconds in vain for $what"
		else
			sleep 0.2
			continue
		fi
		log_tail "$STATE/log/$piece.log"
		return 1
	done
}

start_time() { # PID: in clock ticks since boot; with the number it names one process for good; fails when it has ended
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	case $stat in [ZX]*) return 1 ;; esac
	cut -d ' ' -f 20 <<<"$stat"
}

piece_pid() { # PIECE: the number, when the process of the pid file still runs
	local pid start
	{ read -r pid start <"$STATE/pids/$1"; } 2>/dev/null || return 1
	[ -n "$start" ] && [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}

piece_alive() {
	piece_pid "$1" >/dev/null
}

kubectl() {
	timeout --kill-after=5 "${KUBECTL_SECONDS:-90}" "$CACHE/bin/kubectl" --kubeconfig "$STATE/kubeconfig" \
		--request-timeout=60s "$@"
}

ctr() {
	timeout --kill-after=5 "${CTR_SECONDS:-120}" ctr -a "$STATE/run/containerd.sock" -n k8s.io "$@"
}

cluster_kubeconfig() {
	echo "$STATE/kubeconfig"
}

cluster_env() {
	printf 'export KUBECONFIG=%q\nexport PATH=%q:"$PATH"\n' "$STATE/kubeconfig" "$CACHE/bin"
}

cluster_cache() {
	echo "$CACHE"
	built
}

built() { # all that "build" makes is there
	local name
	for name in "${PROGRAMS[@]}"; do
		[ -x "$CACHE/bin/$name" ] || return 1
	done
	for name in "${IMAGES[@]}"; do
		[ -s "$CACHE/images/$name.tar" ] || return 1
	done
	[ -d "$CACHE/manifests" ]
}
