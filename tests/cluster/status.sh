# shellcheck shell=bash
# cluster status. Sourced by "cluster".

all_alive() {
	local piece
	for piece in "${PIECES[@]}"; do
		piece_alive "$piece" || return 1
	done
}

# What "up" leaves is not looked at before it has ended.
cluster_owner() {
	local pid start
	lock "$LOCK"
	if ! something_left; then
		echo none
	elif { read -r pid start <"$STATE/owner"; } 2>/dev/null; then
		[ "$(start_time "$pid")" != "$start" ] && echo gone || echo "$pid"
	else
		all_alive && echo somebody || echo gone
	fi
}

cluster_status() {
	local piece pid status=0
	for piece in "${PIECES[@]}"; do
		if pid=$(piece_pid "$piece"); then
			printf '%-24s running  pid %s\n' "$piece" "$pid"
		else
			printf '%-24s absent\n' "$piece"
			status=1
		fi
	done
	piece_alive kube-apiserver || return "$status"
	KUBECTL_SECONDS=20 kubectl get nodes || status=1
	KUBECTL_SECONDS=20 kubectl get pods --all-namespaces || status=1
	return "$status"
}
