# shellcheck shell=bash
# One authority for the whole cluster, and what it signs; kubeconfigs. Sourced by "cluster".

# NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: $STATE/pki/NAME.crt and .key
certificate() {
	local file=$STATE/pki/$1 extensions='basicConstraints=CA:FALSE
keyUsage=digitalSignature
extendedKeyUsage=serverAuth,clientAuth'
	[ -z "${3:-}" ] || extensions+=$'\n'subjectAltName=$3
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$file.key" -out "$file.csr" \
		-subj "$2" 2>>"$STATE/log/openssl.log"
	openssl x509 -req -in "$file.csr" -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" -days 365 -sha256 \
		-set_serial "0x$(openssl rand -hex 8)" -extfile <(echo "$extensions") -out "$file.crt" 2>>"$STATE/log/openssl.log"
	rm "$file.csr"
}

# PIECE USER [GROUP]: a client certificate and $STATE/PIECE.kubeconfig
client() {
	certificate "$1" "${3:+/O=$3}/CN=$2"
	kubeconfig "$STATE/$1.kubeconfig" "$1" default
}

# FILE CERTIFICATE NAMESPACE; all in one file, so that it may be copied
kubeconfig() {
	cat >"$1" <<-YAML
		apiVersion: v1
		kind: Config
		current-context: green-ml
		clusters:
		- name: green-ml
		  cluster:
		    server: $API
		    certificate-authority-data: $(base64 -w 0 "$STATE/pki/ca.crt")
		contexts:
		- name: green-ml
		  context: {cluster: green-ml, user: green-ml-$2, namespace: $3}
		users:
		- name: green-ml-$2
		  user:
		    client-certificate-data: $(base64 -w 0 "$STATE/pki/$2.crt")
		    client-key-data: $(base64 -w 0 "$STATE/pki/$2.key")
	YAML
}

make_certificates() {
	local service=kubernetes.default names
	mkdir -p "$STATE/pki"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -sha256 \
		-subj '/CN=green-ml test cluster' -addext 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature' \
		-keyout "$STATE/pki/ca.key" -out "$STATE/pki/ca.crt" 2>>"$STATE/log/openssl.log"
	openssl ecparam -name prime256v1 -genkey -noout -out "$STATE/pki/service-account.key"
	names=DNS:localhost,DNS:kubernetes,DNS:$service,DNS:$service.svc,DNS:$service.svc.cluster.local
	certificate kube-apiserver /CN=kube-apiserver \
		"$names,IP:127.0.0.1,IP:$NODE_ADDRESS,IP:${SERVICE_RANGE%.0/*}.1"
	certificate etcd /CN=etcd DNS:localhost,IP:127.0.0.1
	certificate kubelet-server /CN=kubelet "DNS:$NODE,IP:$NODE_ADDRESS"
	service=argo-server
	names=DNS:$service,DNS:$service.argo,DNS:$service.argo.svc,DNS:$service.argo.svc.cluster.local
	certificate argo-server /CN=argo-server "$names,DNS:localhost,IP:127.0.0.1"

	client admin green-ml-admin system:masters
	client apiserver-client kube-apiserver system:masters
	client kube-controller-manager system:kube-controller-manager
	client kube-scheduler system:kube-scheduler
	client kube-proxy system:kube-proxy
	client coredns system:coredns
	client kubelet "system:node:$NODE" system:nodes
	kubeconfig "$STATE/kubeconfig" admin "$NAMESPACE"
}
