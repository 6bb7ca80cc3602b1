#!/usr/bin/env bash
# The Kubernetes YAML, without a cluster: it renders, every image can be replaced, Argo's own schemas and "argo lint" accept
# it, and it keeps what it promises.
. "$(dirname "$0")/../integration/lib.sh"
cd "$ROOT"
python3 -c 'import yaml' 2>/dev/null || skip_all 'python3 has no module yaml (Debian: python3-yaml)'

# The cluster's programs where they are built; Debian's kubectl is too old to render these files.
cache=$(tests/cluster/cluster cache 2>/dev/null) || cache=/nonexistent
kubectl=$cache/bin/kubectl
[ -x "$kubectl" ] || kubectl=$(command -v kubectl) || skip_all 'there is no kubectl'
"$kubectl" kustomize pipeline/base >"$TMP/base.yaml" 2>"$ERR" || {
	[ "$kubectl" = "$cache/bin/kubectl" ] || skip_all "$kubectl is too old: $(head -n 1 "$ERR" | cut -c 1-100)"
}
check() {
	python3 tests/checks/manifests.py "$@"
}
images() { # FILE
	check images "$1" | sed '/{{/d'
}

version=$(sed -n 's/^## \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md | head -n 1)

# --- it renders -----------------------------------------------------------------------------------------------------
for overlay in pipeline/base pipeline/overlays/local pipeline/overlays/azure; do
	name=${overlay##*/}
	ok "$overlay renders" "$kubectl" kustomize "$overlay"
	cp "$OUT" "$TMP/$name.yaml"
	ok "$overlay keeps the rules" check rules "$TMP/$name.yaml" pipeline/*.yaml
	is "every image of $overlay has the version of the CHANGELOG" "$(images "$TMP/$name.yaml" | sed "/:$version\$/d")" ''
done
for name in data-fetch preprocessing model-training model-api scheduler data-source tools postgres; do
	like "the local overlay uses the image $name" "$(check images "$TMP/local.yaml")" "^green-ml/$name:"
done

# --- another registry and tag -----------------------------------------------------------------------------------------
for overlay in local azure; do
	mkdir "$TMP/other"
	{
		echo "resources: [$(realpath --relative-to="$TMP/other" "pipeline/overlays/$overlay")]"
		echo 'images:'
		images "$TMP/$overlay.yaml" | sed -E 's/:[^:/]*$//' | while read -r image; do
			echo "- {name: $image, newName: registry.test/team/${image##*/}, newTag: 9.9.9}"
		done
	} >"$TMP/other/kustomization.yaml"
	ok "$overlay with another registry and tag" "$kubectl" kustomize "$TMP/other"
	cp "$OUT" "$TMP/other.yaml"
	unlike 'leaves no image of the old one' "$(images "$TMP/other.yaml")" "^green-ml|example|:$version"
	is 'nor a word of it' "$(grep -oE '(^|[ "])(green-ml|registry.example.com/green-ml)/(data-|prep|model-|sched|tools|postgres)' "$TMP/other.yaml" || :)" ''
	like 'the image that deploy puts into its Deployment too' "$(check images "$TMP/other.yaml")" '^registry.test/team/model-api:9.9.9$'
	rm -r "$TMP/other"
done

# --- Argo's own opinion -----------------------------------------------------------------------------------------------
crds=$cache/manifests/base/crds/full
[ -d "$crds" ] || crds=$(echo "${GOMODCACHE:-${HOME:-/root}/go/pkg/mod}"/github.com/argoproj/argo-workflows/v4@*/manifests/base/crds/full)
if [ -d "$crds" ]; then
	ok "Argo's full CRDs accept everything" check schema "$crds" "$TMP/base.yaml" "$TMP/local.yaml" "$TMP/azure.yaml" pipeline/*.yaml \
		pipeline/examples/*.yaml
	like 'which is more than nothing' "$(cat "$OUT")" '^[3-9][0-9] objects'
	sed 's/workflowSpec/workFlowSpec/; s/schedules: .*/schedule: "* * * * *"/' pipeline/scheduler-cron.yaml >"$TMP/wrong.yaml"
	not_ok 'they refuse the fields of the first version' check schema "$crds" "$TMP/wrong.yaml"
	like 'each' "$(tr '\n' ' ' <"$OUT")" 'workflowSpec is missing.*unknown field schedule.*unknown field workFlowSpec|unknown field workFlowSpec'
else
	skip "Argo's full CRDs accept everything" 'they are not on this machine: run "tests/cluster/cluster build"'
fi
crds=$(printf '%s\n' "${GOMODCACHE:-${HOME:-/root}/go/pkg/mod}"/github.com/cloudnative-pg/cloudnative-pg@*/config/crd/bases | tail -n 1)
if [ -d "$crds" ]; then
	ok "CloudNativePG's CRDs accept its cluster" check schema "$crds" "$TMP/azure.yaml"
	is 'which is there' "$(cat "$OUT")" '1 objects'
else
	skip "CloudNativePG's CRDs accept its cluster" 'they are not on this machine'
fi
if [ -x "$cache/bin/argo" ]; then
	mkdir "$TMP/lint"
	cp "$TMP/base.yaml" pipeline/*.yaml "$TMP/lint"
	ok 'argo lint --offline' timeout 60 "$cache/bin/argo" lint --offline --no-color "$TMP/lint"
	sed -i 's/template: verify/template: verifies/' "$TMP/lint/base.yaml"
	not_ok 'which finds a template that is not there' timeout 60 "$cache/bin/argo" lint --offline --no-color "$TMP/lint"
else
	skip 'argo lint --offline' 'argo is not built: run "tests/cluster/cluster build"'
fi

# --- network policies: what they let pass, as Kubernetes defines it; whether a cluster enforces them is its own affair --------
printf 'resources: [%s]\ncomponents: [%s, %s]\n' "$(realpath --relative-to="$TMP" pipeline/overlays/local)" \
	"$(realpath --relative-to="$TMP" pipeline/components/network-policies)" \
	"$(realpath --relative-to="$TMP" pipeline/components/watch)" >"$TMP/kustomization.yaml"
printf 'namespace: green-ml\n' >>"$TMP/kustomization.yaml"
ok 'the local overlay with network policies and the scheduler that watches' "$kubectl" kustomize "$TMP"
cp "$OUT" "$TMP/policies.yaml"
ok 'keeps the rules' check rules "$TMP/policies.yaml" pipeline/*.yaml
is 'every image has the version of the CHANGELOG' "$(images "$TMP/policies.yaml" | sed "/:$version\$/d")" ''
pod_labels() { # FILE KIND NAME: as they are in what is rendered, not as this test believes
	python3 -c '
import sys, yaml
for d in yaml.safe_load_all(open(sys.argv[1])):
    if d and d["kind"] == sys.argv[2] and d["metadata"]["name"] == sys.argv[3]:
        print(",".join("=".join(pair) for pair in sorted(d["spec"]["template"]["metadata"]["labels"].items())))' "$@"
}
step=workflows.argoproj.io/workflow=x
api=app.kubernetes.io/name=model-api,app.kubernetes.io/part-of=green-ml
operator=cnpg.io/cluster=my-database-cluster
plain=$(pod_labels "$TMP/policies.yaml" StatefulSet my-database-cluster)
migrate=$(pod_labels "$TMP/policies.yaml" Job green-ml-migrate)
csv=$(pod_labels "$TMP/policies.yaml" Deployment data-source)
watch=$(pod_labels "$TMP/policies.yaml" Deployment scheduler-watch)
like 'the pods are found' "$plain $migrate $csv" '=my-database-cluster.*=green-ml-migrate.*=data-source'
while read -r file wanted from to port; do
	is "$file: $from to $to, port $port: $wanted" "$(check flow "$TMP/$file.yaml" "$from" "$to" "$port")" "$wanted"
done <<TEXT
policies allowed $step $plain 5432
policies allowed $api $plain 5432
policies allowed $migrate $plain 5432
policies allowed $step $csv 8080
policies allowed $step $api 5000
policies allowed $watch $plain 5432
policies denied $watch $csv 8080
policies denied $csv $plain 5432
policies denied $plain $csv 8080
policies denied $api $csv 8080
policies denied $step $plain 8080
policies denied app=other $plain 5432
azure allowed $step $operator 5432
azure allowed $api $operator 5432
azure allowed $operator $operator 8000
azure denied $step $operator 8000
base allowed app=other $plain 5432
TEXT

# --- the rules can fail -------------------------------------------------------------------------------------------------
broken() { # DESC SED_SCRIPT REGEX
	sed -E "$2" "$TMP/local.yaml" >"$TMP/broken.yaml"
	run check rules "$TMP/broken.yaml" pipeline/*.yaml
	like "rule: $1" "$STATUS $(tr '\n' ' ' <"$OUT")" "^1 .*$3"
}
broken 'no wildcard' 's/^  - workflowtaskresults$/  - "*"/' 'a wildcard in resources'
broken 'a command' 's/^(      +)command:$/\1commands:/' 'no command'
broken 'no root' 's/runAsNonRoot: true/runAsNonRoot: false/' 'may run as root'
broken 'a root that cannot be written' 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/' 'the root can be written'
broken 'resources' 's/ limits:$/ limit:/' 'no resources'
broken 'a fixed tag' 's/(image: .*):0\.1\.0/\1/' 'has no fixed tag'
broken 'an argument is an input' 's/- name: promotion_id$/- name: promotion/' 'promotion_id is no input parameter'
broken 'a declared parameter' 's/^      name: n_rows$/      name: rows/' 'sets n_rows, which'
unlike 'no password in any file' "$(grep -rhiE '^ *"?password"?: *[^ {]' database/kubernetes pipeline | sed '/REPLACE/d')" .
plan_done
