# shellcheck shell=bash
# cluster up. Sourced by "cluster".

# What the pieces set on this machine; "down" sets it back.
SETTINGS=(net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.bridge.bridge-nf-call-iptables vm.overcommit_memory
	vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

start() { # PIECE PROGRAM ARGUMENT...
	local piece=$1
	shift
	setsid "$@" >"$STATE/log/$piece.log" 2>&1 </dev/null 9>&- &
	echo "$! $(start_time "$!" || :)" >"$STATE/pids/$piece"
}

start_containerd() {
	config_containerd
	start containerd containerd --config "$STATE/containerd.toml" --log-level warn
	wait_until 30 containerd containerd ctr version
}

start_etcd() {
	local tls=$STATE/pki/etcd
	start etcd "$CACHE/bin/etcd" --name "$NODE" --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 \
		--listen-peer-urls https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380 \
		--initial-cluster "$NODE=https://127.0.0.1:2380" \
		--cert-file "$tls.crt" --key-file "$tls.key" --client-cert-auth --trusted-ca-file "$STATE/pki/ca.crt" \
		--peer-cert-file "$tls.crt" --peer-key-file "$tls.key" --peer-client-cert-auth \
		--peer-trusted-ca-file "$STATE/pki/ca.crt"
}

start_apiserver() {
	local pki=$STATE/pki
	start kube-apiserver "$CACHE/bin/kube-apiserver" \
		--etcd-servers=https://127.0.0.1:2379 --etcd-cafile="$pki/ca.crt" \
		--etcd-certfile="$pki/etcd.crt" --etcd-keyfile="$pki/etcd.key" \
		--bind-address="$NODE_ADDRESS" --advertise-address="$NODE_ADDRESS" --secure-port=6443 \
		--tls-cert-file="$pki/kube-apiserver.crt" --tls-private-key-file="$pki/kube-apiserver.key" \
		--client-ca-file="$pki/ca.crt" \
		--service-account-key-file="$pki/service-account.key" \
		--service-account-signing-key-file="$pki/service-account.key" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-cluster-ip-range="$SERVICE_RANGE" --authorization-mode=Node,RBAC \
		--enable-admission-plugins=NodeRestriction --allow-privileged=true \
		--kubelet-preferred-address-types=InternalIP --kubelet-certificate-authority="$pki/ca.crt" \
		--kubelet-client-certificate="$pki/apiserver-client.crt" --kubelet-client-key="$pki/apiserver-client.key"
}

start_controllers() {
	local pki=$STATE/pki
	start kube-controller-manager "$CACHE/bin/kube-controller-manager" \
		--kubeconfig="$STATE/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false \
		--use-service-account-credentials --root-ca-file="$pki/ca.crt" \
		--service-account-private-key-file="$pki/service-account.key" \
		--cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key"
	start kube-scheduler "$CACHE/bin/kube-scheduler" --kubeconfig="$STATE/kube-scheduler.kubeconfig" \
		--bind-address=127.0.0.1 --leader-elect=false
}

start_node() {
	start kube-proxy "$CACHE/bin/kube-proxy" --config="$STATE/kube-proxy.yaml"
	start kubelet "$CACHE/bin/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet.kubeconfig" \
		--containerd="$STATE/run/containerd.sock" \
		--housekeeping-interval=1s --root-dir="$STATE/kubelet" --cert-dir="$STATE/pki" --hostname-override="$NODE" --node-ip="$NODE_ADDRESS"
	start coredns "$CACHE/bin/coredns" -conf "$STATE/Corefile"
}

# The bridge comes first: it carries the address that everything else listens on.
make_network() {
	local name
	modprobe -qa br_netfilter overlay 2>/dev/null || :
	for name in "${SETTINGS[@]}"; do
		sysctl "$name" 2>/dev/null || :
	done >"$STATE/settings"
	sysctl -qw net.ipv4.ip_forward=1
	sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || :
	! ip link show "$BRIDGE" >/dev/null 2>&1 ||
		die "there is a network device $BRIDGE already and it is not this cluster's: remove it first"
	ip link add "$BRIDGE" type bridge
	ip address add "$NODE_ADDRESS/24" dev "$BRIDGE"
	ip link set "$BRIDGE" up
	touch "$STATE/bridge"
	[ -e /var/lib/kubelet ] || touch "$STATE/var-lib-kubelet"
}

import_images() {
	local name
	for name in "${IMAGES[@]}"; do
		[ "$name" = debian ] || import_archive "$CACHE/images/$name.tar"
	done
}

api_is_ready() {
	KUBECTL_SECONDS=10 kubectl get --raw /readyz
}

node_is_ready() {
	[ "$(KUBECTL_SECONDS=10 kubectl get node "$NODE" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

# Argo as its own cluster-install has it, with the few settings of argo/kustomization.yaml.
install_argo() {
	local folder=$STATE/argo
	cp -r "$CACHE/manifests" "$folder"
	cp -r "$HERE/argo" "$folder/green-ml"
	kubectl -n argo create secret tls argo-server-tls --cert="$STATE/pki/argo-server.crt" \
		--key="$STATE/pki/argo-server.key"
	kubectl apply --server-side -k "$folder/base/crds/full"
	kubectl kustomize --load-restrictor=LoadRestrictionsNone "$folder/green-ml" |
		sed "s,\(image: quay.io/argoproj/[a-z-]*\):.*,\1:$ARGO," >"$folder/argo.yaml"
	kubectl apply --server-side -f "$folder/argo.yaml"
}

argo_is_ready() {
	local deployment
	for deployment in workflow-controller argo-server; do
		[ "$(KUBECTL_SECONDS=10 kubectl -n argo get deployment "$deployment" -o 'jsonpath={.status.readyReplicas}')" = 1 ] || return 1
	done
}

# A step that fails says why and ends the script; up_ended takes down what there is.
start_all() {
	local importing
	make_network
	start_containerd
	import_images >"$STATE/log/import.log" 2>&1 &
	importing=$!
	make_certificates
	make_config
	start_etcd
	start_apiserver
	wait_until 60 kube-apiserver 'the API server' api_is_ready
	start_controllers
	step namespaces kubectl apply --server-side -f "$HERE/namespaces.yaml" -f "$STATE/volumes.yaml"
	step argo-install install_argo
	wait "$importing" || fail_with "$STATE/log/import.log"
	start_node
	wait_until 60 kubelet 'the node to be ready' node_is_ready
	wait_until 30 coredns 'the name server' curl -fsm 5 "http://$NODE_ADDRESS:8181/ready"
	wait_until 120 kubelet 'Argo to be ready' argo_is_ready || {
		kubectl -n argo get pods,events >&2 || :
		return 1
	}
}

step() { # NAME COMMAND...
	local log=$STATE/log/$1.log
	shift
	("$@") >"$log" 2>&1 &
	wait "$!" || fail_with "$log"
}

fail_with() { # LOG
	log_tail "$1"
	exit 1
}

cluster_up() {
	local began=$SECONDS
	built || die 'not everything is built; run "tests/cluster/cluster build" first'
	"$HERE/../deps" cluster
	lock "$LOCK"
	if all_alive && api_is_ready >/dev/null 2>&1; then
		say 'the cluster is up already'
		return 0
	fi
	if something_left; then
		say 'removing what an earlier run left'
		take_down
	fi
	ports_are_free
	cd /
	unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY all_proxy ALL_PROXY
	rm -rf "$STATE"
	mkdir -p "$STATE"/{log/pods,pids,run}
	chmod 700 "$STATE"
	[ -z "${CLUSTER_OWNER:-}" ] || echo "$CLUSTER_OWNER $(start_time "$CLUSTER_OWNER")" >"$STATE/owner"
	trap up_ended EXIT
	trap 'exit 143' TERM INT HUP
	start_all
	trap - EXIT TERM INT HUP
	say "the cluster is up after $((SECONDS - began)) s; to use it:"
	say "    eval \"\$($HERE/cluster env)\""
}

up_ended() {
	trap - EXIT
	trap '' TERM INT HUP
	set +e
	say "the cluster did not start; its logs stay in $STATE/log"
	take_down
	exit 1
}

# Anything that listens there would be asked in place of a piece of this cluster.
ports_are_free() {
	local taken
	taken=$(ss -Hltn | awk '{print $4}' | grep -E ":(2379|2380|6443|8181|10248|10249|10250|10256|10257|10259)$" || :)
	[ -z "$taken" ] || die "something else listens on $(xargs <<<"$taken")"
}
