/* model-api: answers predictions of the champion models over HTTP. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/container.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/setting.h"
#include "common/spec.h"
#include "common/xalloc.h"
#include "model-api/selection.h"
#include "model-api/serve.h"
#include "model-api/verify_command.h"

static struct serve_settings config;
static const char *names, *pins;
static const char *spec_path;
static const char *as;

static const struct setting settings[] = {
    {"host", "API_HOST", SETTING_TEXT, &config.server.host, "0.0.0.0", 0, 0, NULL, "ADDRESS",
     "address to listen on; :: takes IPv4 and IPv6"},
    {"port", "API_PORT", SETTING_INT, &config.server.port, "5000", 0, 65535, NULL, "N",
     "port to listen on; 0: any free one"},
    {"port-file", NULL, SETTING_TEXT, &config.port_file, NULL, 0, 0, NULL, "FILE",
     "write the port here once it is open"},
    {"pipelines", "API_PIPELINES", SETTING_TEXT, &names, NULL, 0, 0, NULL, "A,B",
     "serve these pipelines only; default: those of --pipeline, else every registered one"},
    {"pipeline", "PIPELINE_SPEC", SETTING_TEXT, &spec_path, NULL, 0, 0, NULL, "PATH",
     "serve the pipeline of this spec, or those of a folder of specs"},
    {"as", "PIPELINE_NAME", SETTING_TEXT, &as, NULL, 0, 0, NULL, "NAME",
     "the name the spec is registered under, where it is not the spec's own"},
    {"pin", "API_PIN", SETTING_TEXT, &pins, NULL, 0, 0, NULL, "A=N,B=N",
     "serve these models too, at /v2/models/A/versions/N, whatever the champion is"},
    {"model-folder", "API_MODEL_FOLDER", SETTING_TEXT, &config.look.copies, NULL, 0, 0, NULL, "FOLDER",
     "keep a copy of each champion here, to start from when the database is away"},
    {"default-pipeline", "DEFAULT_PIPELINE", SETTING_TEXT, &config.default_pipeline, NULL, 0, 0, NULL, "NAME",
     "answers requests that name none; default: insurance where it is registered, else the only one"},
    {"instance", "HOSTNAME", SETTING_TEXT, &config.instance, NULL, 0, 0, NULL, "NAME",
     "this server's name in GET /version; default: the host's"},
    {"admin-port", "API_ADMIN_PORT", SETTING_INT, &config.server.admin_port, "-1", -1, 65535, NULL, "N",
     "serve /metrics and /update on this port only; -1: on --port like the rest"},
    {"token-file", "API_TOKEN_FILE", SETTING_TEXT, &config.token_file, NULL, 0, 0, NULL, "FILE",
     "/update and /feedback ask for the bearer token in this file; read again at SIGHUP"},
    {"log-sample", "API_LOG_SAMPLE", SETTING_REAL, &config.journal.sample, "0", 0, 1, NULL, "SHARE",
     "log this share of the predictions and take feedback on them"},
    {"log-keep-days", "API_LOG_KEEP_DAYS", SETTING_INT, &config.journal.keep_days, "30", 1, 36500, NULL, "N",
     "drop logged predictions older than this"},
    {"access-log", "API_ACCESS_LOG", SETTING_FLAG, &config.server.access_log, NULL, 0, 0, NULL, NULL,
     "a log line per request, without anything of its content"},
    {"threads", "API_THREADS", SETTING_INT, &config.server.threads, "0", 0, 64, NULL, "N",
     "serving threads; 0: as many as it may use processors"},
    {"max-connections", "API_MAX_CONNECTIONS", SETTING_INT, &config.server.max_connections, "2048", 4, 1000000, NULL,
     "N", "connections at once; further ones wait"},
    {"max-connections-per-address", "API_MAX_CONNECTIONS_PER_ADDRESS", SETTING_INT,
     &config.server.max_connections_per_address, "0", 0, 1000000, NULL, "N",
     "connections of one address at once, further ones are closed; 0: no limit"},
    {"max-body-bytes", "API_MAX_BODY_BYTES", SETTING_INT, &config.server.max_body_bytes, "4194304", 64, 1 << 30, NULL,
     "N", "longer bodies are refused with 413"},
    {"max-rows", "API_MAX_ROWS", SETTING_INT, &config.max_rows, "10000", 1, 1e7, NULL, "N", "rows in one request"},
    {"request-timeout-s", "API_REQUEST_TIMEOUT_S", SETTING_REAL, &config.server.request_timeout_s, "10", 0.5, 3600,
     NULL, "S", "a request's whole time, its answer included"},
    {"idle-timeout-s", "API_IDLE_TIMEOUT_S", SETTING_REAL, &config.server.idle_timeout_s, "60", 1, 3600, NULL, "S",
     "connections without a request are closed after this"},
    {"poll-s", "API_POLL_S", SETTING_REAL, &config.poll_s, "10", 0.1, 3600, NULL, "S",
     "look at the registry this often, besides being notified"},
    {"drain-s", "API_DRAIN_S", SETTING_REAL, &config.drain_s, "5", 0, 600, NULL, "S",
     "keep answering this long after SIGTERM"},
};

static const struct program program = {
    .name = "model-api",
    .purpose = "Answers predictions of the champion models over HTTP.",
    .usage = "[OPTIONS]\n       model-api verify --pipeline NAME --expect-promotion N --service HOST [OPTIONS]",
    .notes = "\"verify\" waits until a promotion is served: see model-api verify --help.\n"
	     "The routes are described in docs/API.md. SIGHUP: look at the registry now. SIGTERM: drain and stop.\n"
	     "The connection comes from PGHOST, PGDATABASE and libpq's other variables, or DB_HOST, DB_NAME, DB_USER, "
	     "DB_PASS.\n"
	     "Exit codes: 0 stopped as told, 1 failed for good, 2 wrong usage, setting or spec",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static void choose_threads(void)
{
	enum { MOST = 64 };

	if (config.server.threads == 0)
		config.server.threads = container_processors();
	if (config.server.threads > MOST)
		config.server.threads = MOST;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	char host[256] = "model-api";

	log_init("model-api");
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify_command(argc - 1, argv + 1);
	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	if (gethostname(host, sizeof(host) - 1) != 0 || !*host)
		snprintf(host, sizeof(host), "model-api");
	if (!config.instance || !*config.instance)
		config.instance = host;
	config.journal.instance = config.instance;
	/* The watch has its own pauses between attempts. */
	setenv("DB_CONNECT_TRIES", "1", 1);
	setenv("PGCONNECT_TIMEOUT", "5", 0);
	choose_threads();
	if (selection_take(names, spec_path, as, &config.look.pipelines, &config.look.pipeline_count, &fail) &&
	    selection_take_pins(pins, &config.look.pins, &config.look.pin_count, &fail))
		serve(&config, &fail);
	selection_release(config.look.pipelines, config.look.pipeline_count);
	selection_release(config.look.pins, config.look.pin_count);
	return fail.code ? fail_exit(&fail) : EXIT_DONE;
}
