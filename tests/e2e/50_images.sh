#!/usr/bin/env bash
# The container images: size, user, entrypoint, labels, what is inside, and that the same input gives the same digest.
# Needs root, buildah and a debian:bookworm-slim, which "tests/cluster/cluster build" makes where no registry is asked.
planned=64
. "$(dirname "$0")/../integration/lib.sh"
cd "$ROOT"
[ "$(id -u)" = 0 ] || skip_all 'building images needs root here'
command -v buildah >/dev/null || skip_all 'buildah is not installed'
timeout 60 buildah inspect --type image docker.io/library/debian:bookworm-slim >/dev/null 2>&1 ||
	skip_all 'there is no debian:bookworm-slim: run "tests/cluster/cluster build"'

PROGRAMS='data-fetch preprocessing model-training model-api scheduler'
tag=e2e-$$
export IMAGE_PREFIX=green-ml-test IMAGE_TAG=$tag APT_CONFIG_FROM_HOST=${APT_CONFIG_FROM_HOST-1}
# Of a run that was killed.
buildah images --format '{{.Name}}:{{.Tag}}' | grep '/green-ml-test/.*:e2e-' | while read -r image; do
	[ -d "/proc/${image##*-}" ] || timeout 100 buildah rmi -f "$image" >/dev/null
done
remove() {
	timeout 100 buildah rmi -f "$IMAGE_PREFIX/$1:$tag"
}
ok 'make images' timeout 1200 pipeline/images
sizes=$(cat "$OUT")
explain "$sizes"
inspect() { # NAME EXPRESSION: of i, what buildah knows of the image
	timeout 60 buildah inspect --type image "$IMAGE_PREFIX/$1:$tag" | python3 -c '
import json, sys
i = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}
for name in $PROGRAMS data-source tools postgres; do
	at_exit remove "$name"
	is "$name: user" "$(inspect "$name" 'i["OCIv1"]["config"]["User"]')" 65532:65532
	like "$name: an entrypoint without a shell around it" "$(inspect "$name" 'i["OCIv1"]["config"]["Entrypoint"]')" "^\['/usr/[a-z/-]+'"
	like "$name: labels" "$(inspect "$name" 'json.dumps(i["OCIv1"]["config"]["Labels"], sort_keys=True)')" \
		"image.description.*image.licenses.*image.title\": \"green-ml/$name\".*image.version\": \"[0-9]"
	container=$(buildah from "$IMAGE_PREFIX/$name:$tag")
	at_exit buildah rm "$container"
	folder=$(buildah mount "$container")
	ok "$name: a list of what is inside" python3 -c '
import json, sys
sbom = json.load(open(sys.argv[1]))
assert sbom["spdxVersion"] == "SPDX-2.3" and any(p["name"] == "libc6" and p["versionInfo"] for p in sbom["packages"])' \
		"$folder/usr/share/sbom/sbom.spdx.json"
	ok "$name: certificates" grep -q 'BEGIN CERTIFICATE' "$folder/etc/ssl/certs/ca-certificates.crt"
	is "$name: no program with the rights of another user" "$(find "$folder" -perm /6000 | head -n 3)" ''
	case " $PROGRAMS " in
	*" $name "*)
		ok "$name: starts, with all its libraries" chroot --userspec=65532:65532 "$folder" "/usr/local/bin/$name" --version
		is "$name: no other program" "$(find "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/local/bin" -type f -o -type l 2>/dev/null | sed 's,.*/,,')" "$name"
		;;
	esac
done
ok 'postgres: PostgreSQL starts' chroot --userspec=65532:65532 "$folder" /usr/lib/postgresql/15/bin/postgres --version
ok 'postgres: migrate starts' chroot --userspec=65532:65532 "$folder" /usr/share/green-ml/database/migrate --version

# Compiled again, from a copy with other times and another name of the folder.
digest() {
	inspect scheduler 'i["FromImageDigest"]'
}
before=$(digest)
mkdir "$TMP/copy"
cp -r Dockerfile .dockerignore CHANGELOG.md Makefile common data data-fetch database docs model-api model-training pipeline preprocessing \
	scheduler "$TMP/copy/"
find "$TMP/copy" -type f -exec touch -d 2001-01-01 {} +
sed -i 's/^WORKDIR .*/&\nRUN true/' "$TMP/copy/Dockerfile"
version=$(inspect scheduler 'i["OCIv1"]["config"]["Labels"]["org.opencontainers.image.version"]')
ok 'built again from a copy with other times' timeout 900 buildah bud --isolation chroot --network host --layers \
	--timestamp 0 --format docker --build-arg "VERSION=$version" --build-arg SOURCE_DATE_EPOCH=0 --target scheduler \
	-t "$IMAGE_PREFIX/scheduler:$tag" -f "$TMP/copy/Dockerfile" "$TMP/copy"
is 'the same digest' "$(digest)" "$before"
plan_done
