#!/usr/bin/env bash
# The local cluster itself: up, a workflow in the restricted namespace by hand and through Argo's server, a NodePort,
# up again, crashes, down. Root only; it does not build, which "cluster build" does.
. "$(dirname "$0")/../integration/lib.sh"

CLUSTER=$ROOT/tests/cluster/cluster
STATE=/var/lib/green-ml-cluster
planned=57
[ -z "${E2E_WHY_NOT:-}" ] || skip_all "$E2E_WHY_NOT"
[ "$(id -u)" = 0 ] || skip_all 'the cluster needs root'
cache=$("$CLUSTER" cache) || skip_all 'the cluster is not built: run "tests/cluster/cluster build"'
case $("$CLUSTER" owner) in
none | gone) ;;
*) skip_all 'a cluster is up that these tests have not started: run "make cluster-down"' ;;
esac
export PATH=$cache/bin:$PATH CLUSTER_OWNER=$$
KUBECONFIG=$("$CLUSTER" kubeconfig)
export KUBECONFIG

kube() {
	timeout 60 kubectl --request-timeout=30s "$@"
}

# Nothing of a cluster: processes, mounts, the bridge, rules, cgroups. Prints what it finds.
traces() {
	for entry in /proc/[0-9]*; do
		command=$({ tr '\0' ' ' <"$entry/cmdline"; } 2>/dev/null) || continue
		case $command in
		*/kube*"$STATE"* | *etcd*"$STATE"* | *coredns*"$STATE"* | *containerd*"$STATE"*) echo "$command" ;;
		esac
	done
	grep -F "$STATE/" /proc/self/mountinfo || :
	ip -o link show cni0 2>/dev/null || :
	ip -o link show type veth master cni0 2>/dev/null || :
	{ iptables-save && ip6tables-save; } 2>/dev/null | grep -E 'KUBE-|CNI-' || :
	find /sys/fs/cgroup -type d -path '*/kubepods*' | head -n 3
	ls /var/lib/cni/results/green-ml-* 2>/dev/null || :
	find "$STATE" -mindepth 1 -maxdepth 1 ! -name log 2>/dev/null || :
}

at_exit "$CLUSTER" down

# --- up -------------------------------------------------------------------------------------------------------------
ok 'down is safe when nothing is up' "$CLUSTER" down
is 'and leaves nothing' "$(traces)" ''
began=$SECONDS
ok 'up' "$CLUSTER" up
took=$((SECONDS - began))
ok "up takes less than 60 s ($took s)" test "$took" -lt 60
for what in kubelet etcd kube-proxy containerd-shim "$STATE/run/" cni0: veth KUBE-SERVICES kubepods; do
	like "the traces of a cluster show $what" "$(traces)" "$what"
done
before=$(cat "$STATE"/pids/*)
began=$SECONDS
ok 'up again' "$CLUSTER" up
is 'changes nothing' "$(cat "$STATE"/pids/*)" "$before"
ok "and is quick ($((SECONDS - began)) s)" test "$((SECONDS - began))" -lt 5
ok 'status' "$CLUSTER" status
unlike 'calls nothing absent' "$(cat "$OUT")" absent
is 'listens on the bridge and on loopback only' \
	"$(ss -Hltnp | awk '/"(kube|etcd|coredns|containerd)/ && $4 !~ /^(127\.|10\.42\.0\.1:|\[::1\])/' | head -n 5)" ''
is 'the version' "$(kube version -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["serverVersion"]["gitVersion"])')" v1.34.4

# --- images ---------------------------------------------------------------------------------------------------------
ok 'load an archive' "$CLUSTER" load-images "$cache/images/debian.tar"
printf '%s\n' 'FROM docker.io/library/debian:bookworm-slim' 'USER 65532' 'CMD ["/bin/true"]' >"$TMP/Dockerfile"
ok 'build an image from the base image without a registry' \
	timeout 120 buildah bud --isolation chroot --network host -t localhost/green-ml-selftest:1 -f "$TMP/Dockerfile" "$TMP"
at_exit timeout 60 buildah rmi -f localhost/green-ml-selftest:1
ok 'load it by its name' "$CLUSTER" load-images localhost/green-ml-selftest:1
exits 'an unknown image is an error' 1 "$CLUSTER" load-images localhost/no-such-image:1
like 'that names it' "$(cat "$ERR")" 'no-such-image'

# --- a workflow in the restricted namespace -------------------------------------------------------------------------
cat >"$TMP/objects.yaml" <<'YAML'
apiVersion: v1
kind: ServiceAccount
metadata: {name: selftest}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: selftest}
rules:
- {apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}
- {apiGroups: [argoproj.io], resources: [workflows], verbs: [create, get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: selftest}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: selftest}
subjects: [{kind: ServiceAccount, name: selftest, namespace: green-ml}]
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: selftest}
spec:
  entrypoint: main
  serviceAccountName: selftest
  activeDeadlineSeconds: 120
  arguments: {parameters: [{name: word, value: hello}]}
  templates:
  - name: main
    dag:
      tasks:
      - name: first
        template: write
        arguments: {parameters: [{name: text, value: "{{workflow.parameters.word}}"}]}
      - name: second
        depends: first
        template: write
        arguments: {parameters: [{name: text, value: "{{tasks.first.outputs.parameters.text}}-again"}]}
    outputs: {parameters: [{name: text, valueFrom: {parameter: "{{tasks.second.outputs.parameters.text}}"}}]}
  - name: write
    inputs: {parameters: [{name: text}]}
    outputs: {parameters: [{name: text, valueFrom: {path: /out/text}}]}
    volumes: [{name: out, emptyDir: {}}]
    container:
      image: localhost/green-ml-selftest:1
      command: [sh, -c, 'printf "%s" "$0" | tee /out/text', "{{inputs.parameters.text}}"]
      volumeMounts: [{name: out, mountPath: /out}]
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {fsGroup: 65532}
  volumes: [{name: data, persistentVolumeClaim: {claimName: web}}]
  containers:
  - name: web
    image: green-ml-selftest:1
    volumeMounts: [{name: data, mountPath: /data}]
    command:
    - perl
    - -MIO::Socket::INET
    - -e
    - '$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die; while ($c = $s->accept) { sysread($c, $b, 4096); print $c "HTTP/1.0 200 OK\r\n\r\nit answers\n"; close $c }'
    securityContext:
      runAsNonRoot: true
      runAsUser: 65532
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30099}]
YAML
ok 'objects of the test' kube apply -f "$TMP/objects.yaml"
not_ok 'a pod that is not restricted is refused' kube run loose --image=localhost/green-ml-selftest:1 --restart=Never
like 'because of Pod Security' "$(cat "$ERR")" 'violates PodSecurity "restricted'

began=$SECONDS
ok 'argo submit --wait' timeout 120 argo submit --wait --from workflowtemplate/selftest --name by-hand -p word=grid
ok "two steps take less than 45 s ($((SECONDS - began)) s)" test "$((SECONDS - began))" -lt 45
is 'it succeeded' "$(kube get workflow by-hand -o 'jsonpath={.status.phase}')" Succeeded
is 'the output of the last step went through both' \
	"$(kube get workflow by-hand -o 'jsonpath={.status.nodes.by-hand.outputs.parameters[0].value}')" grid-again

# --- the same through Argo's server ---------------------------------------------------------------------------------
token=$(kube create token selftest --duration=10m)
address=$(kube -n argo get service argo-server -o 'jsonpath={.spec.clusterIP}')
kube -n green-ml get configmap kube-root-ca.crt -o 'jsonpath={.data.ca\.crt}' >"$TMP/ca.crt"
printf 'header = "Authorization: Bearer %s"\n' "$token" >"$TMP/authorization"
server() { # PATH CURL-ARGUMENT...
	local path=$1
	shift
	curl -sS -m 30 --cacert "$TMP/ca.crt" --resolve "argo-server.argo.svc:2746:$address" -K "$TMP/authorization" \
		-w '\n%{http_code}\n' "https://argo-server.argo.svc:2746$path" "$@"
}
submit='{"namespace":"green-ml","resourceKind":"WorkflowTemplate","resourceName":"selftest",
	"submitOptions":{"name":"by-server","parameters":["word=wind"]}}'
run server /api/v1/workflows/green-ml/submit -X POST -d "$submit"
is 'submit through the server, TLS verified with the CA that pods have' "$STATUS $(tail -n 1 "$OUT")" '0 200'
run server /api/v1/workflows/green-ml/submit -X POST -d "$submit"
is 'the same name again is a conflict' "$(tail -n 1 "$OUT")" 409
finished() {
	[ "$(kube get workflow by-server -o 'jsonpath={.status.phase}')" = Succeeded ]
}
ok 'it succeeds' wait_for 60 finished
run server '/api/v1/workflows/green-ml/by-server?fields=status.phase'
like 'the server says so' "$(cat "$OUT")" '"phase":"Succeeded"'
run server /api/v1/workflows/argo
is 'another namespace is forbidden' "$(tail -n 1 "$OUT")" 403
sed -i 's/Bearer ./Bearer x/' "$TMP/authorization"
run server /api/v1/workflows/green-ml
is 'a wrong token is refused' "$(tail -n 1 "$OUT")" 401
not_ok 'without the CA the certificate does not verify' \
	curl -sS -m 10 --resolve "argo-server.argo.svc:2746:$address" "https://argo-server.argo.svc:2746/"

# --- services -------------------------------------------------------------------------------------------------------
ok 'a NodePort answers on localhost' wait_for 30 curl -fsS -m 3 http://localhost:30099/
is 'with what the pod says' "$(curl -fsS -m 3 http://localhost:30099/)" 'it answers'
is 'the service has a name in pods' "$(kube exec web -- perl -MIO::Socket::INET -e \
	'$s = IO::Socket::INET->new(PeerAddr => "web.green-ml.svc.cluster.local:80", Timeout => 5) or die $@; print $s "GET /\r\n\r\n"; print grep { /answers/ } <$s>')" 'it answers'

ok 'a claimed volume can be written' kube exec web -- sh -c 'echo kept >/data/file && cat /data/file'
like 'the logs of a step' "$(timeout 30 argo logs by-hand 2>&1)" 'grid-again'
measured() {
	kube get --raw /api/v1/nodes/green-ml/proxy/metrics/cadvisor |
		grep -q '^container_cpu_usage_seconds_total{container="web".*namespace="green-ml",pod="web"'
}
ok 'the kubelet measures the CPU seconds of each container' wait_for 30 measured

# --- a crash, and down ----------------------------------------------------------------------------------------------
read -r pid _ <"$STATE/pids/kube-controller-manager"
kill -s KILL "$pid"
wait_for 5 sh -c "! kill -0 $pid" || :
exits 'status after a crash' 1 "$CLUSTER" status
like 'names the piece' "$(cat "$OUT")" 'kube-controller-manager +absent'
read -r pid _ <"$STATE/pids/containerd"
kill -s KILL "$pid"
ok 'down after the crash of containerd and a controller' "$CLUSTER" down
is 'leaves nothing' "$(traces)" ''
background interrupted "$CLUSTER" up
begun=$PID
ok 'an "up" begins' wait_for 30 test -e "$STATE/pids/kube-apiserver"
kill "$begun"
ok 'and is interrupted' wait_for 60 sh -c "! kill -0 $begun"
like 'it says that it gives up' "$(cat "$TMP/interrupted.err")" 'the cluster did not start'
is 'and leaves nothing' "$(traces)" ''
ok 'up after it' "$CLUSTER" up
ok 'down' "$CLUSTER" down
is 'leaves nothing again' "$(traces)" ''
plan_done
