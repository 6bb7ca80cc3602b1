# shellcheck shell=bash
# The configuration files of the pieces, all below $STATE. Sourced by "cluster".

config_containerd() {
	cat >"$STATE/containerd.toml" <<-TOML
		version = 2
		root = "$STATE/containerd"
		state = "$STATE/run/containerd"
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
		  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp"]
		[grpc]
		  address = "$STATE/run/containerd.sock"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$STATE/containerd/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$PAUSE_IMAGE"
		  # A container of this machine may not be allowed to lower what it got itself.
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  netns_mounts_under_state_dir = true
		  stream_server_address = "127.0.0.1"
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$STATE/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    snapshotter = "overlayfs"
		    default_runtime_name = "runc"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		        SystemdCgroup = false
		        Root = "$STATE/run/runc"
	TOML
	mkdir -p "$STATE/cni"
	cat >"$STATE/cni/10-green-ml.conflist" <<-JSON
		{"cniVersion": "1.0.0", "name": "green-ml", "plugins": [
		  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
		   "ipam": {"type": "host-local", "dataDir": "$STATE/cni/networks", "ranges": [[{"subnet": "$POD_RANGE"}]],
		            "routes": [{"dst": "0.0.0.0/0"}]}},
		  {"type": "firewall"},
		  {"type": "portmap", "capabilities": {"portMappings": true}}
		]}
	JSON
}

config_kubelet() {
	cat >"$STATE/kubelet.yaml" <<-YAML
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		address: $NODE_ADDRESS
		healthzBindAddress: 127.0.0.1
		containerRuntimeEndpoint: unix://$STATE/run/containerd.sock
		podLogsDir: $STATE/log/pods
		volumePluginDir: $STATE/kubelet/plugins
		tlsCertFile: $STATE/pki/kubelet-server.crt
		tlsPrivateKeyFile: $STATE/pki/kubelet-server.key
		authentication:
		  anonymous: {enabled: false}
		  webhook: {enabled: true}
		  x509: {clientCAFile: $STATE/pki/ca.crt}
		authorization: {mode: Webhook}
		clusterDNS: [$NODE_ADDRESS]
		clusterDomain: cluster.local
		cgroupDriver: cgroupfs
		failSwapOn: false
		# A machine that is nearly full still runs a test.
		evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
		imageGCHighThresholdPercent: 100
		imageGCLowThresholdPercent: 99
		localStorageCapacityIsolation: false
		# Images come from archives and cannot be had again.
		imageMinimumGCAge: 8760h
	YAML
}

# Without the bridge filter of the kernel an answer from pod to pod would bypass the address translation on its way
# back; then every connection through a service is translated at its source too.
config_kube_proxy() {
	local masquerade=false
	[ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" = 1 ] || masquerade=true
	cat >"$STATE/kube-proxy.yaml" <<-YAML
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $STATE/kube-proxy.kubeconfig}
		hostnameOverride: $NODE
		mode: iptables
		clusterCIDR: $POD_RANGE
		bindAddress: $NODE_ADDRESS
		healthzBindAddress: 127.0.0.1:10256
		metricsBindAddress: 127.0.0.1:10249
		nodePortAddresses: [127.0.0.0/8, $POD_RANGE]
		iptables: {minSyncPeriod: 100ms, localhostNodePorts: true, masqueradeAll: $masquerade}
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
	YAML
}

config_coredns() {
	local forward=
	! grep -qs '^nameserver' /etc/resolv.conf || forward='forward . /etc/resolv.conf'
	cat >"$STATE/Corefile" <<-TEXT
		.:53 {
			bind $NODE_ADDRESS
			errors
			ready $NODE_ADDRESS:8181
			kubernetes cluster.local in-addr.arpa ip6.arpa {
				kubeconfig $STATE/coredns.kubeconfig
				pods insecure
				ttl 5
			}
			cache 5
			$forward
		}
	TEXT
}

# Folders of the node as volumes for whoever claims one without naming a storage class; nothing makes more of them.
config_volumes() {
	local i
	cat >"$STATE/volumes.yaml" <<-YAML
		apiVersion: storage.k8s.io/v1
		kind: StorageClass
		metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
		provisioner: kubernetes.io/no-provisioner
		volumeBindingMode: WaitForFirstConsumer
	YAML
	for ((i = 1; i <= 8; i++)); do
		mkdir -p -m 777 "$STATE/volumes/$i"
		cat >>"$STATE/volumes.yaml" <<-YAML
			---
			apiVersion: v1
			kind: PersistentVolume
			metadata: {name: local-$i}
			spec:
			  storageClassName: local
			  capacity: {storage: 10Gi}
			  accessModes: [ReadWriteOnce]
			  persistentVolumeReclaimPolicy: Retain
			  local: {path: $STATE/volumes/$i}
			  nodeAffinity:
			    required:
			      nodeSelectorTerms:
			      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$NODE]}]
		YAML
	done
}

make_config() {
	config_volumes
	config_containerd
	config_kubelet
	config_kube_proxy
	config_coredns
}
