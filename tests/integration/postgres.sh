# shellcheck shell=bash
# A private PostgreSQL for tests and the demo; to be sourced. It listens on a Unix socket only, lies in a folder of its
# own outside the clone, and is gone when the script ends, however it ends.
#
#   at_exit COMMAND...              run it when the script ends; the last one registered runs first
#   postgres_start [NAME=VALUE]...  create a cluster at the first call, start it, export PGHOST PGPORT PGUSER
#                                   PGDATABASE; the arguments are further server settings
#   postgres_stop [SIGNAL]          stop it: connections are cut, the data stay and postgres_start finds them; with
#                                   QUIT as a crash would, and then the last commits may be lost
#   postgres_remove                 stop it and delete its folder
#   green_ml_database NAME [ARGUMENT]...
#                                   create a database owned by green_ml_owner, run database/migrate ARGUMENT... in it
#                                   as the owner, export PGDATABASE; PGUSER stays the superuser
#   sql QUERY                       the rows as bare text, columns apart by "|"
#   as ROLE COMMAND...              run it connected as green_ml_ROLE (owner loader preprocessor trainer scheduler api
#                                   metrics)
#
# POSTGRES_DIR is the folder (data/, log), POSTGRES_PID the server's process. Without errexit look at the result.

ROOT=${ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
POSTGRES_DIR=
POSTGRES_PID=
at_exit_commands=()

at_exit() {
	at_exit_commands+=("$(printf '%q ' "$@")")
	trap at_exit_run EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

at_exit_run() {
	local status=$? i
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	for ((i = ${#at_exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${at_exit_commands[i]}"
	done
	exit "$status"
}

# The folder of PostgreSQL's programs: Debian's newest, else where initdb is found.
postgres_programs() {
	local newest
	newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
	[ -x "$newest" ] || newest=$(command -v initdb) || {
		echo 'could not find PostgreSQL: run "make deps"' >&2
		return 1
	}
	dirname "$(readlink -f "$newest")"
}

# Becomes the command, so to be called in a subshell. PostgreSQL refuses to run as root: there it runs as another
# account. The folder / is one that every account may stand in.
postgres_exec() {
	local user=postgres
	cd / || exit 1
	[ "$(id -u)" = 0 ] || exec "$@"
	id -u postgres >/dev/null 2>&1 || user=nobody
	HOME=/ exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

# A folder that the server's account can reach, with a path short enough for a socket (108 bytes).
postgres_folder() {
	local parent folder owner
	for parent in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		case $(cd "$parent" 2>/dev/null && pwd -P)/ in /"" | "$ROOT"/*) continue ;; esac
		[ "${#parent}" -lt 60 ] && folder=$(mktemp -d "$parent/green-ml-postgres.XXXXXX") || continue
		owner=$(postgres_exec id -u)
		if { [ "$owner" = "$(id -u)" ] || chown "$owner" "$folder"; } && (postgres_exec test -w "$folder"); then
			echo "$folder"
			return 0
		fi
		rm -rf "$folder"
	done
	echo 'could not make a folder for PostgreSQL below TMPDIR, /tmp or /var/tmp' >&2
	return 1
}

postgres_start() {
	local programs setting more=() i
	! kill -0 "${POSTGRES_PID:-none}" 2>/dev/null || return 0
	programs=$(postgres_programs) || return 1
	if [ -z "$POSTGRES_DIR" ]; then
		POSTGRES_DIR=$(postgres_folder) || return 1
		at_exit postgres_remove
		unset "${!PG@}"
		export PGHOST=$POSTGRES_DIR PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
		(postgres_exec "$programs/initdb" -D "$POSTGRES_DIR/data" -A trust --no-sync -U postgres -E UTF8 --locale=C) \
			>"$POSTGRES_DIR/initdb.log" 2>&1 || {
			echo 'could not create a PostgreSQL cluster:' >&2
			cat "$POSTGRES_DIR/initdb.log" >&2
			return 1
		}
	fi
	for setting in "$@"; do
		more+=(-c "$setting")
	done
	# Should this script be killed, the kernel tells the server to quit: no process is left behind.
	postgres_exec setpriv --pdeathsig QUIT "$programs/postgres" -D "$POSTGRES_DIR/data" -k "$POSTGRES_DIR" -p 5432 \
		-c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=128MB \
		-c max_connections=50 -c max_parallel_workers_per_gather=0 ${more[@]+"${more[@]}"} \
		</dev/null >>"$POSTGRES_DIR/log" 2>&1 &
	POSTGRES_PID=$!
	for ((i = 0; i < 600; i++)); do
		"$programs/pg_isready" -q -d postgres && return 0
		kill -0 "$POSTGRES_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo 'could not start PostgreSQL:' >&2
	tail -n 20 "$POSTGRES_DIR/log" >&2
	postgres_stop QUIT
	return 1
}

postgres_stop() {
	local i
	[ -n "$POSTGRES_PID" ] || return 0
	kill -s "${1:-INT}" "$POSTGRES_PID" 2>/dev/null || :
	for ((i = 0; i < 200; i++)); do
		kill -0 "$POSTGRES_PID" 2>/dev/null || break
		sleep 0.05
	done
	kill -s KILL "$POSTGRES_PID" 2>/dev/null || :
	wait "$POSTGRES_PID" 2>/dev/null || :
	POSTGRES_PID=
}

postgres_remove() {
	postgres_stop QUIT
	[ -z "$POSTGRES_DIR" ] || rm -rf "$POSTGRES_DIR"
	POSTGRES_DIR=
}

sql() {
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

as() {
	local role=green_ml_$1
	shift
	PGUSER=$role "$@"
}

green_ml_database() {
	local name=$1
	shift
	if [ "$(PGDATABASE=postgres sql "SELECT count(*) FROM pg_roles WHERE rolname = 'green_ml_loader'")" = 0 ]; then
		PGDATABASE=postgres psql -Xq -v ON_ERROR_STOP=1 -f "$ROOT/database/roles.sql" >/dev/null || return 1
	fi
	PGDATABASE=postgres psql -Xq -v ON_ERROR_STOP=1 -v name="$name" <<-'SQL' || return 1
		SELECT 'CREATE ROLE green_ml_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB'
		WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'green_ml_owner') \gexec
		CREATE DATABASE :"name" OWNER green_ml_owner;
	SQL
	export PGDATABASE=$name
	PGUSER=green_ml_owner GREEN_ML_REGISTER=${BIN:-$ROOT/build/release/bin}/register "$ROOT/database/migrate" "$@"
}
