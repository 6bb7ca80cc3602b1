# shellcheck shell=bash
# cluster down, also after a crash: by pid files, by command lines, by cgroup; then mounts, network, files. Sourced by
# "cluster".

# Processes of this cluster that no pid file tells of: one of its programs with its folder in the command line.
strays() {
	local entry pid command
	for entry in /proc/[0-9]*; do
		pid=${entry#/proc/}
		command=$({ tr '\0' ' ' <"$entry/cmdline"; } 2>/dev/null) || continue
		[[ $command == *"$STATE/"* ]] || continue
		case ${command%% *} in
		*/kube-* | */kubelet | */etcd | */coredns | containerd | */containerd | *containerd-shim* | runc | */runc)
			start_time "$pid" >/dev/null && echo "$pid"
			;;
		esac
	done
	return 0
}

# Processes in containers. They lie in the kubelet's cgroups, which are ours when no other kubelet runs.
container_processes() {
	find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un
}

cluster_processes() {
	local piece
	for piece in "${PIECES[@]}"; do
		piece_pid "$piece" || :
	done
	strays
	[ ! -d "$STATE/pids" ] || foreign_kubelet || container_processes
}

foreign_kubelet() {
	local pid
	for pid in $(pgrep -x kubelet); do
		{ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF "$STATE/" || return 0
	done
	return 1
}

mounts() { # below the state folder, deepest first
	awk -v state="$STATE/" 'index($5, state) == 1 {print $5}' /proc/self/mountinfo | sort -r
}

something_left() {
	[ -e "$STATE/bridge" ] || [ -n "$(cluster_processes)" ] || [ -n "$(mounts)" ] || [ -d "$STATE/pids" ]
}

# TERM, and KILL for what does not heed it.
stop_processes() { # SECONDS PID...
	local end=$((SECONDS + $1)) pid left
	shift
	[ "$#" -gt 0 ] || return 0
	kill "$@" 2>/dev/null || :
	while :; do
		left=()
		for pid in "$@"; do
			! start_time "$pid" >/dev/null || left+=("$pid")
		done
		[ "${#left[@]}" -gt 0 ] || return 0
		[ "$SECONDS" -lt "$end" ] || break
		sleep 0.1
	done
	kill -s KILL "${left[@]}" 2>/dev/null || :
	sleep 0.2
}

stop_piece() { # PIECE
	local pid
	! pid=$(piece_pid "$1") || stop_processes 10 "$pid"
}

# Containers go while containerd still runs; what it cannot do any more the later steps do.
stop_containers() {
	local tasks containers
	piece_alive containerd || return 0
	tasks=$(CTR_SECONDS=10 ctr tasks ls -q 2>/dev/null) || return 0
	each "$tasks" ctr tasks kill -s KILL
	each "$tasks" ctr tasks rm -f
	containers=$(CTR_SECONDS=10 ctr containers ls -q 2>/dev/null) || return 0
	# shellcheck disable=SC2086
	[ -z "$containers" ] || CTR_SECONDS=30 ctr containers rm $containers >/dev/null 2>&1 || :
}

# At once for all, in a subshell: "wait" there does not wait for the pieces, which "up" started itself.
each() { # NAMES COMMAND...
	(
		names=$1
		shift
		for name in $names; do
			CTR_SECONDS=10 "$@" "$name" &
		done
		wait
	) >/dev/null 2>&1
}

unmount_all() {
	local i point
	for ((i = 0; i < 5; i++)); do
		[ -n "$(mounts)" ] || return 0
		mounts | while read -r point; do
			umount "$(printf '%b' "$point")" 2>/dev/null || umount -l "$(printf '%b' "$point")" 2>/dev/null || :
		done
	done
}

# The rules and chains that kube-proxy, the kubelet and the CNI plugins made, and no others; one transaction a table.
remove_rules() { # iptables|ip6tables
	local table rules
	for table in nat filter mangle raw; do
		rules=$(timeout 20 "$1-save" -t "$table" 2>/dev/null | awk -v table="$table" '
			BEGIN {print "*" table}
			/^:(KUBE|CNI)-/ {chain = substr($1, 2); print ":" chain " - [0:0]"; gone = gone "-X " chain "\n"}
			/^-A / && $2 !~ /^(KUBE|CNI)-/ && / -[jg] (KUBE|CNI)-/ {sub(/^-A/, "-D"); print}
			END {printf "%sCOMMIT\n", gone}')
		[ "$(wc -l <<<"$rules")" -gt 2 ] || continue
		timeout 20 "$1-restore" --noflush <<<"$rules" ||
			say "could not remove rules of the table $table with $1"
	done
}

remove_network() {
	local name
	if [ -e "$STATE/bridge" ] && ip link show "$BRIDGE" >/dev/null 2>&1; then
		for name in $(ip -o link show master "$BRIDGE" | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
			ip link delete "$name" 2>/dev/null || :
		done
		ip link delete "$BRIDGE" 2>/dev/null || :
	fi
	rm -f "$STATE/bridge"
	remove_rules iptables
	remove_rules ip6tables
	for name in /var/lib/cni/results/green-ml-*-eth0; do
		rm -f "$name" "/var/lib/cni/results/cni-loopback-$(basename "${name%-eth0}" | cut -c 10-)-lo"
	done
	timeout 20 conntrack -D -s "$POD_RANGE" >/dev/null 2>&1 || :
}

remove_cgroups() {
	foreign_kubelet || find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || :
}

# Everything but the logs.
remove_files() {
	local link
	for link in /var/log/containers/*; do
		case $(readlink "$link") in "$STATE"/*) rm -f "$link" ;; esac
	done
	[ ! -e "$STATE/var-lib-kubelet" ] || rm -rf /var/lib/kubelet
	rmdir /var/log/containers /var/lib/cni/results /var/lib/cni /run/containerd/s 2>/dev/null || :
	[ -z "$(mounts)" ] || return 0
	[ ! -d "$STATE" ] || find "$STATE" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
}

take_down() {
	local piece left
	stop_piece kubelet # first: it would start anew what is stopped
	stop_containers
	for piece in $(printf '%s\n' "${PIECES[@]}" | tac); do
		stop_piece "$piece"
	done
	# shellcheck disable=SC2046
	stop_processes 5 $(cluster_processes)
	unmount_all
	remove_network
	remove_cgroups
	[ ! -s "$STATE/settings" ] || sysctl -q -p "$STATE/settings" >/dev/null 2>&1 || :
	left=$(cluster_processes | xargs)
	[ -z "$left" ] || die "the processes $left of this cluster do not end"
	[ -z "$(mounts)" ] || die "could not unmount $(mounts | xargs)"
	remove_files
}

cluster_down() {
	lock "$LOCK"
	if ! something_left; then
		say 'there is no cluster'
		return 0
	fi
	cd /
	take_down
	say "the cluster is down; its logs stay in $STATE/log"
}
