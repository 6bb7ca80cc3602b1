# shellcheck shell=bash
# The images: made from nothing, kept as docker archives in the cache. Sourced by "cluster".

# Runs buildah with storage of its own, so that the machine's does not fill with what only the cluster needs.
own_buildah() {
	timeout --kill-after=5 600 buildah --root "$BUILDAH/root" --runroot "$BUILDAH/run" --storage-driver vfs "$@" 9>&-
}

# An image of some files: FILE=PATH pairs, then buildah config options.
make_image() { # ARCHIVE NAME FILE=PATH... [-- OPTION...]
	local archive=$CACHE/images/$1.tar name=$2 container pair
	shift 2
	[ ! -s "$archive" ] || return 0
	say "making the image $name"
	container=$(own_buildah from scratch)
	while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
		pair=$1
		own_buildah add --quiet "$container" "${pair%%=*}" "${pair#*=}" >/dev/null
		shift
	done
	[ "$#" = 0 ] || shift
	[ "$#" = 0 ] || own_buildah config "$@" "$container"
	own_buildah commit --quiet --format docker --rm "$container" "$name" >/dev/null
	mkdir -p "$CACHE/images"
	rm -f "$archive.new"
	own_buildah push --quiet "$name" "docker-archive:$archive.new:$name"
	mv "$archive.new" "$archive"
}

build_images() {
	local bin=$CACHE/bin status=0
	BUILDAH=$(mktemp -d "${TMPDIR:-/tmp}/green-ml-buildah.XXXXXX")
	# A subshell, so that the folder goes however this ends.
	(
		set -e
		gcc -Os -static -o "$BUILDAH/pause" "$HERE/pause.c"
		make_image pause "$PAUSE_IMAGE" "$BUILDAH/pause=/pause" -- --entrypoint '["/pause"]' --user 65535
		for program in argo=argocli workflow-controller=workflow-controller argoexec=argoexec; do
			archive=${program#*=}
			[ "$archive" != workflow-controller ] || archive=argo-$archive
			make_image "$archive" "quay.io/argoproj/${program#*=}:$ARGO" "$bin/${program%%=*}=/bin/" -- \
				--env PATH=/bin --entrypoint "[\"${program%%=*}\"]" --user 8737
		done
		base_archive
	) || status=$?
	rm -rf "$BUILDAH"
	[ "$status" = 0 ] || die 'could not make the images'
}

# What "FROM debian:bookworm-slim" means, from Debian's packages.
base_archive() {
	local root=$BUILDAH/base.tar
	[ ! -s "$CACHE/images/debian.tar" ] || return 0
	say "making a Debian $SUITE with mmdebstrap"
	logged 900 "$CACHE/log/mmdebstrap.log" mmdebstrap --mode=root --variant=minbase \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' "$SUITE" "$root" || {
		log_tail "$CACHE/log/mmdebstrap.log"
		return 1
	}
	make_image debian "$BASE_IMAGE" "$root=/" -- --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--cmd bash
}

# Makes the machine's own buildah and podman know the base image, so that a Dockerfile needs no registry.
base_image_known() {
	! timeout 60 buildah inspect --type image "$BASE_IMAGE" >/dev/null 2>&1 || return 0
	logged 300 "$CACHE/log/base-image.log" buildah pull --quiet "docker-archive:$CACHE/images/debian.tar" || {
		log_tail "$CACHE/log/base-image.log"
		die "could not load $BASE_IMAGE into buildah's storage"
	}
}

import_archive() { # FILE
	ctr images import --no-unpack=false "$1" >/dev/null
}

# A docker archive of an image of this machine, under the name that buildah or docker give it.
export_image() { # NAME FILE
	local full
	if full=$(timeout 60 buildah images --format '{{.Name}}:{{.Tag}}' "$1" 2>/dev/null | head -n 1) && [ -n "$full" ]; then
		timeout 300 buildah push --quiet "$full" "docker-archive:$2:$full"
		echo "$full"
	elif timeout 60 docker image inspect "$1" >/dev/null 2>&1; then
		timeout 300 docker save -o "$2" "$1"
		echo "$1"
	else
		return 1
	fi
}

cluster_load_images() {
	local image folder full
	piece_alive containerd || die 'the cluster is not up; run "tests/cluster/cluster up"'
	folder=$(mktemp -d "${TMPDIR:-/tmp}/green-ml-images.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$folder'" EXIT
	for image in "$@"; do
		if [ -f "$image" ]; then
			import_archive "$image" || die "could not import the archive \"$image\""
		else
			full=$(export_image "$image" "$folder/image.tar") ||
				die "there is neither a file nor an image named \"$image\""
			import_archive "$folder/image.tar" || die "could not import the image \"$image\""
			# Kubernetes reads a name without a registry as docker.io's, buildah as localhost's.
			case $full in
			localhost/*/*) ctr images tag --force "$full" "docker.io/${full#localhost/}" >/dev/null ;;
			localhost/*) ctr images tag --force "$full" "docker.io/library/${full#localhost/}" >/dev/null ;;
			esac
			rm -f "$folder/image.tar"
		fi
		say "loaded $image"
	done
}
